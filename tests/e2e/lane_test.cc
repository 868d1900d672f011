// proto-docs/datagrams.md: a ring whose frames go by datagram as well.
#include <fstream>

#include "e2e/support/ring.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::e2e::TestRing, podring::e2e::eventually;

namespace {

bool lanes_open(TestRing& ring) {
  for (std::size_t n = 1; n <= ring.size(); ++n) {
    if (ring.metric(n, "podring_lane_open{link=\"successor\",lane=\"udp\"}") != 1 ||
        ring.metric(n, "podring_lane_open{link=\"predecessor\",lane=\"udp\"}") != 1)
      return false;
  }
  return true;
}

/// The path of a file with a ring key of this digit.
std::string key_file(char digit) {
  std::string path = podring::e2e::scratch_folder() + "/key-" + digit;
  std::ofstream{path} << std::string(64, digit) << '\n';
  return path;
}

}  // namespace

TEST_CASE("frames go by datagram where both sides say so, and nothing is lost", "[e2e][lane]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0", "--lanes", "auto"}};
  ring.start_all();
  REQUIRE(ring.closed());
  REQUIRE(eventually([&] { return lanes_open(ring); }, 20s));
  const double before = ring.metric(1, "podring_transport_sent_bytes_total");
  const double datagrams = ring.metric(1, "podring_datagrams_sent_bytes_total");
  const auto answer = ring.post(1, "small", R"("count": 100, "hops": 30, "wait": "completed")");
  REQUIRE(answer.status == 200);
  // 1,000 visits here went out again, in at least 150,000 bytes: not by ZeroMQ.
  CHECK(eventually(
      [&] { return ring.metric(1, "podring_datagrams_sent_bytes_total") - datagrams > 150'000; },
      5s));
  CHECK(ring.metric(1, "podring_transport_sent_bytes_total") - before < 50'000);

  // What no datagram holds goes by ZeroMQ.
  const auto large = ring.post(2, std::string(30'000, 'x'), R"("hops": 6, "wait": "completed")");
  CHECK(large.status == 200);
  CHECK(eventually([&] { return ring.metric(2, "podring_transport_sent_bytes_total") > 60'000; },
                   5s));
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

TEST_CASE("a peer without datagrams and peers with them are one ring", "[e2e][lane]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start(1, {"--lanes", "udp"});
  ring.start(2, {"--lanes", "udp"});
  ring.start(3, {"--lanes", "zmq"});
  REQUIRE(ring.closed());
  REQUIRE(eventually(
      [&] { return ring.metric(1, "podring_lane_open{link=\"successor\",lane=\"udp\"}") == 1; },
      20s));
  CHECK(ring.post(1, "mixed", R"("count": 50, "hops": 20, "wait": "completed")").status == 200);
  CHECK(ring.metric(2, "podring_lane_open{link=\"successor\",lane=\"udp\"}") == 0);
  CHECK(ring.metric(3, "podring_datagrams_sent_total") == 0);
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

TEST_CASE("a ring key seals the datagrams; a peer with another key has ZeroMQ", "[e2e][lane]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0", "--lanes", "udp"}};
  ring.start(1, {"--ring-key-file", key_file('a')});
  ring.start(2, {"--ring-key-file", key_file('a')});
  ring.start(3, {"--ring-key-file", key_file('b')});
  REQUIRE(ring.closed());
  REQUIRE(eventually(
      [&] { return ring.metric(1, "podring_lane_open{link=\"successor\",lane=\"udp\"}") == 1; },
      20s));
  CHECK(ring.post(1, "sealed", R"("count": 50, "hops": 20, "wait": "completed")").status == 200);
  CHECK(ring.metric(2, "podring_lane_open{link=\"successor\",lane=\"udp\"}") == 0);
  CHECK(ring.metric(3, "podring_datagrams_sent_total") == 0);
  CHECK(ring.peer(3).wait_for_lines("\"detail\":\"this side has ring key", 1, 5s));
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}
