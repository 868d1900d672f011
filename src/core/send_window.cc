#include "core/send_window.h"

#include <algorithm>

#include "core/check.h"

namespace podring {

void SendWindow::clear() {
  slots_.clear();
  unreceived_ = unreceived_bytes_ = unsafe_ = 0;
}

std::uint64_t SendWindow::oldest_unreceived() {
  oldest_unreceived_ = std::max(oldest_unreceived_, slots_.base());
  while (oldest_unreceived_ < slots_.end()) {
    const Slot& slot = slots_.at(oldest_unreceived_);
    if (slot.entry != kNoEntry && !slot.received) break;
    ++oldest_unreceived_;
  }
  return oldest_unreceived_;
}

bool SendWindow::take_credit(std::uint64_t ack_number, Credit credit) {
  if (ack_number < ack_number_) return false;
  ack_number_ = ack_number;
  credit_ = credit;
  return true;
}

void SendWindow::check_invariants() const {
  std::size_t unreceived = 0;
  std::size_t unsafe = 0;
  for (std::uint64_t n = slots_.base(); n < slots_.end(); ++n) {
    const Slot& slot = slots_.at(n);
    if (slot.entry != kNoEntry) ++(slot.received ? unsafe : unreceived);
  }
  PODRING_CHECK(unreceived == unreceived_ && unsafe == unsafe_);
}

}  // namespace podring
