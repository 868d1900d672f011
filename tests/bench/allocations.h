// Counts what this program asks of operator new. Link allocations.cc to have it.
#pragma once

#include <cstdint>

namespace podring::bench {

struct Allocations {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  friend Allocations operator-(Allocations a, Allocations b) {
    return {a.count - b.count, a.bytes - b.bytes};
  }
};
/// Since the start of the program; for programs with one thread.
[[nodiscard]] Allocations allocations();
/// Taken and not given back.
[[nodiscard]] std::uint64_t bytes_alive();

}  // namespace podring::bench
