// What both lanes of a link have measured, as this side sees it: ZeroMQ's by pings and by what the
// kernel knows of the connection, the UDP lane's by its own recovery. proto-docs/datagrams.md,
// section 9.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/peer.h"
#include "core/status_exchange.h"
#include "http/backend.h"
#include "net/lane_transport.h"
#include "net/zmq_transport.h"
#include "observe/metrics.h"
#include "observe/node_events.h"

namespace podring {

/// One lane of one link. Counts are since its connection was made, or its datagrams began.
struct LaneReading {
  lane::LaneState state = lane::LaneState::open;
  std::optional<Duration> round_trip;  ///< smoothed
  Duration jitter{};                   ///< mean deviation of that
  std::uint64_t path_mtu = 0;          ///< bytes of payload in the largest packet that is sent
  bool counts_arrivals = false;        ///< false: `received` and `expected` are not known
  observe::LaneCounts counts;
};
struct LinkReading {
  std::optional<LaneReading> zmq;
  std::optional<LaneReading> udp;
};

/// Where the readings come from.
class LinkLanes {
 public:
  LinkLanes(const ZmqTransport& stream, const LaneTransport& datagrams)
      : stream_{stream}, datagrams_{datagrams} {}

  [[nodiscard]] LinkReading of(const LinkStatus& link) const;        ///< that was dialled here
  [[nodiscard]] LinkReading of(const InboundStatus& inbound) const;  ///< that was dialled there

 private:
  const ZmqTransport& stream_;
  const LaneTransport& datagrams_;
};

/// As /ring shows it.
[[nodiscard]] std::optional<http::LaneView> view_of(const std::optional<LaneReading>& reading);

/// The lanes of the links to the two neighbours: what they have counted since the start, whichever
/// peers the neighbours were, for metrics; and since the line before, for the log.
class NeighbourLanes {
 public:
  static constexpr Duration kLineEvery = std::chrono::seconds{60};

  // What is read of the link that is the neighbour's now. To be called for each neighbour there is;
  // `over` tells one link from another.
  void to_successor(LinkId over, Address peer, const LinkReading& reading) {
    take(lanes_[0], lanes_[1], over, peer, reading);
  }
  void to_predecessor(RouteId over, Address peer, const LinkReading& reading) {
    take(lanes_[2], lanes_[3], over, peer, reading);
  }
  void no_successor() { forget(lanes_[0], lanes_[1]); }
  void no_predecessor() { forget(lanes_[2], lanes_[3]); }

  /// Those to the successor, for its status.
  [[nodiscard]] LaneTotals zmq_to_successor() const { return totals(lanes_[0]); }
  [[nodiscard]] LaneTotals udp_to_successor() const { return totals(lanes_[1]); }
  /// All four, there or not.
  [[nodiscard]] std::vector<observe::LaneMetrics> metrics() const;
  /// A line for each lane that is there, once every kLineEvery; otherwise none.
  [[nodiscard]] std::vector<observe::LaneMeasured> lines(TimePoint now);

 private:
  struct Lane {
    const char* link = "";  ///< "successor" or "predecessor"
    const char* name = "";  ///< "zmq" or "udp"
    std::uint32_t over = 0;
    Address peer{};
    std::optional<LaneReading> reading{};  ///< the last one; nullopt: there is no such lane
    observe::LaneCounts total{};           ///< since the start
    observe::LaneCounts told{};            ///< of them, in lines
  };
  static void take(Lane& zmq, Lane& udp, std::uint32_t over, Address peer,
                   const LinkReading& reading);
  static void take(Lane& lane, std::uint32_t over, Address peer,
                   const std::optional<LaneReading>& reading);
  static LaneTotals totals(const Lane& lane);
  static void forget(Lane& zmq, Lane& udp) { zmq.reading = udp.reading = std::nullopt; }

  std::array<Lane, 4> lanes_{{{.link = "successor", .name = "zmq"},
                              {.link = "successor", .name = "udp"},
                              {.link = "predecessor", .name = "zmq"},
                              {.link = "predecessor", .name = "udp"}}};
  std::optional<TimePoint> told_at_;
};

/// Reads the neighbours among the links of `status`.
void look_at_neighbours(NeighbourLanes& neighbours, const Status& status, const LinkLanes& lanes);

}  // namespace podring
