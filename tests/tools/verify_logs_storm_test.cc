// What peers do around failures is right by the rules of verify-logs: no false alarm, whatever the
// storm. (What is wrong is found: verify_logs_test.cc.)
#include <cstdlib>
#include <map>
#include <string>

#include "core/random.h"
#include "support/catch.h"
#include "tools/logged_net.h"

using namespace std::chrono_literals;
using podring::Duration, podring::SeedRequest, podring::SplitMix;
using podring::test::check_logs, podring::test::Checked, podring::test::LoggedNet;

namespace {

constexpr int kPods = 5;

/// One fault at a time, so that nothing confirmed may be lost; messages all the while.
void storm(LoggedNet& ring, SplitMix& random) {
  std::map<int, podring::sim::Pid> at_host;
  for (int pid = 0; pid < kPods; ++pid) at_host[pid] = pid;
  for (int round = 0; round < 6; ++round) {
    const int host = static_cast<int>(random.below(kPods));
    const podring::sim::Pid pid = at_host[host];
    const auto fault = random.below(5);
    const auto seed_some = [&](int count) {
      for (int i = 0; i < count; ++i) {
        const podring::sim::Pid to = at_host[static_cast<int>(random.below(kPods))];
        SeedRequest request;
        request.message = "m";
        request.hops = static_cast<std::uint32_t>(1 + random.below(30));
        if (random.below(4) == 0) {
          request.laps = static_cast<std::uint32_t>(1 + random.below(4));
          request.hops.reset();
        }
        request.receipt = random.below(3) == 0;
        if (ring.net.alive(to) && !ring.net.paused(to)) (void)ring.net.seed(to, request);
        ring.net.run_for(std::chrono::microseconds{random.below(3000)});
      }
    };
    seed_some(20);
    switch (fault) {
      case 0:
        ring.net.crash(pid, podring::sim::Death::process);
        break;
      case 1:
        ring.net.crash(pid, podring::sim::Death::host);
        break;
      case 2:
        ring.net.pause(pid);
        break;
      case 3:
        ring.net.leave(pid, 20s);
        break;
      default:
        ring.net.break_connections(host, (host + 1) % kPods);
    }
    seed_some(20);
    ring.net.run_for(std::chrono::milliseconds{random.below(8000)});
    seed_some(20);
    if (fault == 2) ring.net.resume(pid);
    ring.net.run_for(30s);
    if (!ring.net.alive(pid)) at_host[host] = ring.start(host);
    ring.net.run_for(10s);
  }
  ring.net.run_for(120s);
}

}  // namespace

TEST_CASE("peers in a storm do nothing that verify-logs calls wrong", "[verify][sim]") {
  const char* const asked = std::getenv("PODRING_STORMS");  // more of them, by hand
  const std::uint64_t seeds = asked == nullptr ? 30 : std::stoull(asked);
  std::uint64_t repeated = 0;
  std::uint64_t visits = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    LoggedNet ring{kPods, seed};
    SplitMix random{seed};
    storm(ring, random);
    INFO("seed " << seed);
    REQUIRE_FALSE(ring.net.failure());
    podring::verify::JudgeOptions options;
    options.logs_whole = true;
    options.clock_skew_us = 0;  // one clock
    const Checked checked = check_logs(ring.take_logs(), options);
    INFO(checked.text);
    REQUIRE(checked.code == 0);
    repeated += checked.count("repeated_with_detours");
    visits += std::stoull(checked.json.substr(checked.json.find("\"visits\":") + 9));
  }
  CHECK(repeated > 0);  // the storms are storms
  CHECK(visits > 100'000);
}
