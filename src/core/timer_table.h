// The timers of one owner, one for each kind: when each fires, and which fires next. A timer that
// is off never fires.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/types.h"

namespace podring {

/// Kind: an enum whose last value is `count`.
template <typename Kind>
class TimerTable {
 public:
  TimerTable() { at_.fill(kOff); }

  void set(Kind kind, TimePoint at) { at_[index(kind)] = at; }
  void stop(Kind kind) { at_[index(kind)] = kOff; }
  /// A timer that is off stays off.
  void put_off(Kind kind, Duration by) {
    if (is_on(kind)) at_[index(kind)] += by;
  }
  [[nodiscard]] bool is_on(Kind kind) const { return at_[index(kind)] != kOff; }
  [[nodiscard]] bool is_due(Kind kind, TimePoint now) const { return at_[index(kind)] <= now; }
  /// TimePoint::max(): none is on.
  [[nodiscard]] TimePoint next() const {
    TimePoint at = kOff;
    for (const TimePoint each : at_) at = std::min(at, each);
    return at;
  }

 private:
  static constexpr TimePoint kOff = TimePoint::max();
  [[nodiscard]] static constexpr std::size_t index(Kind kind) {
    return static_cast<std::size_t>(kind);
  }
  std::array<TimePoint, static_cast<std::size_t>(Kind::count)> at_;
};

}  // namespace podring
