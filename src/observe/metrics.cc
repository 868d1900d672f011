#include "observe/metrics.h"

#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

namespace podring::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr std::uint64_t kDigestBits = (std::uint64_t{1} << 52) - 1;  // a double holds them exactly

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

class Families {
 public:
  void counter(std::string_view name, std::string_view help, double value, Labels labels = {}) {
    ClientMetric& metric = add(name, help, MetricType::Counter, std::move(labels));
    metric.counter.value = value;
  }
  void counter(std::string_view name, std::string_view help, std::uint64_t value,
               Labels labels = {}) {
    counter(name, help, static_cast<double>(value), std::move(labels));
  }
  void gauge(std::string_view name, std::string_view help, double value, Labels labels = {}) {
    add(name, help, MetricType::Gauge, std::move(labels)).gauge.value = value;
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value,
             Labels labels = {}) {
    gauge(name, help, static_cast<double>(value), std::move(labels));
  }
  /// A family that is there even when it has no series now.
  void family(std::string_view name, std::string_view help, MetricType type) {
    if (!families_.empty() && families_.back().name == name) return;
    families_.push_back({std::string{name}, std::string{help}, type, {}});
  }
  ClientMetric& add(std::string_view name, std::string_view help, MetricType type, Labels labels) {
    family(name, help, type);
    ClientMetric& metric = families_.back().metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }
  [[nodiscard]] std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

struct CoreCounter {
  std::string_view name;
  std::uint64_t Counters::*value;
  std::string_view help;
};

constexpr CoreCounter kCoreCounters[] = {
    {"podring_seeds_accepted_total", &Counters::seeds_accepted, "Seeds taken at this peer."},
    {"podring_seeds_refused_full_total", &Counters::seeds_refused_full,
     "Seeds refused because the queue had no room for them (ring_full)."},
    {"podring_seeds_refused_leaving_total", &Counters::seeds_refused_leaving,
     "Seeds refused because this peer was leaving."},
    {"podring_seeds_refused_bad_total", &Counters::seeds_refused_bad,
     "Seeds refused because they broke a bound."},
    {"podring_seeds_refused_waiting_total", &Counters::seeds_refused_waiting,
     "Seeds of ZeroMQ clients refused because too many wait to be safe or completed (too_many)."},
    {"podring_visits_total", &Counters::visits, "Envelopes accepted here, hop 0 included."},
    {"podring_hops_sent_total", &Counters::hops_sent,
     "Hand-overs put on a wire for the first time in a session."},
    {"podring_hops_resent_total", &Counters::hops_resent,
     "Hand-overs sent again in the same session, because no ack came in time."},
    {"podring_detours_total", &Counters::detours,
     "Hand-overs made again in another session, because a session died."},
    {"podring_asks_total", &Counters::asks,
     "Hand-overs whose present state was asked for, because it was not safe in time."},
    {"podring_duplicates_held_total", &Counters::duplicates_held,
     "Duplicates dropped and tied to a copy that is held here."},
    {"podring_duplicates_let_go_total", &Counters::duplicates_let_go,
     "Duplicates dropped of an envelope that was let go here."},
    {"podring_sequence_repeats_total", &Counters::sequence_repeats,
     "Hand-overs that had come before in the same session."},
    {"podring_merges_total", &Counters::merges,
     "Envelopes that came back while they were still held and took their own place."},
    {"podring_completed_total", &Counters::completed, "Envelopes that completed here."},
    {"podring_expired_total", &Counters::expired, "Envelopes that expired here."},
    {"podring_receipts_home_total", &Counters::receipts_home,
     "Receipts that reached this peer as their origin."},
    {"podring_receipts_passed_total", &Counters::receipts_passed,
     "Receipts that ended here because their origin was absent or their time was over."},
    {"podring_receipts_direct_total", &Counters::receipts_direct,
     "Receipts handed directly to an origin that the ring had passed."},
    {"podring_safe_total", &Counters::safe, "Seeds of this peer that were confirmed as safe."},
    {"podring_let_go_total", &Counters::let_go, "Envelopes whose custody ended here."},
    {"podring_transit_shed_full_total", &Counters::transit_shed_full,
     "Hand-overs not acked because the queue was full; their sender keeps them."},
    {"podring_transit_over_queue_total", &Counters::transit_over_queue,
     "Hand-overs taken beyond the queue's bound because nothing had moved for a while."},
    {"podring_forgotten_early_total", &Counters::forgotten_early,
     "Ids forgotten at the memory's bound, before their time."},
    {"podring_trace_trimmed_total", &Counters::trace_trimmed,
     "Hand-overs whose trace was cut to stay below the bound."},
    {"podring_frames_bad_total", &Counters::frames_bad,
     "Frames dropped: not parsable, of another magic, or over a bound."},
    {"podring_envelopes_refused_total", &Counters::envelopes_refused,
     "Envelopes not taken: they cannot be what they say, or are a stranger's."},
    {"podring_frames_no_session_total", &Counters::frames_no_session,
     "Frames dropped: of a session that is unknown here."},
    {"podring_hellos_accepted_total", &Counters::hellos_accepted, "Incoming hellos accepted."},
    {"podring_hellos_refused_total", &Counters::hellos_refused, "Incoming hellos refused."},
    {"podring_sessions_evicted_total", &Counters::sessions_evicted,
     "Silent incoming sessions dropped at the bound."},
    {"podring_sessions_lost_total", &Counters::sessions_lost, "Outgoing sessions that died."},
    {"podring_suspicions_total", &Counters::suspicions, "Times a peer was suspected."},
    {"podring_frames_sent_total", &Counters::frames_sent, "Frames given to the transport."},
    {"podring_frames_received_total", &Counters::frames_received, "Frames from the transport."},
};
static_assert(std::size(kCoreCounters) * sizeof(std::uint64_t) == sizeof(Counters),
              "every counter of the core is a metric");

void add_ring(Families& out, const MetricsSnapshot& snapshot) {
  const Status& status = snapshot.status;
  out.gauge("podring_view_peers", "Peers in the view, this one included.", status.view.size());
  out.gauge("podring_view_digest",
            "Low 52 bits of the view's digest: a ring has not converged while max != min.",
            status.digest & kDigestBits);
  out.family("podring_view_settling_seconds",
             "From the last view change until its successor was up; absent while it is not.",
             MetricType::Gauge);
  if (snapshot.settling) {
    out.gauge("podring_view_settling_seconds", "", seconds_of(*snapshot.settling));
  }
  const auto suspected = std::count_if(status.links.begin(), status.links.end(),
                                       [](const LinkStatus& link) { return link.suspected; });
  out.gauge("podring_peers_suspected", "Peers of the view that are suspected now.",
            static_cast<std::uint64_t>(suspected));
  const auto leaving = std::count_if(status.links.begin(), status.links.end(),
                                     [](const LinkStatus& link) { return link.leaving; });
  out.gauge("podring_peers_leaving", "Peers of the view that have said that they leave.",
            static_cast<std::uint64_t>(leaving));
  out.gauge("podring_leaving", "1 while this peer leaves the ring.", std::uint64_t{status.leaving});
  out.gauge("podring_ready", "1 when this peer is ready.", std::uint64_t{snapshot.ready});
}

void add_links(Families& out, const MetricsSnapshot& snapshot) {
  const Status& status = snapshot.status;
  const LinkStatus* successor = nullptr;
  for (const LinkStatus& link : status.links) {
    if (link.successor) successor = &link;
  }
  const InboundStatus* predecessor = nullptr;
  for (const InboundStatus& inbound : status.inbound) {
    if (!inbound.client && status.predecessor && inbound.identity.address == *status.predecessor) {
      predecessor = &inbound;
    }
  }
  const Labels to{{"link", "successor"}};
  const Labels from{{"link", "predecessor"}};
  constexpr std::string_view kUp =
      "1 while the link to the successor, or from the predecessor, is up.";
  out.gauge("podring_link_up", kUp, std::uint64_t{successor != nullptr && successor->up}, to);
  out.gauge("podring_link_up", kUp, std::uint64_t{predecessor != nullptr && predecessor->up}, from);

  out.family("podring_link_round_trip_seconds",
             "Smoothed round trip to the successor; the predecessor measures its own.",
             MetricType::Gauge);
  if (successor != nullptr && successor->round_trip) {
    out.gauge("podring_link_round_trip_seconds", "", seconds_of(*successor->round_trip), to);
  }
  out.family("podring_link_silent_seconds", "Since the last frame from that neighbour.",
             MetricType::Gauge);
  if (successor != nullptr && successor->heard_ago) {
    out.gauge("podring_link_silent_seconds", "", seconds_of(*successor->heard_ago), to);
  }
  if (predecessor != nullptr) {
    out.gauge("podring_link_silent_seconds", "", seconds_of(predecessor->heard_ago), from);
  }
  out.gauge("podring_link_in_flight", "Envelopes sent to the successor and not received there yet.",
            std::uint64_t{successor == nullptr ? 0 : successor->in_flight}, to);
  out.gauge("podring_link_unsafe",
            "Envelopes that the successor received and that are still held here.",
            std::uint64_t{successor == nullptr ? 0 : successor->unsafe}, to);
}

void add_budgets(Families& out, const MetricsSnapshot& snapshot) {
  const Status& status = snapshot.status;
  out.gauge("podring_queue_envelopes", "Envelopes that the successor has not got yet.",
            status.queue_used);
  out.gauge("podring_queue_envelopes_max", "The queue's bound.", snapshot.queue_max);
  out.gauge("podring_queue_bytes", "The same in bytes.", status.queue_used_bytes);
  out.gauge("podring_queue_bytes_max", "The queue's bound in bytes.", snapshot.queue_bytes_max);
  out.gauge("podring_held_envelopes", "Envelopes in this peer's custody.", status.held);
  out.gauge("podring_remembered_ids", "Ids remembered to tell duplicates.", status.remembered);
  out.gauge("podring_remembered_ids_max", "The memory's bound.", snapshot.memory_max);
}

void add_names(Families& out, const NamesMetrics& names) {
  constexpr std::string_view kName = "podring_dns_answers_total";
  constexpr std::string_view kHelp =
      "Outcomes of asking the name service. unknown: time-out, SERVFAIL or a cut answer.";
  out.counter(kName, kHelp, names.answers, {{"outcome", "answer"}});
  out.counter(kName, kHelp, names.empty, {{"outcome", "empty"}});
  out.counter(kName, kHelp, names.unknown, {{"outcome", "unknown"}});
  out.family("podring_dns_answer_age_seconds", "Age of the last answer that counted.",
             MetricType::Gauge);
  if (names.answer_age) {
    out.gauge("podring_dns_answer_age_seconds", "", seconds_of(*names.answer_age));
  }
  out.family("podring_dns_ttl_seconds", "Time to live in that answer.", MetricType::Gauge);
  if (names.ttl_s) out.gauge("podring_dns_ttl_seconds", "", std::uint64_t{*names.ttl_s});
  out.gauge("podring_dns_addresses", "Addresses in that answer.", names.addresses);
}

void add_transport(Families& out, const TransportMetrics& transport) {
  out.counter("podring_transport_sent_bytes_total", "Frame bytes given to ZeroMQ.",
              transport.bytes_sent);
  out.counter("podring_transport_received_bytes_total", "Frame bytes taken from ZeroMQ.",
              transport.bytes_received);
  out.counter("podring_transport_sends_full_total",
              "Frames dropped because a connection took no more; what they carried is sent again.",
              transport.sends_full);
  out.counter("podring_transport_sends_unreachable_total",
              "Frames dropped because their connection was gone.", transport.sends_unreachable);
  out.counter("podring_transport_messages_bad_total",
              "ZeroMQ messages dropped: not exactly one payload part.", transport.messages_bad);
  out.counter("podring_transport_dials_total", "Connections begun.", transport.dials);
  out.counter("podring_transport_dials_failed_total", "Connections that did not come about.",
              transport.dials_failed);
  out.counter("podring_transport_links_broken_total", "Outgoing connections that broke.",
              transport.links_broken);
  out.gauge("podring_transport_links", "Outgoing connections, made or being made.",
            transport.links);
  out.gauge("podring_transport_connections", "Incoming connections.", transport.connections);
  out.counter("podring_transport_connections_accepted_total", "Incoming connections accepted.",
              transport.connections_accepted);
  out.counter("podring_transport_connections_refused_total",
              "Incoming connections turned away at a bound.", transport.connections_refused);
  out.counter("podring_transport_handshakes_failed_total",
              "Incoming connections without this ring's key.", transport.handshakes_failed);
  out.counter("podring_transport_connections_cut_total",
              "Connections cut as they sent what no peer sends, or more than may wait.",
              transport.connections_cut);
  constexpr std::string_view kUnread = "podring_transport_unread_bytes";
  constexpr std::string_view kUnreadHelp = "Bytes that have come by ZeroMQ and wait to be read.";
  out.gauge(kUnread, kUnreadHelp, transport.unread, {{"of", "known"}});
  out.gauge(kUnread, kUnreadHelp, transport.strangers_unread, {{"of", "strangers"}});
}

/// Those of one lane that is absent or does not measure something have no series there.
void add_lanes(Families& out, const std::vector<LaneMetrics>& lanes) {
  const auto family = [&](std::string_view name, std::string_view help, MetricType type,
                          auto&& value) {
    out.family(name, help, type);
    for (const LaneMetrics& lane : lanes) {
      const std::optional<double> is = value(lane);
      if (!is) continue;
      const Labels labels{{"link", lane.link}, {"lane", lane.lane}};
      if (type == MetricType::Gauge) {
        out.gauge(name, help, *is, labels);
      } else {
        out.counter(name, help, *is, labels);
      }
    }
  };
  using Value = std::optional<double>;
  family("podring_lane_open", "1 while the link's frames can go by this lane.", MetricType::Gauge,
         [](const LaneMetrics& lane) { return lane.open ? Value{*lane.open ? 1 : 0} : Value{}; });
  family("podring_lane_round_trip_seconds", "Smoothed round trip of this lane alone.",
         MetricType::Gauge, [](const LaneMetrics& lane) {
           return lane.round_trip ? Value{seconds_of(*lane.round_trip)} : Value{};
         });
  family("podring_lane_jitter_seconds", "Mean deviation of that.", MetricType::Gauge,
         [](const LaneMetrics& lane) {
           return lane.round_trip ? Value{seconds_of(lane.jitter)} : Value{};
         });
  family("podring_lane_path_mtu_bytes", "The largest packet that is sent, its payload.",
         MetricType::Gauge, [](const LaneMetrics& lane) {
           return lane.path_mtu > 0 ? Value{static_cast<double>(lane.path_mtu)} : Value{};
         });
  const auto count = [&](std::string_view name, std::string_view help,
                         std::uint64_t LaneCounts::*which, bool of_datagrams) {
    family(name, help, MetricType::Counter, [&](const LaneMetrics& lane) {
      const bool told = !of_datagrams || std::string_view{lane.lane} == "udp";
      return told ? Value{static_cast<double>(lane.counts.*which)} : Value{};
    });
  };
  count("podring_lane_sent_total", "Packets sent that want an ack.", &LaneCounts::sent, false);
  count("podring_lane_lost_total", "Of them, those that were lost.", &LaneCounts::lost, false);
  count("podring_lane_received_total", "Datagrams received, repeats not counted.",
        &LaneCounts::received, true);
  count("podring_lane_expected_total",
        "Datagrams up to the newest that was received, missing ones included.",
        &LaneCounts::expected, true);
}

void add_datagrams(Families& out, const DatagramMetrics& datagrams) {
  out.gauge("podring_datagrams_port_missing",
            "1 when --lanes auto could not have its UDP port: frames go by ZeroMQ alone.",
            std::uint64_t{datagrams.port_missing});
  if (!datagrams.used) return;
  out.gauge("podring_ring_key", "1: only holders of the ring key are heard; 0: there is none.",
            std::uint64_t{datagrams.ring_key == "none" ? 0U : 1U});
  out.gauge("podring_datagrams_ring_key_info",
            "1; the id of the ring key that seals datagrams is in the label, or 'none'.",
            std::uint64_t{1}, {{"id", datagrams.ring_key}});
  out.counter("podring_datagrams_sent_total", "Datagrams sent.", datagrams.sent);
  out.counter("podring_datagrams_sent_bytes_total", "UDP payload sent.", datagrams.sent_bytes);
  out.counter("podring_datagrams_send_failures_total", "Datagrams that the kernel did not take.",
              datagrams.send_failures);
  out.counter("podring_datagrams_lost_total",
              "Sent datagrams that were not acked; what they carried is said again.",
              datagrams.lost);
  out.counter("podring_datagrams_received_total", "Datagrams taken from the socket.",
              datagrams.received);
  out.counter("podring_datagrams_received_bytes_total", "Their UDP payload.",
              datagrams.received_bytes);
  out.counter("podring_datagrams_lanes_refused_total",
              "Sessions that go by ZeroMQ alone because 64 others have datagrams.",
              datagrams.lanes_refused);
  out.counter("podring_datagrams_strangers_total",
              "Datagrams dropped: malformed, or without a token that was given out.",
              datagrams.strangers);
}

void add_loop(Families& out, const LoopMetrics& loop) {
  out.counter("podring_loop_turns_total", "Turns of the loop.", loop.turns);
  out.counter("podring_loop_late_seconds_total",
              "How much later than asked for the loop turned, added up.",
              seconds_of(loop.late_sum));
  out.gauge("podring_loop_late_max_seconds", "The worst of that in the last minute.",
            seconds_of(loop.late_max));
  out.gauge("podring_loop_idle_seconds", "Since the loop last turned.", seconds_of(loop.idle));
}

void add_statuses(Families& out, const StatusMetrics& statuses) {
  const StatusCounters& counters = statuses.counters;
  out.counter("podring_status_frames_sent_total", "Status frames given to neighbours.",
              counters.frames_sent);
  out.counter("podring_status_frames_received_total", "Status frames that neighbours sent.",
              counters.frames_received);
  out.counter("podring_status_sent_bytes_total", "Bytes of statuses in frames sent.",
              counters.bytes_sent);
  out.counter("podring_status_received_bytes_total", "Bytes of statuses in frames received.",
              counters.bytes_received);
  out.counter("podring_status_frames_bad_total",
              "Status frames of which nothing was taken: what they carried could not be read.",
              counters.frames_bad);
  out.counter("podring_status_left_out_total", "Statuses of peers that the table had no room for.",
              statuses.left_out);
  out.gauge("podring_status_peers", "Peers of the view whose status is known, this one included.",
            statuses.known);
  out.gauge("podring_status_oldest_seconds", "Age of the oldest status of a peer of the view.",
            seconds_of(statuses.oldest));
}

void add_log(Families& out, const MetricsSnapshot& snapshot) {
  out.counter("podring_log_lines_total", "Log lines taken for output.", snapshot.log.lines);
  out.counter("podring_log_lines_dropped_total",
              "received and debug lines dropped because standard output took nothing.",
              snapshot.log.lines_dropped);
  out.counter("podring_log_lines_lost_total",
              "Log lines lost because standard output was closed, or 64 MiB waited for it.",
              snapshot.log.lines_lost);
  out.counter("podring_log_written_bytes_total", "Bytes written to standard output.",
              snapshot.log.bytes);
  out.gauge("podring_log_backlog_bytes", "Bytes that wait for standard output.",
            snapshot.log.backlog_bytes);
  out.counter("podring_feed_gaps_total",
              "Times a live stream had to start again: too slow, or too late.", snapshot.feed_gaps);
  out.counter("podring_recents_forgotten_total",
              "Messages no longer shown by GET /messages, forgotten at a bound.",
              snapshot.recents_forgotten);
}

void add_hops(Families& out, const HopTimes& hops) {
  auto& histogram =
      out.add("podring_hop_latency_seconds",
              "From an envelope's arrival at the peer before to its arrival here, by two clocks. "
              "Nothing is counted with --log-hops false.",
              MetricType::Histogram, {})
          .histogram;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < HopTimes::kBounds.size(); ++i) {
    sum += hops.counts()[i];
    histogram.bucket.push_back({sum, static_cast<double>(HopTimes::kBounds[i]) / 1e6});
  }
  sum += hops.counts().back();
  histogram.sample_count = sum;
  histogram.sample_sum = hops.sum_seconds();
}

void add_delivery(Families& out, const DeliveryMetrics& delivery) {
  for (const Outcome outcome :
       {Outcome::delivered, Outcome::refused, Outcome::timed_out, Outcome::no_program}) {
    out.counter("podring_deliveries_total",
                "Visits that the program beside this pod was asked about.",
                delivery.outcomes.at(static_cast<std::size_t>(outcome)),
                {{"outcome", std::string{to_string(outcome)}}});
  }
  out.counter("podring_delivery_attempts_total",
              "Requests to the program, or messages that it pulled.", delivery.attempts);
  out.counter("podring_delivery_shed_total",
              "Visits that were not asked about because too many waited.", delivery.refused);
  out.gauge("podring_delivery_waiting", "Messages that wait for the program.", delivery.waiting);
  out.gauge("podring_program_away", "1 while messages pass the program because it is away.",
            std::uint64_t{delivery.away ? 1U : 0U});
  out.counter("podring_program_away_total", "Times the program was found to be away.",
              delivery.times_away);
  auto& histogram =
      out.add("podring_delivery_seconds", "From asking the program to its answer, all attempts.",
              MetricType::Histogram, {})
          .histogram;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < HopTimes::kBounds.size(); ++i) {
    sum += delivery.times.counts()[i];
    histogram.bucket.push_back({sum, static_cast<double>(HopTimes::kBounds[i]) / 1e6});
  }
  sum += delivery.times.counts().back();
  histogram.sample_count = sum;
  histogram.sample_sum = delivery.times.sum_seconds();
}

/// Prometheus' usual families about the process, from /proc; without /proc they are absent.
void add_process(Families& out) {
  std::ifstream stat{"/proc/self/stat"};
  std::string line;
  std::getline(stat, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream rest{line.substr(name_end + 1)};
  std::vector<std::string> fields;  // fields[0] is the third of proc(5)
  for (std::string field; rest >> field;) fields.push_back(field);
  if (fields.size() < 22) return;
  const auto number = [&](std::size_t at) { return std::stod(fields[at - 3]); };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  out.counter("process_cpu_seconds_total", "CPU time, user and system.",
              (number(14) + number(15)) / ticks);
  out.gauge("process_resident_memory_bytes", "Resident memory.", number(24) * page);
  std::ifstream boot{"/proc/stat"};
  for (std::string word; boot >> word;) {
    if (word != "btime") continue;
    double booted = 0;
    boot >> booted;
    out.gauge("process_start_time_seconds", "Start of the process, since 1970.",
              booted + number(22) / ticks);
    break;
  }
  std::error_code error;
  std::uint64_t open = 0;
  for (std::filesystem::directory_iterator at{"/proc/self/fd", error}, end; !error && at != end;
       at.increment(error)) {
    ++open;
  }
  out.gauge("process_open_fds", "Open descriptors.", open);
}

}  // namespace

void HopTimes::observe(Now now, const Visited& visit) {
  if (visit.envelope.head.hop == 0) return;
  const std::optional<WallTime> before = last_arrival(visit.envelope);
  if (!before) return;
  const std::int64_t micros = std::max<std::int64_t>(now.wall.micros - before->micros, 0);
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), micros) - kBounds.begin();
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_micros_ += micros;
}

void TimeHistogram::add(Duration took) {
  const std::int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  const auto bucket = std::lower_bound(HopTimes::kBounds.begin(), HopTimes::kBounds.end(), micros) -
                      HopTimes::kBounds.begin();
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_seconds_ += static_cast<double>(micros) / 1e6;
}

std::vector<MetricFamily> metric_families(const MetricsSnapshot& snapshot) {
  Families out;
  out.gauge("podring_build_info", "1; the build is in the labels.", std::uint64_t{1},
            {{"version", snapshot.build.version},
             {"revision", snapshot.build.revision},
             {"protocol_max", std::to_string(snapshot.build.protocol_max)}});
  for (const CoreCounter& counter : kCoreCounters) {
    out.counter(counter.name, counter.help, snapshot.core.*counter.value);
  }
  add_ring(out, snapshot);
  add_links(out, snapshot);
  add_budgets(out, snapshot);
  add_names(out, snapshot.names);
  add_transport(out, snapshot.transport);
  add_lanes(out, snapshot.lanes);
  add_datagrams(out, snapshot.datagrams);
  add_statuses(out, snapshot.statuses);
  add_loop(out, snapshot.loop);
  add_log(out, snapshot);
  add_hops(out, snapshot.hops);
  add_delivery(out, snapshot.delivery);
  add_process(out);
  return out.take();
}

std::string metrics_text(const MetricsSnapshot& snapshot) {
  return prometheus::TextSerializer{}.Serialize(metric_families(snapshot));
}

}  // namespace podring::observe
