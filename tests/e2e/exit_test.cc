// Starting and stopping: what the operator sees.
#include <signal.h>

#include <algorithm>

#include "e2e/support/ring.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::e2e::TestRing, podring::e2e::Process, podring::e2e::address, podring::e2e::json_text,
    podring::e2e::program;

TEST_CASE("SIGTERM in the midst of work loses nothing and ends with 0", "[e2e][exit]") {
  TestRing ring{4, {"--drain-linger-ms", "500", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.closed());
  const auto seeded =
      ring.post(2, "leaving", R"("hops": 250, "count": 200, "wait": "safe", "wait_ms": 20000)");
  INFO(seeded.body);
  REQUIRE(seeded.status == 202);
  ring.peer(2).signal(SIGTERM);
  CHECK(podring::e2e::eventually(
      [&] { return podring::e2e::http_get(address(2), 8081, "/readyz").status == 503; }, 5s));
  REQUIRE(ring.peer(2).wait(20s) == 0);
  const auto last = ring.peer(2).lines().back();
  CHECK(json_text(last, "event") == "stopped");
  CHECK(json_text(last, "reason") == "SIGTERM");
  CHECK(json_text(last, "held") == "0");
  const auto completed = [&] {
    double sum = 0;
    for (const std::size_t n : {1U, 3U, 4U}) sum += ring.metric(n, "podring_completed_total");
    return sum;
  };
  CHECK(podring::e2e::eventually([&] { return completed() >= 200; }, 60s));
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

TEST_CASE("a leaving peer takes seeds while it lingers, and confirms what is safe", "[e2e][exit]") {
  TestRing ring{3, {"--seed-on-start", "0"}};
  ring.start(1, {"--drain-linger-ms", "4000"});
  for (const std::size_t n : {2U, 3U}) ring.start(n, {"--drain-linger-ms", "100"});
  REQUIRE(ring.closed());
  ring.peer(1).signal(SIGINT);
  REQUIRE(ring.peer(1).wait_for_lines("\"event\":\"leaving\"", 1, 5s));
  const auto answer = ring.post(1, "late", R"("wait": "accepted")");
  INFO(answer.body);
  CHECK(answer.status == 202);
  CHECK(ring.peer(1).wait_for_lines("\"event\":\"safe\"", 1, 1s));  // before the answer
  CHECK(ring.peer(1).wait(10s) == 0);
  CHECK(ring.stop_all());
}

TEST_CASE("a second signal ends it at once and names what it holds", "[e2e][exit]") {
  TestRing ring{2, {"--seed-on-start", "0"}};
  ring.start(1);  // the other peer never comes: what is seeded is held
  REQUIRE(ring.peer(1).wait_for_lines("\"event\":\"ready\"", 1, 10s));
  const auto answer = ring.post(1, "nobody takes it", R"("count": 2, "wait": "accepted")");
  REQUIRE(answer.status == 202);
  ring.peer(1).signal(SIGTERM);
  REQUIRE(ring.peer(1).wait_for_lines("\"event\":\"leaving\"", 1, 5s));
  ring.peer(1).signal(SIGTERM);
  const auto since = std::chrono::steady_clock::now();
  REQUIRE(ring.peer(1).wait(10s) == 0);
  CHECK(std::chrono::steady_clock::now() - since < 3s);
  CHECK(ring.peer(1).wait_for_lines("\"event\":\"held_at_exit\"", 2, 1s));
  const auto last = ring.peer(1).lines().back();
  CHECK(json_text(last, "event") == "stopped");
  CHECK(json_text(last, "held") == "2");
}

TEST_CASE("the grace time ends a drain that cannot finish", "[e2e][exit]") {
  TestRing ring{2, {"--seed-on-start", "0", "--grace-ms", "1000", "--drain-linger-ms", "100"}};
  ring.start(1);
  REQUIRE(ring.peer(1).wait_for_lines("\"event\":\"ready\"", 1, 10s));
  REQUIRE(ring.post(1, "nobody takes it", R"("wait": "accepted")").status == 202);
  ring.peer(1).signal(SIGTERM);
  REQUIRE(ring.peer(1).wait(5s) == 0);
  const auto last = ring.peer(1).lines().back();
  CHECK(json_text(last, "grace_over") == "true");
  CHECK(json_text(last, "held") == "1");
}

TEST_CASE("a port in use stops the start with what to change", "[e2e][exit]") {
  TestRing ring{1, {"--seed-on-start", "0", "--drain-linger-ms", "0"}};
  ring.start_all();
  REQUIRE(ring.peer(1).wait_for_lines("\"event\":\"ready\"", 1, 10s));
  const auto second = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> arguments{"--name", "p2", "--address", address(1)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    Process process{program("podring"), arguments};
    CHECK(process.wait(10s) == 1);
    CHECK(process.lines().empty());
    const auto errors = process.errors();
    REQUIRE(errors.size() == 1);
    return json_text(errors[0], "detail");
  };
  const std::string ring_port = second({});
  INFO(ring_port);
  CHECK(ring_port.find("5570") != std::string::npos);
  CHECK(ring_port.find("--port") != std::string::npos);
  const std::string http_port = second({"--port", "5571"});
  INFO(http_port);
  CHECK(http_port.find("8080") != std::string::npos);
  CHECK(http_port.find("--http-port") != std::string::npos);
  CHECK(ring.stop_all());
}

TEST_CASE("what is asked of the command line is printed, and a wrong flag is explained",
          "[e2e][exit]") {
  Process version{program("podring"), {"--version"}};
  CHECK(version.wait(10s) == 0);
  CHECK(version.wait_for_lines("podring", 1, 1s));
  Process config{program("podring"), {"--print-config", "--address", address(1)}};
  CHECK(config.wait(10s) == 0);
  CHECK(config.wait_for_lines("--address", 1, 1s));
  Process wrong{program("podring"), {"--adress", address(1)}};
  CHECK(wrong.wait(10s) == 2);
  const auto errors = wrong.errors();
  CHECK(std::any_of(errors.begin(), errors.end(), [](const std::string& line) {
    return line.find("did you mean --address?") != std::string::npos;
  }));
}
