// What was sent in one outgoing session and is not released yet, and what the remote still takes.
// In: sends, acks' levels, credit. Out: what counts as in flight, what must be sent again or asked
// for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/credit.h"
#include "core/custody_table.h"
#include "core/sequence_window.h"
#include "core/types.h"

namespace podring {

class SendWindow {
 public:
  /// What one sequence number carries.
  struct Slot {
    EntryIndex entry = kNoEntry;  ///< kNoEntry: released
    std::uint32_t bytes = 0;
    bool received = false;
    bool resent = false;
    TimePoint sent_at;  ///< of the first sending, then of `received`
  };

  [[nodiscard]] std::uint64_t base() const { return slots_.base(); }
  [[nodiscard]] std::uint64_t end() const { return slots_.end(); }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  [[nodiscard]] bool contains(std::uint64_t sequence) const { return slots_.contains(sequence); }
  [[nodiscard]] Slot& at(std::uint64_t sequence) { return slots_.at(sequence); }
  [[nodiscard]] const Slot& at(std::uint64_t sequence) const { return slots_.at(sequence); }
  /// The envelope behind a number that is not released; kNoEntry: there is none.
  [[nodiscard]] EntryIndex entry_of(std::uint64_t sequence) const {
    return contains(sequence) ? slots_.at(sequence).entry : kNoEntry;
  }

  /// Takes the number end().
  void push(TimePoint now, EntryIndex entry, std::uint32_t bytes);
  void on_received(TimePoint now, Slot& slot);
  /// The number is not used any more, as its envelope was released or replaced.
  void release(std::uint64_t sequence);
  /// The session is over.
  void clear();

  /// The first number that the remote does not say it has; end() when there is none. The
  /// retransmission timer is that number's: RFC 6298 section 5.3 starts it anew when an ack moves
  /// the number on. Were it started by every ack, a lost frame would wait for a pause.
  [[nodiscard]] std::uint64_t oldest_unreceived();
  /// As it was found last.
  [[nodiscard]] std::uint64_t oldest_unreceived_before() const { return oldest_unreceived_; }
  [[nodiscard]] std::size_t unreceived() const { return unreceived_; }
  [[nodiscard]] std::size_t unsafe() const { return unsafe_; }  ///< received, not released

  /// By an ack. False: a newer one was read before; what this one says of credit may be past.
  bool take_credit(std::uint64_t ack_number, Credit credit);
  void set_credit(Credit credit) { credit_ = credit; }
  [[nodiscard]] const Credit& credit() const { return credit_; }
  [[nodiscard]] bool fits(std::size_t bytes) const {
    return unreceived_ < credit_.envelopes && unreceived_bytes_ + bytes <= credit_.bytes;
  }
  void check_invariants() const;

 private:
  SequenceWindow<Slot> slots_;
  std::uint64_t oldest_unreceived_ = 0;  // everything below is received or released
  std::size_t unreceived_ = 0;
  std::size_t unreceived_bytes_ = 0;
  std::size_t unsafe_ = 0;
  Credit credit_;
  std::uint64_t ack_number_ = 0;  // of the newest ack that was read
};

// Short and called for every envelope: here, so that they cost no calls.

inline void SendWindow::push(TimePoint now, EntryIndex entry, std::uint32_t bytes) {
  Slot& slot = slots_.push();
  slot.entry = entry;
  slot.bytes = bytes;
  slot.sent_at = now;
  ++unreceived_;
  unreceived_bytes_ += bytes;
}

inline void SendWindow::on_received(TimePoint now, Slot& slot) {
  slot.received = true;
  slot.sent_at = now;
  --unreceived_;
  unreceived_bytes_ -= slot.bytes;
  ++unsafe_;
}

inline void SendWindow::release(std::uint64_t sequence) {
  Slot& slot = slots_.at(sequence);
  slot.entry = kNoEntry;
  if (slot.received) {
    --unsafe_;
  } else {
    --unreceived_;
    unreceived_bytes_ -= slot.bytes;
  }
  while (!slots_.empty() && slots_.at(slots_.base()).entry == kNoEntry) slots_.pop();
}

}  // namespace podring
