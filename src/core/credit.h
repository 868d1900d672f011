// Flow control credit (as in RFC 9000 section 4): what a receiver still takes, in envelopes and in
// bytes.
#pragma once

#include <cstdint>

namespace podring {

struct Credit {
  std::uint64_t envelopes = 0;
  std::uint64_t bytes = 0;
  [[nodiscard]] constexpr bool any() const { return envelopes > 0 && bytes > 0; }
  friend bool operator==(const Credit&, const Credit&) = default;
};

}  // namespace podring
