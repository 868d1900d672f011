#include "core/receive_window.h"

#include <algorithm>

namespace podring {

void ReceiveWindow::repeat_ack(const SendId& id) {
  const std::uint64_t end = std::min(id.first + id.count, slots_.end());
  for (std::uint64_t n = std::max(id.first, slots_.base()); n < end; ++n) {
    if (slots_.at(n).ack == id.ack) repeat(n);
  }
}

void ReceiveWindow::sort_unreported() {
  if (!std::is_sorted(unreported_.begin(), unreported_.end()))
    std::sort(unreported_.begin(), unreported_.end());
}

}  // namespace podring
