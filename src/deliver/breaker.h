// Says whether the program beside this pod is away, so that messages pass it at once instead of
// each waiting for its own time-out (Nygard, "Release It!": circuit breaker).
//
// Closed: every message is tried. It opens when nothing but failures (no connection, no answer)
// came for `open_after` and at least kFailuresMin of them, so that a program may restart within one
// delivery timeout without a message passing it. Open: one trial at a time, after 1, 2, 4 ... 30 s;
// the first answer of any kind closes it.
#pragma once

#include <cstdint>
#include <optional>

#include "core/types.h"

namespace podring::deliver {

class Breaker {
 public:
  static constexpr std::uint32_t kFailuresMin = 5;
  static constexpr Duration kTrialFirst = std::chrono::seconds{1};
  static constexpr Duration kTrialMax = std::chrono::seconds{30};

  explicit Breaker(Duration open_after) : open_after_{open_after} {}

  /// The program answered, whatever it said.
  void on_answer();
  /// A request found nobody, or nobody answered in time.
  void on_failure(TimePoint now);

  [[nodiscard]] bool is_open() const { return open_since_.has_value(); }
  [[nodiscard]] std::optional<TimePoint> open_since() const { return open_since_; }
  [[nodiscard]] std::uint64_t times_opened() const { return times_opened_; }
  /// Open, and a trial is due: true once, the caller makes the trial and reports its outcome.
  [[nodiscard]] bool take_trial(TimePoint now);

 private:
  Duration open_after_;
  std::uint32_t failures_ = 0;  ///< in a row
  TimePoint first_failure_;
  std::optional<TimePoint> open_since_;
  TimePoint trial_at_;
  Duration trial_pause_ = kTrialFirst;
  bool trial_running_ = false;
  std::uint64_t times_opened_ = 0;
};

}  // namespace podring::deliver
