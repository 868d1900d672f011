// The view in ring order, and the two questions asked of it: who is next, and did we pass the
// origin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/types.h"

namespace podring {

/// True when going upward from x to y, wrapping round, reaches or passes o: o in (x, y], where (x,
/// x] is the whole ring. From addresses alone, so it holds whatever anybody's view is.
[[nodiscard]] constexpr bool passes(Address x, Address y, Address o) {
  if (x < y) return x < o && o <= y;
  return x < o || o <= y;
}

/// Sorted, duplicate-free addresses, one's own always among them. A value; compares.
class Ring {
 public:
  Ring() = default;
  Ring(Address self, std::span<const Address> others);

  [[nodiscard]] Address self() const { return self_; }
  [[nodiscard]] const std::vector<Address>& members() const { return members_; }
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] bool contains(Address address) const;
  /// The next address after `address` going upward, wrapping round; `address` itself when it is the
  /// only one. `address` need not be a member. O(log n).
  [[nodiscard]] Address next(Address address) const;
  [[nodiscard]] Address previous(Address address) const;
  /// 64-bit FNV-1a over the sorted addresses, 16 bytes each, IPv4 as ::ffff:a.b.c.d.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  friend bool operator==(const Ring& a, const Ring& b) { return a.members_ == b.members_; }

 private:
  Address self_;
  std::vector<Address> members_;
  std::uint64_t digest_ = 0;
};

}  // namespace podring
