// What others may see of the loop's state: made from the core's status, published by the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/link_lanes.h"
#include "core/peer.h"
#include "http/backend.h"
#include "net/lane_transport.h"
#include "observe/metrics.h"
#include "observe/node_events.h"

namespace podring {

/// Lateness of the loop: how much later than it asked for it turned.
class LoopLateness {
 public:
  void turned(TimePoint now, Duration late);
  [[nodiscard]] observe::LoopMetrics metrics() const;

 private:
  static constexpr Duration kWindow = std::chrono::seconds{30};
  std::uint64_t turns_ = 0;
  Duration sum_{};
  Duration worst_{};         // of this window
  Duration worst_before_{};  // and of the one before, so that the maximum covers 30 to 60 s
  TimePoint window_from_{};
};

/// What the transport sheds at its bounds, as log lines: at most one a second and kind.
class TransportSheds {
 public:
  [[nodiscard]] std::vector<observe::TransportTrouble> look(TimePoint now,
                                                            const TransportCounters& counters);
  [[nodiscard]] bool due(TimePoint now) const { return now - told_at_ >= kEvery; }

 private:
  static constexpr Duration kEvery = std::chrono::seconds{1};
  TimePoint told_at_{};
  TransportCounters told_;
};

[[nodiscard]] observe::DatagramMetrics datagram_metrics(const LaneTransport& lanes,
                                                        const lane::RingKeys& keys);

class NodeView {
 public:
  NodeView(const Config& config, Identity self);

  /// Each event of the core, in order; `peer` as it is after them.
  void note(Now now, const Event& event, const Peer& peer);
  LoopLateness& lateness() { return lateness_; }

  /// The same version number as long as view, neighbours and their states stay the same.
  /// `describe` adds what others told of themselves.
  [[nodiscard]] std::shared_ptr<const http::RingView> ring(
      const Status& status, const http::DnsView& dns, const LinkLanes* lanes = nullptr,
      const std::function<void(http::RingView&)>& describe = {});
  /// Without what the transport, the log and the others below count; the node adds it.
  [[nodiscard]] observe::MetricsSnapshot metrics(const Peer& peer, Status status) const;

 private:
  Identity self_;
  std::string ring_;
  std::size_t queue_max_;
  std::size_t queue_bytes_max_;
  bool ring_key_ = false;
  std::uint64_t version_ = 0;
  std::string fingerprint_;  // of what the version stands for
  TimePoint view_changed_at_{};
  std::optional<Address> next_in_view_;
  std::optional<Address> successor_;
  std::optional<Duration> settling_{Duration{}};
  observe::HopTimes hops_;
  LoopLateness lateness_;
};

}  // namespace podring
