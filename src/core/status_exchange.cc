#include "core/status_exchange.h"

#include <algorithm>
#include <utility>

namespace podring {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 500ms;  // figures, and neighbours that came without an event
constexpr auto kMinuteStep = 5s;
constexpr int kFramesPerLook = 8;

std::uint32_t in_32(std::uint64_t number) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(number, UINT32_MAX));
}

}  // namespace

StatusExchange::StatusExchange(Identity self, std::string release, TimePoint started_at)
    : release_{std::move(release)}, started_at_{started_at}, table_{std::move(self)} {}

void StatusExchange::note(const Event& event) {
  look_ = look_ || std::holds_alternative<LinkUp>(event) ||
          std::holds_alternative<LinkDown>(event) ||
          std::holds_alternative<SuccessorChanged>(event) ||
          std::holds_alternative<PeerHealth>(event) || std::holds_alternative<ViewChanged>(event) ||
          std::holds_alternative<LeavingStarted>(event);
}

void StatusExchange::set_lanes(const LaneTotals& zmq, const LaneTotals& udp) {
  const std::array<LaneTotals, kLanes> next{zmq, udp};
  for (std::size_t i = 0; i < kLanes; ++i) {
    if (next[i].there == lanes_[i].there && next[i].over == lanes_[i].over) continue;
    for (Counts& counts : minute_) {
      counts.sent[i] = next[i].sent;
      counts.lost[i] = next[i].lost;
    }
  }
  lanes_ = next;
}

bool StatusExchange::take(Now now, std::span<const StatusHeard> heard) {
  for (const StatusHeard& one : heard) {
    ++counters_.frames_received;
    counters_.bytes_received += one.told.size();
    if (!table_.take(now.steady, one.from, one.told)) ++counters_.frames_bad;
  }
  look_ = look_ || !heard.empty();
  return !heard.empty();
}

PeerStatus StatusExchange::own(Now now, const Peer& peer) {
  const Status status = peer.status(now);
  const Counters& counters = peer.counters();
  Counts counts{counters.hops_sent, counters.hops_resent + counters.detours, {}, {}};
  for (std::size_t i = 0; i < kLanes; ++i) {
    counts.sent[i] = lanes_[i].sent;
    counts.lost[i] = lanes_[i].lost;
  }
  if (now.steady >= minute_next_) {
    minute_[minute_at_++ % minute_.size()] = counts;
    minute_next_ = now.steady + kMinuteStep;
  }
  const Counts& before =
      minute_at_ < minute_.size() ? minute_[0] : minute_[minute_at_ % minute_.size()];
  PeerStatus told;
  told.identity = peer.self();
  told.release = release_;
  told.uptime = now.steady - started_at_;
  told.leaving = status.leaving;
  told.view_size = in_32(status.view.size());
  told.digest = status.digest;
  told.queue = in_32(status.queue_used);
  told.held = in_32(status.held);
  told.successor = status.successor;
  told.predecessor = status.predecessor;
  told.handed_on = in_32(counts.handed_on - before.handed_on);
  told.retries = in_32(counts.retries - before.retries);
  for (std::size_t i = 0; i < kLanes; ++i) {
    if (!lanes_[i].there || lanes_[i].peer != status.successor) continue;
    LaneStatus& lane = (i == 0 ? told.lanes.zmq : told.lanes.udp).emplace(lanes_[i].now);
    lane.sent = in_32(counts.sent[i] - before.sent[i]);
    lane.lost = in_32(counts.lost[i] - before.lost[i]);
  }
  for (const LinkStatus& link : status.links) {
    if (link.successor) told.round_trip = link.round_trip;
    if (link.suspected) told.suspects.push_back(link.address);
  }
  std::sort(told.suspects.begin(), told.suspects.end());
  told.suspects.erase(std::unique(told.suspects.begin(), told.suspects.end()), told.suspects.end());
  told.suspect_count = in_32(told.suspects.size());
  if (told.suspects.size() > kSuspectsTold) told.suspects.resize(kSuspectsTold);
  view_ = status.view;
  return told;
}

void StatusExchange::tell(Now now, Peer& peer) {
  if (!look_ && now.steady < look_at_) return;
  look_ = false;
  table_.set_own(now.steady, own(now, peer));
  table_.forget(now.steady, view_);
  for (const StatusNeighbour& neighbour : peer.status_neighbours(now)) {
    for (int frame = 0; frame < kFramesPerLook; ++frame) {
      const Bytes told = table_.next_for(now.steady, neighbour.boot, neighbour.session);
      if (told.empty()) break;
      ++counters_.frames_sent;
      counters_.bytes_sent += told.size();
      peer.send_status(now, neighbour, told);
    }
  }
  look_at_ = std::clamp(table_.next_deadline(), now.steady + 1ms, now.steady + kLookEvery);
}

}  // namespace podring
