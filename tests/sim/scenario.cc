#include "sim/scenario.h"

#include "sim/storm.h"
#include "support/sim_oracle.h"

namespace podring::sim {
namespace {

using namespace std::chrono_literals;

// Far above what is needed (probation of a peer that was suspected again and again takes 30 s) and
// far below the ten minutes after which `expired` would hide a ring that stands still.
constexpr auto kEndBound = 60s;
constexpr int kWindowsMax = 8;
constexpr auto kConvergeBound = 90s;
constexpr auto kCalmBound = 30s;
// A lane that failed is probed after 30 s at the latest, and used after three answers.
constexpr auto kLanesBound = 45s;

/// Every live peer sees every live peer, and hands to the next one.
bool converged(SimNet& net, const std::vector<Pid>& live) {
  std::vector<Address> members;
  for (const Pid pid : live) members.push_back(SimNet::address_of(net.host(pid)));
  std::sort(members.begin(), members.end());
  for (const Pid pid : live) {
    const Status status = net.status(pid);
    if (status.view != members) return false;
    const Ring ring{SimNet::address_of(net.host(pid)), members};
    if (!status.successor || *status.successor != ring.next(SimNet::address_of(net.host(pid))))
      return false;
  }
  return true;
}

/// From everybody to the next one, where both have lanes.
bool lanes_open(SimNet& net, const std::vector<Pid>& live) {
  return std::all_of(live.begin(), live.end(), [&](Pid pid) {
    const auto successor = net.status(pid).successor;
    if (!successor) return false;
    const Pid next = net.pid_at(SimNet::host_of(*successor));
    if (next < 0 || next == pid || !net.has_lanes(pid) || !net.has_lanes(next)) return true;
    const auto lane = net.lane(pid, *successor);
    return lane && lane->state == lane::LaneState::open;
  });
}

/// In calm weather nothing may be missing, doubled, or out of order.
void check_calm(SimNet& net, Storm& storm) {
  const std::vector<Pid> live = net.live();
  if (live.empty()) return;
  net.run_for(storm.aftermath());
  if (!net.run_until([&] { return converged(net, live); }, kConvergeBound)) {
    std::string text;
    for (const Pid pid : live) {
      const Status status = net.status(pid);
      text += " " + net.name(pid) + " sees";
      for (const Address& address : status.view) text += " " + net.name_of(address);
      text +=
          " and hands to " + (status.successor ? net.name_of(*status.successor) : "nobody") + ";";
    }
    return net.fail("convergence", "the ring is not whole again:" + text);
  }
  if (!net.run_until([&] { return lanes_open(net, live); }, kLanesBound) && !net.failure())
    return net.fail("lane_used", "not every lane is open again" + net.describe_lanes());
  std::vector<EnvelopeId> ids;
  for (const Pid pid : live) {
    SeedRequest request;
    request.message = storm.calm_message();
    request.hops = static_cast<std::uint32_t>(live.size() + 1);
    request.receipt = true;
    request.sender = SimNet::address_of(net.host(pid));
    SeedResult result;
    const auto taken = [&] {  // a small queue may have to empty first
      if (net.peer(pid).queue_used() + 2 > net.settings(pid).queue) return false;
      result = net.seed(pid, request);
      return result.error == SeedError::none;
    };
    if (!net.run_until(taken, kCalmBound))
      return net.fail("calm", "a seed is refused in calm weather: " + result.reason);
    ids.push_back(result.first);
    net.run_for(storm.calm_pause());
  }
  Oracle& oracle = net.oracle();
  const auto done = [&] {
    return oracle.held_in_all() == 0 &&
           std::all_of(ids.begin(), ids.end(),
                       [&](const EnvelopeId& id) { return oracle.id(id).receipts > 0; });
  };
  // The last word goes back peer by peer.
  if (!net.run_until(done, kCalmBound + live.size() * 2s) && !net.failure()) {
    std::string text;
    for (const EnvelopeId& id : ids)
      text += " " + net.name_of(id) + " " + oracle.describe(id) + ", receipts " +
              std::to_string(oracle.id(id).receipts) + ";";
    return net.fail("calm", "not all ends and receipts came in calm weather:" + text);
  }
  for (const EnvelopeId& id : ids) {
    const IdState& state = oracle.id(id);
    if (state.completed != 1 || state.expired != 0 || !state.confirmed || state.receipts != 1 ||
        !state.first_end_plain)
      return net.fail("calm", net.name_of(id) + ": " + oracle.describe(id));
    std::size_t at = 0;
    while (live[at] != state.origin) ++at;
    std::vector<Pid> in_order = live;
    std::sort(in_order.begin(), in_order.end(),
              [&](Pid a, Pid b) { return net.host(a) < net.host(b); });
    at = static_cast<std::size_t>(std::find(in_order.begin(), in_order.end(), state.origin) -
                                  in_order.begin());
    for (std::size_t i = 0; i < state.trace.size(); ++i) {
      if (state.trace[i] != net.name(in_order[(at + i) % in_order.size()]))
        return net.fail("calm", net.name_of(id) + " did not go round in order");
    }
    if (state.trace.size() != live.size() + 1)
      return net.fail("calm", net.name_of(id) + " made another number of hops than it was given");
  }
}

/// Everything that a lane took has arrived or came back, and nobody was suspected for datagrams.
void check_lanes(SimNet& net, const Storm& storm) {
  if (!net.run_until([&] { return net.lane_frames_open() == 0; }, kCalmBound) && !net.failure())
    return net.fail("lane_frames", std::to_string(net.lane_frames_open()) +
                                       " frames that lanes took neither arrived nor came back" +
                                       net.describe_lanes());
  if (!storm.only_datagrams()) return;
  for (const Pid pid : net.live()) {
    if (net.peer(pid).counters().suspicions > 0)
      return net.fail("lane_suspicion",
                      net.name(pid) + " suspected somebody though only datagrams were lost");
  }
}

/// Everybody knows everybody as they are now. With a peer between that takes no part in it, the
/// others may be cut off from one another.
void check_statuses(SimNet& net) {
  const std::vector<Pid> live = net.live();
  for (const Pid pid : live) {
    if (net.statuses(pid) == nullptr) return;
  }
  const auto known = [&](Pid pid, Pid other) {
    const auto& table = net.statuses(pid)->known();
    const auto found = table.find(SimNet::address_of(net.host(other)));
    if (found == table.end()) return false;
    const PeerStatus& told = found->second.status;
    return told.identity == net.peer(other).self() && told.suspects.empty() &&
           told.digest == net.status(other).digest;
  };
  const auto all_known = [&] {
    return std::all_of(live.begin(), live.end(), [&](Pid pid) {
      return std::all_of(live.begin(), live.end(), [&](Pid other) { return known(pid, other); });
    });
  };
  if (net.run_until(all_known, kCalmBound) || net.failure()) return;
  std::string text;
  for (const Pid pid : live) {
    for (const Pid other : live) {
      if (!known(pid, other))
        text += " " + net.name(pid) + " does not know " + net.name(other) + ";";
    }
  }
  net.fail("status", "in calm weather not everybody knows everybody:" + text);
}

/// Hand-overs that were accepted, by all who live.
std::uint64_t visits_of(const SimNet& net) {
  std::uint64_t visits = 0;
  for (const Pid pid : net.live()) visits += net.peer(pid).counters().visits;
  return visits;
}

/// A ring that is full beyond its bounds moves an envelope a retransmission time-out, so ends may
/// take long; but in each kEndBound something moves, and what moves ends.
bool everything_ends(SimNet& net, Storm& storm) {
  const auto done = [&] { return net.oracle().held_in_all() == 0 && !storm.waits(net); };
  std::uint64_t before = visits_of(net);
  for (int window = 0; window < kWindowsMax; ++window) {
    if (net.run_until(done, kEndBound)) return true;
    if (net.failure() || visits_of(net) == before) return false;
    before = visits_of(net);
  }
  return false;
}

}  // namespace

ScenarioResult run_scenario(const ScenarioOptions& options) {
  Storm storm{options.number, options.size};
  SimNet net{storm.net_options(options.trace)};
  storm.plan(net);
  net.run_for(storm.length());
  Oracle& oracle = net.oracle();
  if (!net.failure()) storm.heal(net);
  if (!net.failure() && !everything_ends(net, storm) && !net.failure()) {
    std::string text;
    for (const EnvelopeId& id : oracle.ids()) {
      if (!oracle.id(id).holders.empty())
        text += " " + net.name_of(id) + " " + oracle.describe(id) + ";";
    }
    net.fail("standstill", "after the storm not everything ends:" + text);
  }
  if (!net.failure()) oracle.check_all_ended();
  if (!net.failure()) check_calm(net, storm);
  if (!net.failure()) check_lanes(net, storm);
  if (!net.failure()) check_statuses(net);

  ScenarioResult result;
  result.failure = net.failure();
  result.ended_at = net.now();
  result.turns = net.turns();
  result.lane_frames = net.lane_frames_taken();
  result.deaths = storm.deaths();
  result.ids = oracle.ids().size();
  for (const EnvelopeId& id : oracle.ids()) {
    const IdState& state = oracle.id(id);
    result.confirmed += state.confirmed ? 1 : 0;
    result.excused += state.excused ? 1 : 0;
    result.visits += static_cast<std::uint64_t>(state.visits);
  }
  return result;
}

}  // namespace podring::sim
