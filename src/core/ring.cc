#include "core/ring.h"

#include <algorithm>
#include <array>

namespace podring {

Ring::Ring(Address self, std::span<const Address> others)
    : self_{self}, members_(others.begin(), others.end()) {
  members_.push_back(self);
  std::sort(members_.begin(), members_.end());
  members_.erase(std::unique(members_.begin(), members_.end()), members_.end());
  digest_ = fnv1a({});
  for (const Address& member : members_) {
    std::array<char, 16> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
      bytes[i] = static_cast<char>((member.high >> (56 - 8 * i)) & 0xff);
      bytes[8 + i] = static_cast<char>((member.low >> (56 - 8 * i)) & 0xff);
    }
    digest_ = fnv1a({bytes.data(), bytes.size()}, digest_);
  }
}

bool Ring::contains(Address address) const {
  return std::binary_search(members_.begin(), members_.end(), address);
}

Address Ring::next(Address address) const {
  const auto above = std::upper_bound(members_.begin(), members_.end(), address);
  return above == members_.end() ? members_.front() : *above;
}

Address Ring::previous(Address address) const {
  const auto at = std::lower_bound(members_.begin(), members_.end(), address);
  return at == members_.begin() ? members_.back() : *std::prev(at);
}

}  // namespace podring
