#include "core/forward_queue.h"

#include <algorithm>

namespace podring {

Admission ForwardQueue::admit_over(TimePoint now, Duration timeout) {
  if (now - moved_at_ > 3 * timeout) {
    over_left_ = over_next_;
    over_next_ = std::min(2 * over_next_, kOverMax);
    moved_at_ = now;  // the next wait begins
  }
  if (over_left_ == 0) return Admission::rejected;
  --over_left_;
  return Admission::over;
}

}  // namespace podring
