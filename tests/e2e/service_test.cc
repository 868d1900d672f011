// Rings that find each other through a real name server.
#include <signal.h>

#include <map>

#include "e2e/support/ring.h"
#include "net/resolver_dns.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::Dnsmasq, podring::e2e::TestRing, podring::e2e::address, podring::e2e::json_text;

namespace {

constexpr std::uint32_t kServer = 250;  // its address of this test
const std::string kService = "ring.test";

std::vector<std::string> flags(const Dnsmasq& dns) {
  return {"--service",
          kService,
          "--dns-server",
          podring::to_string(dns.server().address) + ":" + std::to_string(dns.server().port),
          "--poll-ms",
          "200",
          "--drain-linger-ms",
          "1000"};
}

std::multimap<std::string, std::string> records(const std::vector<std::size_t>& peers) {
  std::multimap<std::string, std::string> all;
  for (const std::size_t n : peers) all.emplace(kService, address(n));
  return all;
}

std::string outcome(std::size_t n) {
  const std::string ring = podring::e2e::http_get(address(n), 8080, "/ring").body;
  return json_text(json_text(ring, "dns"), "outcome");
}

bool ready(TestRing& ring, std::size_t n) {
  return ring.peer(n).wait_for_lines("\"event\":\"ready\"", 1, 20s) &&
         podring::e2e::http_get(address(n), 8081, "/readyz").status == 200;
}

}  // namespace

TEST_CASE("pods become ready before the service knows them, form a ring, and seed to the service",
          "[e2e][service]") {
  Dnsmasq dns{kServer};
  dns.serve({});
  TestRing ring{3, flags(dns)};
  ring.start_all();
  for (std::size_t n = 1; n <= 3; ++n) {
    REQUIRE(ready(ring, n));
    CHECK(podring::e2e::eventually([&] { return outcome(n) == "empty"; }, 5s));
  }
  dns.serve(records({3, 1, 2}));
  REQUIRE(ring.closed());
  CHECK(podring::e2e::eventually(
      [&] {
        double completed = 0;
        for (std::size_t n = 1; n <= 3; ++n) completed += ring.metric(n, "podring_completed_total");
        return completed == 9;
      },
      20s));
  REQUIRE(ring.stop_all());
  for (std::size_t n = 1; n <= 3; ++n) {
    for (const std::string& line : ring.peer(n).lines()) {
      if (json_text(line, "event") != "lag") continue;  // a busy machine may be late, by seconds
      CHECK(std::stoll(json_text(line, "late_us")) < 60'000'000);
    }
  }
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

TEST_CASE("a name server that stops answering changes nothing", "[e2e][service]") {
  Dnsmasq dns{kServer};
  dns.serve(records({1, 2, 3}));
  TestRing ring{3, flags(dns)};
  ring.start_all();
  REQUIRE(ring.closed());
  dns.signal(SIGSTOP);
  REQUIRE(podring::e2e::eventually([] { return outcome(1) == "unknown"; }, 30s));
  CHECK(ring.post(1, "still here", R"("wait": "completed")").status == 200);
  CHECK(podring::e2e::http_get(address(1), 8081, "/readyz").status == 200);
  dns.signal(SIGCONT);
  CHECK(podring::e2e::eventually([] { return outcome(1) == "answer"; }, 30s));
  CHECK(ring.stop_all());
}

TEST_CASE("a rolling update loses nothing", "[e2e][service]") {
  Dnsmasq dns{kServer};
  dns.serve(records({1, 2, 3}));
  TestRing ring{6, flags(dns)};
  for (std::size_t n = 1; n <= 3; ++n) ring.start(n);
  REQUIRE(podring::e2e::eventually([&] { return ring.successor(3) == address(1); }, 20s));
  std::vector<std::size_t> listed{1, 2, 3};
  double safe = 0;
  const auto seed = [&](std::size_t n) {
    const auto answer =
        ring.post(n, "rolling", R"("hops": 200, "count": 50, "wait": "safe", "wait_ms": 20000)");
    INFO(answer.body);
    CHECK(answer.status == 202);
    safe += 50;
  };
  for (std::size_t fresh = 4; fresh <= 6; ++fresh) {
    const std::size_t old = fresh - 3;
    seed(old);
    ring.start(fresh);
    REQUIRE(ready(ring, fresh));
    listed.push_back(fresh);
    dns.serve(records(listed));
    seed(old);
    ring.peer(old).signal(SIGTERM);  // and at the same time it leaves the service
    std::erase(listed, old);
    dns.serve(records(listed));
    REQUIRE(ring.peer(old).wait(30s) == 0);
  }
  REQUIRE(podring::e2e::eventually([&] { return ring.successor(6) == address(4); }, 20s));
  seed(4);
  CHECK(podring::e2e::eventually(
      [&] {
        for (std::size_t n = 4; n <= 6; ++n) {
          if (json_text(podring::e2e::http_get(address(n), 8080, "/ring").body, "held") != "0") {
            return false;
          }
        }
        return true;
      },
      30s));
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}
