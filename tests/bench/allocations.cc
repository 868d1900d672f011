#include "bench/allocations.h"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {
podring::bench::Allocations total;
std::uint64_t alive = 0;

void* take(std::size_t size) {
  ++total.count;
  total.bytes += size;
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory != nullptr) alive += ::malloc_usable_size(memory);
  return memory;
}

void release(void* memory) {
  alive -= ::malloc_usable_size(memory);
  std::free(memory);
}
}  // namespace

namespace podring::bench {
Allocations allocations() { return total; }
std::uint64_t bytes_alive() { return alive; }
}  // namespace podring::bench

// Every form, and not those alone that the others are made of: a sanitizer brings its own of each.
void* operator new(std::size_t size) {
  if (void* memory = take(size); memory != nullptr) return memory;
  throw std::bad_alloc{};
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
