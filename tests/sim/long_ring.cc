#include "sim/long_ring.h"

#include <algorithm>
#include <ctime>
#include <numeric>

#include "support/sim_oracle.h"

namespace podring::sim {
namespace {

using namespace std::chrono_literals;

constexpr auto kFormBound = 60s;
constexpr auto kRoundBound = 300s;  // 10,000 hops of at most 1 ms and a death on the way
constexpr std::size_t kMessageBytes = 256;

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

bool formed(const SimNet& net, int peers) {
  for (Pid pid = 0; pid < peers; ++pid) {
    const Status status = net.status(pid);
    if (!status.successor || *status.successor != SimNet::address_of((pid + 1) % peers))
      return false;
  }
  return true;
}

}  // namespace

LongRingResult run_long_ring(const LongRingOptions& options) {
  NetOptions net_options;
  net_options.check_peers = false;  // these walk a view or a trace, which would be all that is seen
  net_options.check_steps = false;
  net_options.check_traces = false;
  SimNet net{net_options};
  LongRingResult result;
  const double began = cpu_seconds();
  std::vector<Host> all(static_cast<std::size_t>(options.peers));
  std::iota(all.begin(), all.end(), 0);
  for (const Host host : all) net.start(host, {});
  for (const Host host : all) net.set_fixed(host, all);
  const auto until = net.now() + kFormBound;
  while (!formed(net, options.peers) && !net.failure()) {
    if (net.now() >= until) {
      net.fail("formation", "not every peer has found its successor");
      break;
    }
    net.run_for(100ms);
  }
  result.formed_cpu_s = cpu_seconds() - began;

  const auto peers = static_cast<std::uint64_t>(options.peers);
  result.messages = std::max(options.messages_min, (options.hops + peers - 1) / peers);
  const std::uint64_t turns_before = net.turns();
  const double before = cpu_seconds();
  const Pid victim = options.peers / 2;
  SeedRequest request;
  request.message.assign(kMessageBytes, 'x');
  request.laps = 1;
  // In waves: a short ring has no room for so many at once.
  constexpr std::uint64_t kWavesAtMost = 200;
  const std::uint64_t wave = (result.messages + kWavesAtMost - 1) / kWavesAtMost;
  for (std::uint64_t i = 0; i < result.messages && !net.failure(); ++i) {
    const auto origin = static_cast<Pid>(i * peers / result.messages);
    if (origin == victim && !net.alive(victim)) continue;
    request.sender = SimNet::address_of(origin);
    if (const SeedResult seeded = net.seed(origin, request); seeded.error != SeedError::none)
      net.fail("seed", seeded.reason);
    if (i % wave == wave - 1) net.run_for(5ms);
    if (i == result.messages / 2) net.crash(victim, Death::process);
  }
  const Oracle& oracle = net.oracle();
  const auto round_until = net.now() + kRoundBound;
  while (oracle.held_in_all() > 0 && !net.failure() && net.now() < round_until) net.run_for(100ms);
  net.oracle().check_all_ended();
  for (const EnvelopeId& id : oracle.ids()) {
    const IdState& state = oracle.id(id);
    result.hops += static_cast<std::uint64_t>(std::max(state.visits - 1, 0));
    if (state.completed != 1 && !state.excused)
      net.fail("ends", net.name_of(id) + " does not end once: " + oracle.describe(id));
  }
  const double cpu_ns = (cpu_seconds() - before) * 1e9;
  result.cpu_ns_per_turn = cpu_ns / static_cast<double>(net.turns() - turns_before);
  result.cpu_ns_per_hop = cpu_ns / static_cast<double>(std::max<std::uint64_t>(result.hops, 1));
  for (const Pid pid : net.live())
    result.links_most = std::max<std::uint64_t>(result.links_most, net.status(pid).links.size());
  result.failure = net.failure();
  return result;
}

}  // namespace podring::sim
