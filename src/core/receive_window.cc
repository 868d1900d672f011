#include "core/receive_window.h"

#include <algorithm>

namespace podring {

bool ReceiveWindow::repeat_all(const SequenceRange& range) {
  bool any = false;
  const std::uint64_t first = std::max(range.first, slots_.base());
  for (std::uint64_t n = first; n <= range.last && slots_.contains(n); ++n) any |= repeat(n);
  return any;
}

void ReceiveWindow::sort_news() {
  if (!std::is_sorted(to_tell_.begin(), to_tell_.end()))
    std::sort(to_tell_.begin(), to_tell_.end());
}

}  // namespace podring
