#include "app/node_status.h"

#include <algorithm>
#include <map>
#include <utility>

#include "app/version.h"

namespace podring {
namespace {

using namespace std::chrono_literals;

// Three rounds without news of a peer.
constexpr auto kStaleAfter = 15s;

std::chrono::milliseconds in_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

using Peers = std::map<Address, http::PeerView>;

/// Who passes over whom, as they told. `doubted`: by those who are passed over themselves, of whom
/// only what is not stale counts: who died says nothing any more.
void add_suspicions(Now now, const StatusTable& table, http::RingView& view, Peers& peers,
                    bool doubted) {
  for (const auto& [address, known] : table.known()) {
    if (!std::binary_search(view.view.begin(), view.view.end(), address)) continue;
    const auto reporter = peers.find(address);
    const auto& by = reporter == peers.end() ? view.suspected_by : reporter->second.suspected_by;
    if (by.empty() == doubted) continue;
    if (doubted && now.steady - known.told_at >= kStaleAfter) continue;
    for (const Address suspect : known.status.suspects) {
      const auto found = peers.find(suspect);
      if (found == peers.end() && suspect != view.self.address) continue;
      auto& reporters = found == peers.end() ? view.suspected_by : found->second.suspected_by;
      if (std::find(reporters.begin(), reporters.end(), address) == reporters.end())
        reporters.push_back(address);
    }
  }
}

/// The worst that anybody knows of it; what this peer's own link says comes before hearsay.
std::string state_of(const http::PeerView& peer) {
  if (!peer.suspected_by.empty()) return "suspected";
  if (peer.state != "listed") return peer.state;
  if (!peer.status) return "listed";
  if (peer.status->age >= kStaleAfter) return "stale";
  return peer.status->status.leaving ? "leaving" : "up";
}

}  // namespace

NodeStatus::NodeStatus(Identity self, TimePoint started_at)
    : exchange_{std::move(self), version(), started_at} {}

void NodeStatus::describe(Now now, http::RingView& view) {
  const StatusTable& table = exchange_.table();
  Peers peers;
  for (http::PeerView& peer : view.peers) peers.emplace(peer.address, std::move(peer));
  const auto entry = [&](Address address) -> http::PeerView& {
    http::PeerView& peer = peers[address];
    if (peer.state.empty()) {
      peer.address = address;
      peer.state = "listed";
    }
    return peer;
  };
  for (const Address address : view.view) {
    if (address != view.self.address) entry(address);
  }
  for (const auto& [address, known] : table.known()) {
    const PeerStatus& status = known.status;
    http::StatusView told{status, in_ms(now.steady - known.told_at),
                          in_ms(now.steady - known.details_at), known.has_details};
    if (address == view.self.address) {
      view.status = std::move(told);
      continue;
    }
    http::PeerView& peer = entry(address);
    if (peer.pod.empty() || peer.boot == to_string(status.identity.boot)) {
      if (!status.identity.pod.empty()) peer.pod = status.identity.pod;
      peer.node = status.identity.node;
      peer.uid = status.identity.uid;
      peer.boot = to_string(status.identity.boot);
    }
    peer.status = std::move(told);
  }
  add_suspicions(now, table, view, peers, false);
  add_suspicions(now, table, view, peers, true);
  view.peers.clear();
  std::map<Address, TimePoint> since;
  const auto known_for = [&](Address address) {
    const auto before = suspected_since_.find(address);
    const auto at = before == suspected_since_.end() ? now.steady : before->second;
    since.emplace(address, at);
    return in_ms(now.steady - at);
  };
  if (!view.suspected_by.empty()) view.suspected_for = known_for(view.self.address);
  for (auto& [address, peer] : peers) {
    if (!peer.suspected_by.empty()) peer.suspected_for = known_for(address);
    peer.state = state_of(peer);
    view.peers.push_back(std::move(peer));
  }
  suspected_since_ = std::move(since);
}

observe::StatusMetrics NodeStatus::metrics(Now now, std::span<const Address> view) const {
  const StatusTable& table = exchange_.table();
  observe::StatusMetrics metrics{exchange_.counters(), table.left_out(), 0, {}};
  for (const auto& [address, known] : table.known()) {
    if (!std::binary_search(view.begin(), view.end(), address)) continue;
    ++metrics.known;
    metrics.oldest = std::max(metrics.oldest, now.steady - known.told_at);
  }
  return metrics;
}

std::uint64_t NodeStatus::take_left_out() {
  const std::uint64_t count = exchange_.table().left_out();
  return count - std::exchange(left_out_told_, count);
}

}  // namespace podring
