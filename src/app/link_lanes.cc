#include "app/link_lanes.h"

#include <algorithm>

namespace podring {
namespace {

using observe::LaneCounts;

/// The members of LaneCounts, one after another.
constexpr std::uint64_t LaneCounts::*kCounts[] = {&LaneCounts::sent, &LaneCounts::lost,
                                                  &LaneCounts::received, &LaneCounts::expected};

std::optional<LaneReading> reading_of(const std::optional<TcpFigures>& tcp) {
  if (!tcp) return std::nullopt;
  LaneReading reading;
  reading.path_mtu = tcp->segment_max;
  reading.counts.sent = tcp->sent;
  reading.counts.lost = tcp->sent_again;
  return reading;
}

std::optional<LaneReading> reading_of(const std::optional<lane::LaneFigures>& figures) {
  if (!figures) return std::nullopt;
  return LaneReading{figures->state,
                     figures->round_trip,
                     figures->variation,
                     figures->path_mtu,
                     true,
                     {.sent = figures->sent,
                      .lost = figures->sent_lost,
                      .received = figures->received,
                      .expected = figures->received + figures->received_missing}};
}

}  // namespace

LinkReading LinkLanes::of(const LinkStatus& link) const {
  LinkReading reading{reading_of(stream_.link_figures(link.link)),
                      reading_of(datagrams_.link_figures(link.link))};
  if (reading.zmq) {
    reading.zmq->round_trip = link.ping_round_trip;
    reading.zmq->jitter = link.ping_variation;
  }
  return reading;
}

LinkReading LinkLanes::of(const InboundStatus& inbound) const {
  return {reading_of(stream_.route_figures(inbound.route)),
          reading_of(datagrams_.route_figures(inbound.route))};
}

std::optional<http::LaneView> view_of(const std::optional<LaneReading>& reading) {
  if (!reading) return std::nullopt;
  http::LaneView view;
  view.state = reading->state == lane::LaneState::open     ? "open"
               : reading->state == lane::LaneState::failed ? "failed"
                                                           : "probing";
  if (reading->round_trip) {
    view.round_trip = std::chrono::duration_cast<std::chrono::microseconds>(*reading->round_trip);
    view.jitter = std::chrono::duration_cast<std::chrono::microseconds>(reading->jitter);
  }
  view.path_mtu = reading->path_mtu;
  view.sent = reading->counts.sent;
  view.lost = reading->counts.lost;
  if (reading->counts_arrivals) {
    view.received = reading->counts.received;
    view.missing = reading->counts.expected - reading->counts.received;
  }
  return view;
}

// ---- neighbours
// -------------------------------------------------------------------------------------

void NeighbourLanes::take(Lane& zmq, Lane& udp, std::uint32_t over, Address peer,
                          const LinkReading& reading) {
  take(zmq, over, peer, reading.zmq);
  take(udp, over, peer, reading.udp);
}

void NeighbourLanes::take(Lane& lane, std::uint32_t over, Address peer,
                          const std::optional<LaneReading>& reading) {
  // Of a link that was none of a neighbour's before, what it counted then is not told.
  if (reading && lane.reading && lane.over == over) {
    for (const auto count : kCounts) {
      // One that is smaller than before is of a lane that has begun again.
      const std::uint64_t before = lane.reading->counts.*count;
      const std::uint64_t now = reading->counts.*count;
      lane.total.*count += now >= before ? now - before : now;
    }
  }
  lane.over = over;
  lane.peer = peer;
  lane.reading = reading;
}

LaneTotals NeighbourLanes::totals(const Lane& lane) {
  if (!lane.reading) return {false, lane.over, {}, {}, lane.total.sent, lane.total.lost};
  const LaneReading& reading = *lane.reading;
  using State = LaneStatus::State;
  LaneStatus now;
  now.state = reading.state == lane::LaneState::open     ? State::open
              : reading.state == lane::LaneState::failed ? State::failed
                                                         : State::probing;
  now.round_trip = reading.round_trip;
  now.jitter = reading.jitter;
  now.path_mtu = static_cast<std::uint32_t>(std::min<std::uint64_t>(reading.path_mtu, UINT32_MAX));
  return {true, lane.over, lane.peer, now, lane.total.sent, lane.total.lost};
}

std::vector<observe::LaneMetrics> NeighbourLanes::metrics() const {
  std::vector<observe::LaneMetrics> all;
  for (const Lane& lane : lanes_) {
    observe::LaneMetrics metrics{.link = lane.link, .lane = lane.name, .counts = lane.total};
    if (lane.reading) {
      metrics.open = lane.reading->state == lane::LaneState::open;
      metrics.round_trip = lane.reading->round_trip;
      metrics.jitter = lane.reading->jitter;
      metrics.path_mtu = lane.reading->path_mtu;
    }
    all.push_back(metrics);
  }
  return all;
}

std::vector<observe::LaneMeasured> NeighbourLanes::lines(TimePoint now) {
  std::vector<observe::LaneMeasured> lines;
  if (!told_at_) told_at_ = now;
  if (now - *told_at_ < kLineEvery) return lines;
  for (Lane& lane : lanes_) {
    observe::LaneMeasured line{.peer = lane.peer, .link = lane.link, .lane = lane.name};
    for (const auto count : kCounts) line.counts.*count = lane.total.*count - lane.told.*count;
    lane.told = lane.total;
    if (!lane.reading) continue;
    line.open = lane.reading->state == lane::LaneState::open;
    line.round_trip = lane.reading->round_trip;
    line.jitter = lane.reading->jitter;
    line.path_mtu = lane.reading->path_mtu;
    line.over = now - *told_at_;
    lines.push_back(line);
  }
  told_at_ = now;
  return lines;
}

void look_at_neighbours(NeighbourLanes& neighbours, const Status& status, const LinkLanes& lanes) {
  const auto link = std::find_if(status.links.begin(), status.links.end(),
                                 [](const LinkStatus& each) { return each.successor; });
  if (link == status.links.end()) {
    neighbours.no_successor();
  } else {
    neighbours.to_successor(link->link, link->address, lanes.of(*link));
  }
  const auto inbound =
      std::find_if(status.inbound.begin(), status.inbound.end(), [&](const InboundStatus& each) {
        return !each.client && each.identity.address == status.predecessor;
      });
  if (inbound == status.inbound.end()) {
    neighbours.no_predecessor();
  } else {
    neighbours.to_predecessor(inbound->route, *status.predecessor, lanes.of(*inbound));
  }
}

}  // namespace podring
