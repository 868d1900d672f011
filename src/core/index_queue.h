// A queue of indices with two ends, in one buffer that grows: pushing and popping allocate nothing
// once it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/check.h"

namespace podring {

class IndexQueue {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint32_t front() const { return (*this)[0]; }
  /// The one that is `i` behind the front.
  [[nodiscard]] std::uint32_t operator[](std::size_t i) const {
    PODRING_CHECK(i < size_);
    return slots_[(head_ + i) & (slots_.size() - 1)];
  }
  void push_back(std::uint32_t index) {
    if (size_ == slots_.size()) grow();
    slots_[(head_ + size_++) & (slots_.size() - 1)] = index;
  }
  void push_front(std::uint32_t index) {
    if (size_ == slots_.size()) grow();
    head_ = (head_ - 1) & (slots_.size() - 1);
    slots_[head_] = index;
    ++size_;
  }
  void pop_front() {
    PODRING_CHECK(size_ > 0);
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
  }

 private:
  void grow() {
    std::vector<std::uint32_t> larger(slots_.empty() ? 64 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = (*this)[i];
    slots_ = std::move(larger);
    head_ = 0;
  }

  std::vector<std::uint32_t> slots_;  // a power of two
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace podring
