// What every peer of a bare reference ring does beside going round: it says when it is ready, and
// on SIGUSR1 the hops since the last time and how long they took, as HopTimes writes it.
#pragma once

#include <signal.h>
#include <time.h>

#include <cstdint>
#include <cstdio>

#include "bench/hop_times.h"

namespace podring::bench {

/// Microseconds of the wall clock, which the peers of a ring share.
inline std::int64_t now_micros() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
}

/// One in a process: the signal handler has nowhere else to write to.
class BareReport {
 public:
  BareReport() {
    struct sigaction action {};
    action.sa_handler = [](int) { asked_ = 1; };
    ::sigaction(SIGUSR1, &action, nullptr);
  }

  void say_ready() { say("ready"); }
  void add(std::int64_t micros) { times_.add(micros); }
  /// To be called between messages.
  void if_asked() {
    if (asked_ == 0) return;
    asked_ = 0;
    say(times_.text());
    times_ = HopTimes{};
  }

 private:
  static void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  static inline volatile sig_atomic_t asked_ = 0;
  HopTimes times_;
};

}  // namespace podring::bench
