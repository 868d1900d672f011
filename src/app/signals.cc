#include "app/signals.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

namespace podring {
namespace {

constexpr int kHandled[] = {SIGTERM, SIGINT};
constexpr int kTimesPatient = 2;

// What a signal handler may touch.
std::atomic<int> g_wake{-1};
std::atomic<int> g_times{0};
std::atomic<int> g_signal{0};

void on_signal(int signal) {
  const int before = errno;
  g_signal.store(signal);
  if (g_times.fetch_add(1) >= kTimesPatient) ::_exit(128 + signal);
  const std::uint64_t one = 1;
  (void)!::write(g_wake.load(), &one, sizeof one);
  errno = before;
}

}  // namespace

Signals::Signals(Loop& loop, Asked asked)
    : loop_{loop}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (wake_.get() < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
  g_wake.store(wake_.get());
  loop_.watch(wake_.get(), EPOLLIN, [this, asked = std::move(asked)](std::uint32_t) {
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);
    while (told_ < std::min(g_times.load(), kTimesPatient)) asked(g_signal.load(), ++told_);
  });
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : kHandled) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
  for (const int signal : kHandled) ::signal(signal, SIG_DFL);
  g_wake.store(-1);
  loop_.unwatch(wake_.get());
}

}  // namespace podring
