// One peer's part in telling everybody about everybody (proto-docs/wire-protocol.md, section 9): it
// makes this peer's own status from its core, keeps what the others told, and gives each neighbour
// what it is to hear next. Who runs a Peer runs this beside it, in the same turns.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/peer.h"
#include "core/status_table.h"

namespace podring {

/// What came and went since the start.
struct StatusCounters {
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_sent = 0;      ///< of what the frames carry
  std::uint64_t bytes_received = 0;  ///< the same
  std::uint64_t frames_bad = 0;      ///< carried something else; nothing of it was taken
};

/// One lane of the link to the successor, as set_lanes() takes it.
struct LaneTotals {
  bool there = false;
  std::uint32_t over = 0;  ///< which link; counts of another one are not comparable
  Address peer{};          ///< at its other end; not told when the successor is another one by now
  LaneStatus now;          ///< without counts
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
};

class StatusExchange {
 public:
  /// `release` is told to the others; `started_at` is where this peer's uptime begins.
  StatusExchange(Identity self, std::string release, TimePoint started_at);

  /// What the lanes of the link to the successor measure. This peer tells what the present link
  /// has counted in the last minute: what was lost on the way to a dead successor says nothing of
  /// the way to the next one.
  void set_lanes(const LaneTotals& zmq, const LaneTotals& udp);
  /// Each event of the core: some are told at once.
  void note(const Event& event);
  /// What neighbours told in this turn. True: something came, and tell() may have more to tell.
  bool take(Now now, std::span<const StatusHeard> heard);
  /// Gives neighbours what they are to hear now; the frames come out of the next flush(). Cheap
  /// while there is nothing.
  void tell(Now now, Peer& peer);
  /// When tell() next has work.
  [[nodiscard]] TimePoint next_deadline() const { return look_ ? TimePoint{} : look_at_; }

  [[nodiscard]] const StatusTable& table() const { return table_; }
  [[nodiscard]] const StatusCounters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kLanes = 2;  ///< zmq, udp
  /// Since the start.
  struct Counts {
    std::uint64_t handed_on = 0;
    std::uint64_t retries = 0;
    std::array<std::uint64_t, kLanes> sent{};
    std::array<std::uint64_t, kLanes> lost{};
  };
  [[nodiscard]] PeerStatus own(Now now, const Peer& peer);

  std::string release_;
  TimePoint started_at_;
  StatusTable table_;
  StatusCounters counters_;
  bool look_ = true;
  TimePoint look_at_{};
  std::vector<Address> view_;
  std::array<LaneTotals, kLanes> lanes_;
  // As they were at the last twelve steps of 5 s: a minute.
  std::array<Counts, 12> minute_{};
  std::size_t minute_at_ = 0;
  TimePoint minute_next_{};
};

}  // namespace podring
