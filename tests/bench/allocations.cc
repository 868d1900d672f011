#include "bench/allocations.h"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {
podring::bench::Allocations total;
std::uint64_t alive = 0;

void release(void* memory) {
  alive -= ::malloc_usable_size(memory);
  std::free(memory);
}
}  // namespace

namespace podring::bench {
Allocations allocations() { return total; }
std::uint64_t bytes_alive() { return alive; }
}  // namespace podring::bench

void* operator new(std::size_t size) {
  ++total.count;
  total.bytes += size;
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc{};
  alive += ::malloc_usable_size(memory);
  return memory;
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
