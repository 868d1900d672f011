// A window of consecutive sequence numbers, each with a slot: what is between the oldest number
// still of interest and the newest. A ring buffer that grows; pushing and popping allocate nothing
// once it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/check.h"

namespace podring {

template <typename Slot>
class SequenceWindow {
 public:
  /// Numbers base() .. end() - 1 have slots.
  [[nodiscard]] std::uint64_t base() const { return base_; }
  [[nodiscard]] std::uint64_t end() const { return base_ + size_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool contains(std::uint64_t number) const {
    return number >= base_ && number - base_ < size_;
  }

  [[nodiscard]] Slot& at(std::uint64_t number) {
    PODRING_CHECK(contains(number));
    return slots_[index(number)];
  }
  [[nodiscard]] const Slot& at(std::uint64_t number) const {
    PODRING_CHECK(contains(number));
    return slots_[index(number)];
  }
  Slot& push() {
    if (size_ == slots_.size()) grow();
    ++size_;
    Slot& slot = slots_[index(base_ + size_ - 1)];
    slot = Slot{};
    return slot;
  }
  void pop() {
    PODRING_CHECK(size_ > 0);
    ++base_;
    --size_;
  }
  /// Drops everything below `number`; the window may become empty and then begins there.
  void advance_to(std::uint64_t number) {
    while (size_ > 0 && base_ < number) pop();
    if (size_ == 0 && base_ < number) base_ = number;
  }
  void clear() { *this = SequenceWindow{}; }

 private:
  [[nodiscard]] std::size_t index(std::uint64_t number) const {
    return static_cast<std::size_t>(number) & (slots_.size() - 1);
  }
  void grow() {
    std::vector<Slot> larger(slots_.empty() ? 64 : slots_.size() * 2);
    for (std::uint64_t n = base_; n < end(); ++n)
      larger[static_cast<std::size_t>(n) & (larger.size() - 1)] = slots_[index(n)];
    slots_ = std::move(larger);
  }

  std::vector<Slot> slots_;  // a power of two
  std::uint64_t base_ = 0;
  std::size_t size_ = 0;
};

}  // namespace podring
