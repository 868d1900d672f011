// The custody entries of a peer (custody as in RFC 9171): what each envelope is, where it stands,
// who waits for acks on it. In: take() and give_back(). Out: entries by index, which stay where
// they are.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/codec.h"
#include "core/envelope.h"
#include "core/rules.h"
#include "core/types.h"

namespace podring {

using EntryIndex = std::uint32_t;
inline constexpr EntryIndex kNoEntry = UINT32_MAX;
static_assert(kNoEntry == Remembered::kNotHeld);

/// A sequence number of an inbound session whose dialler waits for acks.
struct Waiter {
  std::uint32_t session = 0;  ///< index in the table of inbound sessions
  std::uint32_t generation =
      0;  ///< of that table's entry; another one means: nobody waits any more
  std::uint64_t sequence = 0;
};

/// Nearly always one, so the first has its place here and costs no look elsewhere.
class Waiters {
 public:
  void add(const Waiter& waiter) {
    if (first_.session == kNobody) {
      first_ = waiter;
    } else {
      more_.push_back(waiter);
    }
  }
  void clear() {
    first_.session = kNobody;
    more_.clear();
  }
  void for_each(auto&& take) const {
    if (first_.session != kNobody) take(first_);
    for (const Waiter& waiter : more_) take(waiter);
  }
  void erase_if(auto&& is_over) {
    if (first_.session != kNobody && is_over(first_)) first_.session = kNobody;
    std::erase_if(more_, is_over);
  }

 private:
  static constexpr std::uint32_t kNobody = UINT32_MAX;
  Waiter first_{kNobody, 0, 0};
  std::vector<Waiter> more_;
};

/// What acks and the queue look at comes first: with thousands of entries each line of the cache
/// that is touched is a miss.
struct alignas(64) CustodyEntry {
  enum class State : std::uint8_t {
    free,
    delivering,  ///< the program beside this pod is asked; then it ends or is queued
    queued,      ///< waits to be sent
    stranded,    ///< a receipt that passed its origin: it waits for a link to it
    sent,        ///< on a link, not released
    logging,     ///< has ended here; the line must be written before it is acked
  };
  State state = State::free;
  bool received = false;           ///< sent, and the successor says it holds it
  bool in_order = false;           ///< its index stands in a queue, perhaps a stale one
  bool own_seed = false;           ///< seeded here and not yet confirmed as safe
  std::uint8_t replica_count = 0;  ///< of further sites, by the successor's last ack
  End end = End::none;             ///< logging
  std::uint32_t link = 0;          ///< sent: the link's id
  std::uint32_t bytes = 0;         ///< counted against the queue's byte budget
  std::uint64_t sequence = 0;      ///< sent: its number there
  TimePoint accepted;
  std::uint64_t replicas[2] = {0, 0};  ///< their sites
  Waiters waiters;
  Envelope envelope;
  WallTime arrived;
  Address sender;
  std::uint32_t attempt = 0;   ///< sessions in which this hand-over was tried
  std::uint64_t delivery = 0;  ///< delivering: the number of its Deliver
  std::uint64_t ticket = 0;    ///< logging

  /// Counts against the queue: the successor has not got it yet, or its end waits for the log.
  [[nodiscard]] bool in_queue() const {
    return state == State::queued || state == State::logging || state == State::delivering ||
           state == State::stranded || (state == State::sent && rules::sent_counts(received));
  }
  /// What those who wait for acks are told of it, while it is held and has not ended.
  [[nodiscard]] bool is_safe() const { return replica_count + 1U >= envelope.head.copies; }
};

/// A slab: indices stay, entries are reused with their buffers. The buffers of free entries are
/// kept up to kKeptBytesMax, so that a burst of large envelopes does not keep its memory.
class CustodyTable {
 public:
  static constexpr std::size_t kKeptBytesMax = 16 * 1024 * 1024;

  [[nodiscard]] EntryIndex take() {
    ++size_;
    for (std::vector<std::uint32_t>* free : {&free_, &free_bare_}) {
      if (free->empty()) continue;
      const EntryIndex index = free->back();
      free->pop_back();
      kept_bytes_ -= (*this)[index].envelope.tail.capacity();
      return index;
    }
    if (slots_ % kChunk == 0) chunks_.push_back(std::make_unique<CustodyEntry[]>(kChunk));
    return slots_++;
  }
  void give_back(EntryIndex index) {
    CustodyEntry& entry = (*this)[index];
    std::string& tail = entry.envelope.tail;
    tail.clear();
    const bool keep = kept_bytes_ + tail.capacity() <= kKeptBytesMax;
    if (!keep) std::string{}.swap(tail);  // an assignment would keep it
    kept_bytes_ += tail.capacity();
    entry.waiters.clear();
    entry.envelope.detours.clear();
    entry.state = CustodyEntry::State::free;
    entry.received = entry.own_seed = false;
    entry.replica_count = 0;
    entry.attempt = 0;
    (keep ? free_ : free_bare_).push_back(index);
    --size_;
  }
  [[nodiscard]] CustodyEntry& operator[](EntryIndex index) {
    return chunks_[index / kChunk][index % kChunk];
  }
  [[nodiscard]] const CustodyEntry& operator[](EntryIndex index) const {
    return chunks_[index / kChunk][index % kChunk];
  }
  /// It is about to be read, so that the processor can fetch it meanwhile.
  void prefetch(EntryIndex index) const {
    const auto* entry = reinterpret_cast<const char*>(&(*this)[index]);
    for (std::size_t at = 0; at < sizeof(CustodyEntry); at += 64) __builtin_prefetch(entry + at);
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint32_t slots() const { return slots_; }

 private:
  static constexpr std::uint32_t kChunk = 256;
  std::vector<std::unique_ptr<CustodyEntry[]>> chunks_;  // references stay good while it grows
  std::uint32_t slots_ = 0;
  std::vector<std::uint32_t> free_;       // with a buffer to be used again
  std::vector<std::uint32_t> free_bare_;  // without
  std::size_t size_ = 0;
  std::size_t kept_bytes_ = 0;  // capacity of the tails of free entries
};

}  // namespace podring
