// A ring of three processes as its users see it.
#include <signal.h>

#include "e2e/support/ring.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::e2e::TestRing, podring::e2e::json_text;

TEST_CASE("every pod seeds to its own service on start, and all of it completes", "[e2e]") {
  TestRing ring{3, {"--drain-linger-ms", "200"}};
  ring.start_all();
  REQUIRE(ring.closed());
  std::size_t completed = 0;
  REQUIRE(podring::e2e::eventually(
      [&] {
        completed = 0;
        for (std::size_t n = 1; n <= 3; ++n) {
          completed += static_cast<std::size_t>(ring.metric(n, "podring_completed_total"));
        }
        return completed >= 9;
      },
      20s));
  CHECK(completed == 9);
  for (std::size_t n = 1; n <= 3; ++n) {
    CHECK(ring.peer(n).wait_for_lines("\"event\":\"start_seeds\"", 1, 5s));
    CHECK(ring.peer(n).wait_for_lines(
        "\"message\":\"Sending message from pod " + podring::e2e::address(n) + "\"", 1, 5s));
  }
  REQUIRE(ring.stop_all());
  for (std::size_t n = 1; n <= 3; ++n) {
    const auto lines = ring.peer(n).lines();
    REQUIRE(lines.size() > 2);
    CHECK(json_text(lines.front(), "event") == "started");
    CHECK(json_text(lines.back(), "event") == "stopped");
    CHECK(json_text(lines.back(), "seq") == std::to_string(lines.size() - 1));
    CHECK(ring.peer(n).errors().empty());
  }
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

TEST_CASE("a message by POST goes round in address order", "[e2e]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.closed());
  const auto answer = ring.post(2, "hello", "\"wait\": \"completed\"");
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(
      answer.body.find("[\"p2\",\"p3\",\"p1\",\"p2\",\"p3\",\"p1\",\"p2\",\"p3\",\"p1\",\"p2\"]") !=
      std::string::npos);
  const auto laps = ring.post(3, "two laps", R"("laps": 2, "wait": "completed")");
  CHECK(laps.status == 200);
  CHECK(laps.body.find("[\"p3\",\"p1\",\"p2\",\"p3\",\"p1\",\"p2\"]") != std::string::npos);
  CHECK(ring.post(1, "safe", R"("wait": "safe")").status == 202);
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

TEST_CASE("one peer alone takes messages and hands them to itself", "[e2e]") {
  TestRing ring{1, {"--drain-linger-ms", "0", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.peer(1).wait_for_lines("\"event\":\"ready\"", 1, 10s));
  const auto answer = ring.post(1, "to myself", R"("hops": 3, "wait": "completed")");
  INFO(answer.body);
  CHECK(answer.status == 200);
  CHECK(answer.body.find(R"(["p1","p1","p1"])") != std::string::npos);
  CHECK(ring.stop_all());
}
