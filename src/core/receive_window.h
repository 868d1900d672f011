// What came in one inbound session, and what its dialler is still to be told of it. In: numbers
// that came, acknowledgement levels, asks. Out: the ranges of the next ack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/codec.h"
#include "core/custody_table.h"
#include "core/outputs.h"
#include "core/sequence_window.h"
#include "core/types.h"

namespace podring {

/// What an ack says of a number.
struct AckState {
  AckLevel level = AckLevel::received;
  std::uint8_t replica_count = 0;  ///< 0..1
  std::uint64_t replica = 0;       ///< its site
  [[nodiscard]] bool equals(const AckState& other) const {
    return level == other.level && replica_count == other.replica_count &&
           (replica_count == 0 || replica == other.replica);
  }
};

class ReceiveWindow {
 public:
  struct Slot {
    EntryIndex entry = kNoEntry;
    bool known = false;       ///< it has come (and was not dropped)
    bool acked = false;       ///< false while its end waits for the log
    bool unreported = false;  ///< its state is not in an ack yet
    std::uint32_t ack = 0;    ///< the ack that told its state last
    AckState state;
  };

  [[nodiscard]] std::uint64_t base() const { return slots_.base(); }
  [[nodiscard]] std::uint64_t end() const { return slots_.end(); }
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  [[nodiscard]] bool contains(std::uint64_t sequence) const { return slots_.contains(sequence); }
  [[nodiscard]] const Slot& at(std::uint64_t sequence) const { return slots_.at(sequence); }
  /// The dialler waits for nothing below.
  void advance_to(std::uint64_t floor) { slots_.advance_to(floor); }
  /// The slot of a number at or above base(), made when there is none.
  Slot& reach(std::uint64_t sequence);
  void set_known(std::uint64_t sequence, EntryIndex entry);

  /// True: the dialler is to be told. `safe` and `final` stay.
  bool set(std::uint64_t sequence, const AckState& state);
  /// Tells again, of what has a state.
  bool repeat(std::uint64_t sequence);
  /// An ack was lost: what it told, and no later one has, is told again.
  void repeat_ack(const SendId& id);
  void hurry() { urgent_ = true; }

  [[nodiscard]] bool has_unreported() const { return !unreported_.empty(); }
  /// An ack is a frame of its own, which costs its writer and its reader a turn: while traffic goes
  /// on, one says what several would. It waits where nobody waits for it: not when it was asked
  /// for, and not when the dialler might soon have nothing more that it may send.
  [[nodiscard]] bool is_ack_due(TimePoint now, std::uint64_t credit) const {
    const std::size_t count = unreported_.size();
    return urgent_ || now >= ack_at_ || count >= kAtOnce || 2 * count >= credit;
  }
  [[nodiscard]] TimePoint ack_at() const { return ack_at_; }
  /// The news in ranges; `full` is called each time that a frame's worth of them is reached, and
  /// empties them.
  void take_ranges(std::vector<AckRange>& ranges, auto&& full);
  /// An ack is written. The next one waits until then; this is its number.
  std::uint64_t on_ack(TimePoint next_at) {
    ack_at_ = next_at;
    urgent_ = false;
    return ++acks_;
  }

 private:
  static constexpr std::size_t kAtOnce = 256;  // beyond, an ack does not wait for more
  void sort_unreported();

  SequenceWindow<Slot> slots_;
  std::vector<std::uint64_t> unreported_;
  std::uint64_t acks_ = 0;  // written
  TimePoint ack_at_;        // no ack before, unless it is urgent
  bool urgent_ = false;     // its dialler has asked, sends again, or has seeded
};

// Short and called for every envelope: here, so that they cost no calls.

inline ReceiveWindow::Slot& ReceiveWindow::reach(std::uint64_t sequence) {
  while (slots_.end() <= sequence) slots_.push();
  return slots_.at(sequence);
}

inline void ReceiveWindow::set_known(std::uint64_t sequence, EntryIndex entry) {
  Slot& slot = slots_.at(sequence);
  slot.known = true;
  slot.entry = entry;
}

inline bool ReceiveWindow::set(std::uint64_t sequence, const AckState& state) {
  if (!slots_.contains(sequence)) return false;
  Slot& slot = slots_.at(sequence);
  if (slot.acked) {
    if (slot.state.level != AckLevel::received || slot.state.equals(state)) return false;
    if (state.level == AckLevel::received && slot.state.replica_count > 0)
      urgent_ = true;  // what is taken back never waits
  }
  slot.acked = true;
  slot.state = state;
  return repeat(sequence);
}

inline bool ReceiveWindow::repeat(std::uint64_t sequence) {
  Slot& slot = slots_.at(sequence);
  if (!slot.acked || slot.unreported) return false;
  slot.unreported = true;
  unreported_.push_back(sequence);
  return true;
}

void ReceiveWindow::take_ranges(std::vector<AckRange>& ranges, auto&& full) {
  sort_unreported();
  ranges.clear();
  for (const std::uint64_t sequence : unreported_) {
    if (!slots_.contains(sequence)) continue;
    Slot& slot = slots_.at(sequence);
    slot.unreported = false;
    const AckState& state = slot.state;
    if (!ranges.empty() && ranges.back().range.last + 1 == sequence &&
        state.equals({ranges.back().level, ranges.back().replica_count, ranges.back().replica})) {
      ++ranges.back().range.last;
    } else {
      if (ranges.size() == kRangesMax) full();
      ranges.push_back({state.level, {sequence, sequence}, state.replica_count, state.replica});
    }
    slot.ack = static_cast<std::uint32_t>(acks_ + 1);
  }
  unreported_.clear();
}

}  // namespace podring
