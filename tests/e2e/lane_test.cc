// proto-docs/datagrams.md: a ring whose frames go by datagram as well.
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "e2e/support/ring.h"
#include "net/loop.h"
#include "net/loopback.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::e2e::TestRing, podring::e2e::eventually;

namespace {

bool lane_open(TestRing& ring, std::size_t n, const std::string& link,
               const std::string& lane = "udp") {
  return ring.metric(n, "podring_lane_open{link=\"" + link + "\",lane=\"" + lane + "\"}") == 1;
}

bool lanes_open(TestRing& ring) {
  for (std::size_t n = 1; n <= ring.size(); ++n) {
    if (!lane_open(ring, n, "successor") || !lane_open(ring, n, "predecessor")) return false;
  }
  return true;
}

void stop_and_verify(TestRing& ring) {
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

/// The path of a file with a ring key of this digit.
std::string key_file(char digit) {
  std::string path = podring::e2e::scratch_folder() + "/key-" + digit;
  if (::access(path.c_str(), F_OK) == 0) return path;  // a peer that starts may be reading it
  std::ofstream{path} << std::string(64, digit) << '\n';
  ::chmod(path.c_str(), 0600);
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
  stop_and_verify(ring);
}

TEST_CASE("a peer without datagrams and peers with them are one ring", "[e2e][lane]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start(1, {"--lanes", "udp"});
  ring.start(2, {"--lanes", "udp"});
  ring.start(3, {"--lanes", "zmq"});
  REQUIRE(ring.closed());
  REQUIRE(eventually([&] { return lane_open(ring, 1, "successor"); }, 20s));
  CHECK(ring.post(1, "mixed", R"("count": 50, "hops": 20, "wait": "completed")").status == 200);
  CHECK_FALSE(lane_open(ring, 2, "successor"));
  CHECK(ring.metric(3, "podring_datagrams_sent_total") == 0);
  stop_and_verify(ring);
}

TEST_CASE("a ring key seals the datagrams", "[e2e][lane]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0", "--lanes", "udp"}};
  for (std::size_t n = 1; n <= 3; ++n) ring.start(n, {"--ring-key-file", key_file('a')});
  REQUIRE(ring.closed());
  REQUIRE(eventually([&] { return lanes_open(ring); }, 20s));
  CHECK(ring.post(1, "sealed", R"("count": 50, "hops": 20, "wait": "completed")").status == 200);
  stop_and_verify(ring);
}

TEST_CASE(
    "auto goes by ZeroMQ alone where the UDP port is taken, and says so once; udp does not start",
    "[e2e][lane]") {
  const podring::OwnFd taken{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const sockaddr_in at = podring::loopback_socket_address(2, podring::e2e::kRingPort);
  REQUIRE(::bind(taken.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  podring::e2e::Process strict{podring::e2e::program("podring"),
                               {"--address", podring::e2e::address(2), "--lanes", "udp"}};
  CHECK(strict.wait(10s) == 1);
  REQUIRE(eventually([&] { return !strict.errors().empty(); }, 5s));
  CHECK(strict.errors().size() == 1);
  CHECK_THAT(strict.errors().front(), Catch::Matchers::Contains("UDP port 5570 of") &&
                                          Catch::Matchers::Contains("free that port"));
  CHECK(strict.lines().empty());

  for (std::size_t n = 1; n <= 3; ++n) ring.start(n, {"--lanes", "auto"});
  REQUIRE(ring.closed());
  REQUIRE(eventually([&] { return lane_open(ring, 3, "successor"); }, 20s));
  CHECK(ring.post(1, "mixed", R"("count": 20, "hops": 20, "wait": "completed")").status == 200);
  CHECK(ring.metric(2, "podring_datagrams_port_missing") == 1);
  CHECK(ring.metric(3, "podring_datagrams_port_missing") == 0);
  CHECK_FALSE(lane_open(ring, 1, "successor"));
  CHECK(lane_open(ring, 1, "successor", "zmq"));
  CHECK(ring.peer(2).wait_for_lines("frames go by ZeroMQ alone: cannot listen", 1, 5s));
  stop_and_verify(ring);
  CHECK_FALSE(ring.peer(2).wait_for_lines("frames go by ZeroMQ alone", 2, 0s));
}
