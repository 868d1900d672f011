// The one clock of a simulation: what happens next, in order of time and, at the same instant, in
// the order in which it was planned. Payloads stay in a slab, so the heap moves small nodes only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/types.h"

namespace podring::sim {

template <typename Payload>
class EventHeap {
 public:
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] TimePoint next_at() const { return heap_.front().at; }

  void push(TimePoint at, Payload payload) {
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slab_.size());
      slab_.push_back(std::move(payload));
    } else {
      slot = free_.back();
      free_.pop_back();
      slab_[slot] = std::move(payload);
    }
    heap_.push_back({at, order_++, slot});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  [[nodiscard]] Payload pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const std::uint32_t slot = heap_.back().slot;
    heap_.pop_back();
    free_.push_back(slot);
    return std::move(slab_[slot]);
  }

 private:
  struct Node {
    TimePoint at;
    std::uint64_t order = 0;
    std::uint32_t slot = 0;
  };
  static bool later(const Node& a, const Node& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  std::vector<Node> heap_;
  std::vector<Payload> slab_;
  std::vector<std::uint32_t> free_;
  std::uint64_t order_ = 0;
};

/// Numbers handed out one after another and given back in any order; knows the oldest still out.
class Outstanding {
 public:
  [[nodiscard]] std::uint64_t take() {
    back_.push_back(false);
    return next() - 1;
  }
  void give_back(std::uint64_t number) {
    if (number == kNone || number < base_) return;
    back_[static_cast<std::size_t>(number - base_) + done_] = true;
    while (done_ < back_.size() && back_[done_]) {
      ++done_;
      ++base_;
    }
    if (done_ > 4096 && done_ * 2 > back_.size()) {
      back_.erase(back_.begin(), back_.begin() + static_cast<std::ptrdiff_t>(done_));
      done_ = 0;
    }
  }
  /// Everything below is back.
  [[nodiscard]] std::uint64_t oldest() const { return base_; }
  [[nodiscard]] std::uint64_t next() const { return base_ + back_.size() - done_; }

  static constexpr std::uint64_t kNone = UINT64_MAX;

 private:
  std::vector<bool> back_;  // from number base_ - done_ on
  std::size_t done_ = 0;
  std::uint64_t base_ = 0;
};

}  // namespace podring::sim
