// design, Membership: a peer that is gone is passed over, and taken back.
#include <signal.h>

#include <iostream>

#include "e2e/support/ring.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::e2e::TestRing, podring::e2e::address;
using Clock = std::chrono::steady_clock;

TEST_CASE("a peer killed while idle is routed around within 3 s and back within 5 s of its restart",
          "[e2e][failure]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.closed());
  ring.peer(2).signal(SIGKILL);
  const auto killed = Clock::now();
  REQUIRE(ring.peer(2).wait(5s) == 128 + SIGKILL);
  REQUIRE(podring::e2e::eventually([&] { return ring.successor(1) == address(3); }, 10s));
  CHECK(Clock::now() - killed < 3s);
  const auto without = ring.post(1, "without p2", R"("wait": "completed")");
  CHECK(without.status == 200);
  CHECK(without.body.find("p2") == std::string::npos);
  const auto around = Clock::now() - killed;
  CHECK(around < 3s);

  const auto restarted = Clock::now();
  ring.start(2);
  REQUIRE(ring.closed());
  const auto back = Clock::now() - restarted;
  CHECK(back < 5s);
  std::cout << "routed around after "
            << std::chrono::round<std::chrono::milliseconds>(around).count() << " ms, back "
            << std::chrono::round<std::chrono::milliseconds>(back).count()
            << " ms after its restart\n";
  const auto with = ring.post(1, "with p2", R"("wait": "completed")");
  CHECK(with.status == 200);
  CHECK(with.body.find(R"(["p1","p2","p3")") != std::string::npos);
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify({"--logs-whole"});
  INFO(verdict);
  CHECK(code == 0);
}

TEST_CASE("a peer that stands still is routed around, and suspects nobody when it wakes",
          "[e2e][failure]") {
  TestRing ring{4, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.closed());
  const auto suspicions = [&] { return ring.metric(2, "podring_suspicions_total"); };
  const double before = suspicions();  // neighbours that were slower to start refused connections
  ring.peer(2).signal(SIGSTOP);
  const auto stopped = Clock::now();
  REQUIRE(podring::e2e::eventually([&] { return ring.successor(1) == address(3); }, 10s));
  CHECK(Clock::now() - stopped < 4s);
  REQUIRE(ring.post(1, "past it", R"("wait": "completed")").status == 200);
  ring.peer(2).signal(SIGCONT);
  REQUIRE(ring.closed());
  CHECK(suspicions() - before <= 1);  // its successor may have closed the connection meanwhile
  CHECK(ring.peer(2).wait_for_lines("\"event\":\"lag\"", 1, 5s));
  REQUIRE(ring.stop_all());
}

TEST_CASE("messages seeded while a peer dies all complete", "[e2e][failure]") {
  TestRing ring{5, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.closed());
  int safe = 0;
  for (int batch = 0; batch < 20; ++batch) {
    if (batch == 10) ring.peer(3).signal(SIGKILL);
    const auto answer =
        ring.post(1, "batch", R"("hops": 40, "count": 20, "wait": "safe", "wait_ms": 10000)");
    INFO(answer.body);
    CHECK(answer.status == 202);
    if (answer.status == 202) safe += 20;
  }
  CHECK(safe == 400);
  const auto completed = [&] {
    double sum = 0;
    for (const std::size_t n : {1U, 2U, 4U, 5U}) sum += ring.metric(n, "podring_completed_total");
    return sum;
  };
  CHECK(podring::e2e::eventually([&] { return completed() >= safe; }, 20s));
  REQUIRE(ring.peer(3).wait(5s) == 128 + SIGKILL);
  for (const std::size_t n : {1U, 2U, 4U, 5U}) ring.peer(n).signal(SIGTERM);
  for (const std::size_t n : {1U, 2U, 4U, 5U}) CHECK(ring.peer(n).wait(20s) == 0);
  const auto [code, verdict] = ring.verify({"--logs-whole"});
  INFO(verdict);
  CHECK(code == 0);
}
