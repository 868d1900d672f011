#include "app/node_view.h"

#include <algorithm>
#include <map>
#include <utility>

#include "app/version.h"

namespace podring {
namespace {

std::chrono::milliseconds in_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

void name_peer(http::PeerView& view, const Identity& identity) {
  view.pod = identity.pod;
  view.node = identity.node;
  view.boot = to_string(identity.boot);
}

std::string state_of(const LinkStatus& link) {
  if (link.suspected) return "suspected";
  if (link.leaving) return "leaving";
  return link.up ? "up" : "connecting";
}

std::vector<http::PeerView> peers_of(const Status& status, const LinkLanes* lanes) {
  std::map<Address, http::PeerView> peers;
  for (const LinkStatus& link : status.links) {
    http::PeerView& view = peers[link.address];
    // Of two links to one address the one that is up speaks.
    if (view.outgoing && view.state == "up") continue;
    view.state = state_of(link);
    view.outgoing = true;
    if (link.identity) name_peer(view, *link.identity);
    if (link.round_trip) {
      view.round_trip = std::chrono::duration_cast<std::chrono::microseconds>(*link.round_trip);
    }
    if (link.heard_ago) view.heard_ago = in_ms(*link.heard_ago);
    view.in_flight = link.in_flight;
    view.unsafe = link.unsafe;
    const LinkReading reading = lanes == nullptr ? LinkReading{} : lanes->of(link);
    view.zmq_to = view_of(reading.zmq);
    view.udp_to = view_of(reading.udp);
  }
  for (const InboundStatus& inbound : status.inbound) {
    if (inbound.client) continue;
    http::PeerView& view = peers[inbound.identity.address];
    if (view.incoming) continue;
    view.incoming = true;
    if (view.state.empty()) view.state = inbound.leaving ? "leaving" : "up";
    if (view.pod.empty()) name_peer(view, inbound.identity);
    if (!view.heard_ago || *view.heard_ago > in_ms(inbound.heard_ago)) {
      view.heard_ago = in_ms(inbound.heard_ago);
    }
    const LinkReading reading = lanes == nullptr ? LinkReading{} : lanes->of(inbound);
    view.zmq_from = view_of(reading.zmq);
    view.udp_from = view_of(reading.udp);
  }
  std::vector<http::PeerView> list;
  list.reserve(peers.size());
  for (auto& [address, view] : peers) {
    view.address = address;
    list.push_back(std::move(view));
  }
  return list;
}

}  // namespace

void LoopLateness::turned(TimePoint now, Duration late) {
  ++turns_;
  sum_ += late;
  if (now - window_from_ >= kWindow) {
    worst_before_ = std::exchange(worst_, Duration{});
    window_from_ = now;
  }
  worst_ = std::max(worst_, late);
}

observe::LoopMetrics LoopLateness::metrics() const {
  return {turns_, sum_, std::max(worst_, worst_before_), {}};
}

std::vector<observe::TransportTrouble> TransportSheds::look(TimePoint now,
                                                            const TransportCounters& counters) {
  struct Kind {
    std::uint64_t TransportCounters::*count;
    const char* what;
    const char* why;
  };
  static constexpr Kind kKinds[] = {
      {&TransportCounters::sends_full, "sends_full",
       "frames were dropped because a connection took no more; they are sent again"},
      {&TransportCounters::messages_bad, "messages_bad",
       "messages with more than one part, or with a routing id, were dropped; this is no peer"},
      {&TransportCounters::connections_refused, "connections_refused",
       "incoming connections were turned away at the bound"},
      {&TransportCounters::handshakes_failed, "handshakes_failed",
       "incoming connections did not have this ring's key (--ring-key-file), or are no peer's"},
      {&TransportCounters::connections_cut, "connections_cut",
       "connections were cut that sent what no peer sends, or more than may wait to be read"},
      {&TransportCounters::lanes_refused, "lanes_refused",
       "sessions go by ZeroMQ alone because too many others have datagrams; they lose nothing"},
      {&TransportCounters::opens_failed, "opens_failed",
       "no descriptor or socket for a link: raise the limit of open files"},
  };
  std::vector<observe::TransportTrouble> lines;
  for (const Kind& kind : kKinds) {
    const std::uint64_t count = counters.*kind.count - told_.*kind.count;
    if (count > 0) lines.push_back({kind.what, std::to_string(count) + ": " + kind.why});
  }
  told_ = counters;
  told_at_ = now;
  return lines;
}

NodeView::NodeView(const Config& config, Identity self)
    : self_{std::move(self)},
      ring_{config.ring},
      queue_max_{config.queue},
      queue_bytes_max_{config.queue_bytes},
      ring_key_{!config.ring_keys.empty()} {}

void NodeView::note(Now now, const Event& event, const Peer& peer) {
  if (const auto* visit = std::get_if<Visited>(&event)) {
    hops_.observe(now, *visit);
    return;
  }
  if (const auto* change = std::get_if<SuccessorChanged>(&event)) {
    successor_ = change->successor;
  } else if (std::holds_alternative<ViewChanged>(event)) {
    const std::vector<Address> view = peer.status(now).view;
    const auto after = std::upper_bound(view.begin(), view.end(), self_.address);
    next_in_view_ = view.size() < 2       ? std::nullopt
                    : after == view.end() ? std::optional{view.front()}
                                          : std::optional{*after};
    view_changed_at_ = now.steady;
    settling_.reset();
  } else {
    return;
  }
  if (!settling_ && (!next_in_view_ || successor_ == next_in_view_)) {
    settling_ = now.steady - view_changed_at_;
  }
}

observe::DatagramMetrics datagram_metrics(const LaneTransport& lanes, const lane::RingKeys& keys) {
  const DatagramCounters counters = lanes.counters();
  return {.used = lanes.uses_datagrams(),
          .port_missing = !lanes.trouble().empty(),
          .ring_key = keys.empty() ? "none" : lane::to_string(keys.front().id()),
          .sent = counters.sent,
          .sent_bytes = counters.sent_bytes,
          .send_failures = counters.send_failures,
          .lost = lanes.lost(),
          .lanes_refused = lanes.refused(),
          .received = counters.received,
          .received_bytes = counters.received_bytes,
          .strangers = counters.strangers};
}

std::shared_ptr<const http::RingView> NodeView::ring(
    const Status& status, const http::DnsView& dns, const LinkLanes* lanes,
    const std::function<void(http::RingView&)>& describe) {
  auto view = std::make_shared<http::RingView>();
  view->self = self_;
  view->ring = ring_;
  view->view = status.view;
  view->digest = status.digest;
  view->ring_key = ring_key_;
  view->successor = status.successor;
  view->predecessor = status.predecessor;
  view->peers = peers_of(status, lanes);
  view->dns = dns;
  view->queue_used = status.queue_used;
  view->queue_max = queue_max_;
  view->held = status.held;
  view->leaving = status.leaving;
  if (describe) describe(*view);

  std::string fingerprint = std::to_string(status.digest) + (status.leaving ? "!" : "");
  for (const auto& neighbour : {status.successor, status.predecessor}) {
    fingerprint += neighbour ? to_string(*neighbour) + "," : "-,";
  }
  fingerprint += dns.outcome;
  for (const Address by : view->suspected_by) fingerprint += to_string(by) + "s";
  for (const http::PeerView& peer : view->peers) {
    fingerprint += to_string(peer.address) + peer.state + peer.boot + (peer.outgoing ? "o" : "") +
                   (peer.incoming ? "i" : "");
    for (const Address by : peer.suspected_by) fingerprint += to_string(by) + "s";
    if (!peer.status) continue;
    const PeerStatus& told = peer.status->status;
    fingerprint += told.leaving ? "l" : "";
    fingerprint += told.successor ? to_string(*told.successor) : "-";
    fingerprint += peer.status->has_details ? to_string(BootId{told.digest}) : "b";
  }
  if (fingerprint != fingerprint_) {
    fingerprint_ = std::move(fingerprint);
    ++version_;
  }
  view->version = version_;
  return view;
}

observe::MetricsSnapshot NodeView::metrics(const Peer& peer, Status status) const {
  observe::MetricsSnapshot snapshot;
  snapshot.build = {version(), revision(), protocol_version_max()};
  snapshot.self = self_;
  snapshot.core = peer.counters();
  snapshot.status = std::move(status);
  snapshot.queue_max = queue_max_;
  snapshot.queue_bytes_max = queue_bytes_max_;
  snapshot.memory_max = Settings{}.memory_max;
  snapshot.settling = settling_;
  snapshot.loop = lateness_.metrics();
  snapshot.hops = hops_;
  return snapshot;
}

}  // namespace podring
