// The envelopes a peer has custody of: what each is, where it stands, and who waits for a word on
// it.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/codec.h"
#include "core/envelope.h"
#include "core/types.h"

namespace podring {

/// A sequence number of an inbound session whose dialler waits for a word.
struct Waiter {
  std::uint32_t session = 0;  ///< index in the table of inbound sessions
  std::uint32_t generation =
      0;  ///< of that table's entry; another one means: nobody waits any more
  std::uint64_t sequence = 0;
};

struct Held {
  enum class State : std::uint8_t {
    free,
    queued,   ///< waits to be sent
    sent,     ///< on a link, not let go
    logging,  ///< has ended here; the line must be written before it is acked
  };
  State state = State::free;
  bool received = false;         ///< sent, and the successor says it holds it
  bool in_deque = false;         ///< its index stands in a queue; stays true while a stale one does
  bool own_seed = false;         ///< seeded here and not yet confirmed as safe
  std::uint8_t named_count = 0;  ///< places other than one's own, from the successor's last word
  std::uint64_t named[2] = {0, 0};
  Envelope envelope;
  TimePoint accepted;
  WallTime arrived;
  Address sender;
  std::uint32_t attempt = 0;   ///< sessions in which this hand-over was tried
  std::uint32_t link = 0;      ///< sent: the link's id
  std::uint64_t sequence = 0;  ///< sent: its number there
  std::uint64_t ticket = 0;    ///< logging
  End end = End::none;         ///< logging
  std::uint32_t bytes = 0;     ///< counted against the queue's byte budget
  std::vector<Waiter> waiters;

  /// Takes up room in the queue: the successor has not got it yet, or its end waits for the log.
  [[nodiscard]] bool in_queue() const {
    return state == State::queued || state == State::logging || (state == State::sent && !received);
  }
};

/// A slab: indices stay, entries are reused with their buffers. The buffers of free entries are
/// kept up to kKeptBytesMax, so that a burst of large envelopes does not keep its memory.
class Custody {
 public:
  static constexpr std::size_t kKeptBytesMax = 16 * 1024 * 1024;

  [[nodiscard]] std::uint32_t take() {
    ++size_;
    for (std::vector<std::uint32_t>* free : {&free_, &free_bare_}) {
      if (free->empty()) continue;
      const std::uint32_t index = free->back();
      free->pop_back();
      kept_bytes_ -= entries_[index].envelope.tail.capacity();
      return index;
    }
    entries_.emplace_back();
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  void give_back(std::uint32_t index) {
    Held& held = entries_[index];
    std::string tail = std::move(held.envelope.tail);
    std::vector<Waiter> waiters = std::move(held.waiters);
    tail.clear();
    const bool keep = kept_bytes_ + tail.capacity() <= kKeptBytesMax;
    if (!keep) std::string{}.swap(tail);  // an assignment would keep it
    kept_bytes_ += tail.capacity();
    waiters.clear();
    held.envelope.detours.clear();
    held.state = Held::State::free;
    held.received = held.own_seed = false;
    held.named_count = 0;
    held.attempt = 0;
    held.envelope.tail = std::move(tail);
    held.waiters = std::move(waiters);
    (keep ? free_ : free_bare_).push_back(index);
    --size_;
  }
  [[nodiscard]] Held& operator[](std::uint32_t index) { return entries_[index]; }
  [[nodiscard]] const Held& operator[](std::uint32_t index) const { return entries_[index]; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint32_t slots() const { return static_cast<std::uint32_t>(entries_.size()); }

 private:
  std::deque<Held> entries_;              // a deque: references stay good while it grows
  std::vector<std::uint32_t> free_;       // with a buffer to be used again
  std::vector<std::uint32_t> free_bare_;  // without
  std::size_t size_ = 0;
  std::size_t kept_bytes_ = 0;  // capacity of the tails of free entries
};

}  // namespace podring
