#include "core/returns.h"

#include <algorithm>

namespace podring {

void Returns::run() {
  for (const Stranded& receipt : delivery_.take_stranded()) {
    returns_.push_back({receipt, 0, turn_.steady()});
  }
  if (returns_.empty()) return;
  std::erase_if(links_, [this](LinkId id) {
    const OutSession* link = out_.find(id);
    return link == nullptr || link->is_up();
  });
  std::erase_if(returns_, [this](Return& one) { return !advance(one); });
}

bool Returns::advance(Return& one) {
  if (!delivery_.is_stranded(one.receipt)) return false;  // another copy took its place
  const CustodyEntry& entry = delivery_.custody()[one.receipt.entry];
  const Address origin = entry.envelope.head.origin;
  if (Custody::time_left_ms(entry, turn_.steady()) == 0) {
    delivery_.give_up_receipt(one.receipt.entry);
    return false;
  }
  if (OutSession* link = out_.find(origin); link != nullptr) {
    return !link->is_up() || !forwarder_.send_one(*link, one.receipt.entry);
  }
  if (turn_.steady() < one.dial_at || !may_dial()) return true;
  if (one.dials == kDialsMax) {
    delivery_.give_up_receipt(one.receipt.entry);
    return false;
  }
  ++one.dials;
  one.dial_at = turn_.steady() + kDialPause;
  out_.dial(origin);
  links_.push_back(out_.find(origin)->id);
  return true;
}

bool Returns::may_dial() const { return links_.size() < kOriginsMax; }

TimePoint Returns::next_deadline() const {
  TimePoint at = TimePoint::max();
  for (const Return& one : returns_) {
    if (one.dial_at > turn_.steady()) at = std::min(at, one.dial_at);
  }
  return at;
}

}  // namespace podring
