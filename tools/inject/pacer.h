// When the next message may go: the count, the rate, and a pause after the ring was full.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "core/types.h"

namespace podring::inject {

class Pacer {
 public:
  static constexpr Duration kPauseMin = std::chrono::milliseconds{5};
  static constexpr Duration kPauseMax = std::chrono::milliseconds{200};

  /// `rate` in messages a second, above 0; nullopt: no limit.
  Pacer(TimePoint start, std::uint64_t count, std::optional<double> rate)
      : start_{start}, count_{count}, rate_{rate} {}

  [[nodiscard]] bool all_begun() const { return begun_ == count_; }
  [[nodiscard]] std::uint64_t begun() const { return begun_; }

  /// When a message may go; nullopt when all have begun.
  [[nodiscard]] std::optional<TimePoint> next() const {
    if (all_begun()) return std::nullopt;
    if (!rate_) return std::max(start_, paused_until_);
    const auto after = std::chrono::duration<double>{static_cast<double>(begun_) / *rate_};
    return std::max(start_ + std::chrono::duration_cast<Duration>(after), paused_until_);
  }
  void begin() { ++begun_; }

  /// The ring had no room: nothing goes for a while, twice as long each time. The pause shrinks as
  /// messages are taken, slowly, so that it settles where the ring can just follow.
  void pause(TimePoint now) {
    if (now < paused_until_) return;  // answers to what was sent before the pause
    pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
    paused_until_ = now + pause_;
  }
  void taken() { pause_ -= pause_ / 128; }
  [[nodiscard]] TimePoint paused_until() const { return paused_until_; }

 private:
  TimePoint start_;
  std::uint64_t count_;
  std::optional<double> rate_;
  std::uint64_t begun_ = 0;
  Duration pause_{};
  TimePoint paused_until_{};
};

}  // namespace podring::inject
