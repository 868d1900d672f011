// The only file that reads clocks for the loop. Steady time is clamped here, so that it never goes
// back for whoever gets it as an argument.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/types.h"

namespace podring {

class LoopClock {
 public:
  /// CLOCK_MONOTONIC does not run while the machine is suspended, which suits the ring: nobody is
  /// to be suspected for that time.
  [[nodiscard]] Now read() {
    const auto steady = std::chrono::steady_clock::now().time_since_epoch();
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    last_.steady =
        std::max(last_.steady, TimePoint{std::chrono::duration_cast<SteadyTime::duration>(steady)});
    last_.wall = {std::chrono::duration_cast<std::chrono::microseconds>(wall).count()};
    return last_;
  }
  /// The reading of this turn.
  [[nodiscard]] const Now& last() const { return last_; }

 private:
  Now last_;
};

}  // namespace podring
