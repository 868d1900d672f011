// Prometheus metrics. Nothing is counted here: hot counters live where things happen, and a scrape
// reads one snapshot of them all. The number of series does not grow with the ring or with time;
// proto-docs/metrics.md says what each one means, and a test compares.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "core/counters.h"
#include "core/events.h"
#include "core/peer.h"
#include "core/status_exchange.h"
#include "core/types.h"
#include "observe/logger.h"
#include "observe/node_events.h"

namespace podring::observe {

/// How long hand-overs took: from the arrival at the peer before to the arrival here, so the wait
/// there counts. Two machines' clocks are compared, for people only; a negative time counts as 0.
class HopTimes {
 public:
  /// Upper bounds of the buckets in microseconds; one more is above them all.
  static constexpr std::array<std::int64_t, 18> kBounds{
      25,     50,     100,     250,     500,       1'000,     2'500,     5'000,      10'000,
      25'000, 50'000, 100'000, 250'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000};
  /// Looks at the end of the trace only, whatever its length. Hop 0 does not count.
  void observe(Now now, const Visited& visit);
  [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const {
    return counts_;
  }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_micros_) / 1e6; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  std::int64_t sum_micros_ = 0;
};

/// The name service, as the resolver counts it.
struct NamesMetrics {
  std::uint64_t answers = 0;           ///< with addresses
  std::uint64_t empty = 0;             ///< NXDOMAIN or no address: nobody is ready but this peer
  std::uint64_t unknown = 0;           ///< time-out, SERVFAIL, cut: the last view stays
  std::optional<Duration> answer_age;  ///< of the last answer that counted; nullopt: none yet
  std::optional<std::uint32_t> ttl_s;  ///< of that answer
  std::uint64_t addresses = 0;         ///< in that answer
};

/// Frames on wires, as the transport counts them.
struct TransportMetrics {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t sends_full = 0;
  std::uint64_t sends_unreachable = 0;
  std::uint64_t messages_bad = 0;
  std::uint64_t dials = 0;
  std::uint64_t dials_failed = 0;
  std::uint64_t links_broken = 0;
  std::uint64_t links = 0;        ///< present
  std::uint64_t connections = 0;  ///< present
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t connections_cut = 0;
  std::uint64_t strangers_unread = 0;  ///< present, bytes
  std::uint64_t unread = 0;            ///< present, bytes, of the others
};

/// Of one lane of the link to the successor, or from the predecessor.
struct LaneMetrics {
  const char* link = "";
  const char* lane = "";       ///< "zmq" or "udp"
  std::optional<bool> open{};  ///< nullopt: there is no such lane now
  std::optional<Duration> round_trip{};
  Duration jitter{};
  std::uint64_t path_mtu = 0;  ///< bytes of payload; 0: not known
  LaneCounts counts{};         ///< since the start
};
struct DatagramMetrics {
  bool used = false;          ///< there is a socket for them
  bool port_missing = false;  ///< they were asked for, and their port could not be had
  std::string ring_key;       ///< the id of the key that seals them, or "none"
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t send_failures = 0;
  std::uint64_t lost = 0;
  std::uint64_t lanes_refused = 0;
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t strangers = 0;
};

/// How long something took, in the buckets of HopTimes.
class TimeHistogram {
 public:
  void add(Duration took);
  [[nodiscard]] const std::array<std::uint64_t, HopTimes::kBounds.size() + 1>& counts() const {
    return counts_;
  }
  [[nodiscard]] double sum_seconds() const { return sum_seconds_; }

 private:
  std::array<std::uint64_t, HopTimes::kBounds.size() + 1> counts_{};
  double sum_seconds_ = 0;
};

/// The program beside this pod.
struct DeliveryMetrics {
  std::array<std::uint64_t, 5> outcomes{};  ///< by Outcome; visits that were asked about
  std::uint64_t attempts = 0;               ///< requests made, or messages handed out
  std::uint64_t waiting = 0;                ///< present
  std::uint64_t refused = 0;                ///< not asked: too many wait
  std::uint64_t times_away = 0;
  bool away = false;
  TimeHistogram times;
};

struct LoopMetrics {
  std::uint64_t turns = 0;
  Duration late_sum{};  ///< how much later than asked for the loop turned, added up
  Duration late_max{};  ///< the worst of the last minute
  Duration idle{};      ///< since the last turn
};

/// What peers tell of themselves, as this peer tells and knows it.
struct StatusMetrics {
  StatusCounters counters;
  std::uint64_t left_out = 0;  ///< entries of peers that the table had no room for
  std::size_t known = 0;       ///< peers of the view, this one included
  Duration oldest{};           ///< age of the oldest of these
};

struct BuildInfo {
  std::string version;
  std::string revision;
  unsigned protocol_max = 1;
};

/// All that a scrape shows, read at one moment of the loop.
struct MetricsSnapshot {
  BuildInfo build;
  Identity self;
  Counters core;
  Status status;
  std::size_t queue_max = 0;
  std::size_t queue_bytes_max = 0;
  std::size_t memory_max = 0;
  std::optional<Duration> settling;  ///< from the last view change until its successor was up;
                                     ///< nullopt: it is not yet
  bool ready = false;
  NamesMetrics names;
  TransportMetrics transport;
  std::vector<LaneMetrics> lanes;
  DatagramMetrics datagrams;
  StatusMetrics statuses;
  LoopMetrics loop;
  DeliveryMetrics delivery;
  LogCounters log;
  HopTimes hops;
  std::uint64_t feed_gaps = 0;
  std::uint64_t recents_forgotten = 0;
};

/// The families of a snapshot, `process_*` ones of this process included.
[[nodiscard]] std::vector<prometheus::MetricFamily> metric_families(
    const MetricsSnapshot& snapshot);
/// The same in Prometheus' text format.
[[nodiscard]] std::string metrics_text(const MetricsSnapshot& snapshot);

/// For a prometheus::Exposer or Registry: asks for a snapshot at each scrape.
class Metrics : public prometheus::Collectable {
 public:
  explicit Metrics(std::function<MetricsSnapshot()> snapshot) : snapshot_{std::move(snapshot)} {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    return metric_families(snapshot_());
  }

 private:
  std::function<MetricsSnapshot()> snapshot_;
};

}  // namespace podring::observe
