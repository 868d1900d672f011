#include "lane/received.h"

#include <algorithm>

namespace podring::lane {

/// The number joins the range below it, the one above it, both, or neither: the cases are few, and
/// one function shows that none is left out.
bool Received::take(TimePoint now, std::uint64_t number, bool ack_eliciting) {
  if (number < floor_) {
    ++repeats_;
    return false;
  }
  // The first range, counted from the newest, that begins at or below the number.
  const auto at = std::find_if(ranges_.begin(), ranges_.end(), [number](const PacketRange& range) {
    return range.first <= number;
  });
  if (at != ranges_.end() && number <= at->last) {
    ++repeats_;
    return false;
  }
  const bool newest = at == ranges_.begin();
  const bool in_order = ranges_.empty() || (newest && at->last + 1 == number);
  const bool joins_below = at != ranges_.end() && at->last + 1 == number;
  const bool joins_above = !newest && std::prev(at)->first == number + 1;
  if (joins_below && joins_above) {
    std::prev(at)->first = at->first;
    ranges_.erase(at);
  } else if (joins_below) {
    at->last = number;
  } else if (joins_above) {
    std::prev(at)->first = number;
  } else {
    ranges_.insert(at, {number, number});
    if (ranges_.size() > kRangesMax) {
      floor_ = ranges_.back().last + 1;
      ranges_.pop_back();
    }
  }
  ++count_;
  if (newest) largest_at_ = now;
  if (!ack_eliciting) return true;
  ++unacked_;
  const TimePoint due = unacked_ >= kAckEvery || !in_order ? now : now + kAckDelayMax;
  ack_at_ = std::min(ack_at_.value_or(due), due);
  return true;
}

}  // namespace podring::lane
