// Many messages: every id completes exactly once, in address order, and verify-logs agrees.
#include <algorithm>
#include <cstdio>

#include "e2e/support/ring.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::e2e::TestRing;

namespace {

constexpr int kMessages = 10'000;
constexpr int kAtOnce = 200;

void run(std::size_t peers) {
  TestRing ring{peers, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.closed(60s));
  const auto since = std::chrono::steady_clock::now();
  for (int sent = 0, turn = 0; sent < kMessages; ++turn) {
    const auto answer =
        ring.post(static_cast<std::size_t>(turn) % peers + 1, std::string(256, 'm'),
                  "\"count\": " + std::to_string(kAtOnce) + R"(, "wait": "accepted")");
    if (answer.status == 202) sent += kAtOnce;
    if (answer.status != 202 && answer.status != 503) FAIL(answer.body);  // 503: full for now
  }
  const auto completed = [&] {
    double sum = 0;
    for (std::size_t n = 1; n <= peers; ++n) sum += ring.metric(n, "podring_completed_total");
    return sum;
  };
  CHECK(podring::e2e::eventually([&] { return completed() >= kMessages; }, 120s));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
  CHECK(completed() == kMessages);
  std::printf("%zu peers: %d messages x 10 hops in %.2f s, %.0f hops/s with log lines\n", peers,
              kMessages, seconds, kMessages * 10 / seconds);
  REQUIRE(ring.stop_all(60s));
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

}  // namespace

TEST_CASE("3 peers, 10,000 messages", "[e2e][volume]") { run(3); }
TEST_CASE("10 peers, 10,000 messages", "[e2e][volume]") { run(10); }
// On request, since it needs more of a machine: e2e_volume_test "50 peers*".
TEST_CASE("50 peers, 10,000 messages", "[.][e2e][volume]") { run(50); }
