// Round-trip estimation and retransmission time-outs of one link, after RFC 6298: 1/8, 1/4, K = 4,
// an initial time-out of 1 s, doubling on each expiry. The floor and cap are ours
// (proto-docs/delivery.md).
#pragma once

#include <algorithm>
#include <optional>

#include "core/types.h"

namespace podring {

class RoundTrip {
 public:
  /// Only from the first answer to what was sent once (Karn).
  void sample(Duration round_trip) {
    if (!smoothed_) {
      smoothed_ = round_trip;
      variation_ = round_trip / 2;
      return;
    }
    const Duration error =
        *smoothed_ > round_trip ? *smoothed_ - round_trip : round_trip - *smoothed_;
    variation_ = (3 * variation_ + error) / 4;
    smoothed_ = (7 * *smoothed_ + round_trip) / 8;
  }
  [[nodiscard]] std::optional<Duration> smoothed() const { return smoothed_; }
  [[nodiscard]] Duration variation() const { return variation_; }
  /// The time-out after `expiries` expiries in a row, without jitter.
  [[nodiscard]] Duration timeout(Duration min, Duration max, unsigned expiries) const {
    Duration base = smoothed_ ? *smoothed_ + 4 * variation_ : std::chrono::seconds{1};
    base = std::clamp(base, min, max);
    for (unsigned i = 0; i < expiries && base < max; ++i) base *= 2;
    return std::min(base, max);
  }

 private:
  std::optional<Duration> smoothed_;
  Duration variation_{};
};

}  // namespace podring
