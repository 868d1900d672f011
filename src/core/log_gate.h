// What may go on only once a log line is written. In: tickets for lines, what waits for them, up to
// which ticket lines are written. Out: what is no longer waited for, oldest first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "core/codec.h"
#include "core/custody_table.h"
#include "core/events.h"

namespace podring {

/// What goes on once its line is written.
struct AfterLine {
  enum class What : std::uint8_t { end, safe, receipt } what = What::end;
  LogTicket ticket = 0;
  EntryIndex entry = kNoEntry;  ///< end
  EnvelopeId id;                ///< safe, receipt
  End ended = End::none;        ///< receipt
  SeededFrame receipt{};
};

class LogGate {
 public:
  /// For the line that is emitted next.
  [[nodiscard]] LogTicket draw() { return ++last_; }
  void wait(AfterLine after) { waiting_.push_back(std::move(after)); }
  void on_written(LogTicket up_to) { written_ = std::max(written_, up_to); }
  /// The next whose line is written; nullopt: there is none.
  [[nodiscard]] std::optional<AfterLine> take() {
    if (waiting_.empty() || waiting_.front().ticket > written_) return std::nullopt;
    AfterLine after = std::move(waiting_.front());
    waiting_.pop_front();
    return after;
  }
  /// All lines are written and nothing waits: no call of on_written() is to be expected.
  [[nodiscard]] bool is_open() const { return waiting_.empty() && last_ <= written_; }
  [[nodiscard]] bool is_waiting() const { return !waiting_.empty(); }
  [[nodiscard]] LogTicket last() const { return last_; }

 private:
  std::deque<AfterLine> waiting_;
  LogTicket last_ = 0;
  LogTicket written_ = 0;
};

}  // namespace podring
