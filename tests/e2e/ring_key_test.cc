// proto-docs/security.md, section 2: only holders of the ring's key are heard, and it can be
// changed while messages go round.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include <zmq.hpp>

#include "core/codec.h"
#include "e2e/support/ring.h"
#include "net/curve_keys.h"
#include "net/loopback.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::e2e::TestRing, podring::e2e::eventually, podring::e2e::address;

namespace {

/// The path of a file with ring keys of these digits, one a line.
std::string key_file(const std::string& digits) {
  std::string path = podring::e2e::scratch_folder() + "/key-" + digits;
  if (::access(path.c_str(), F_OK) == 0) return path;  // a peer that starts may be reading it
  std::ofstream out{path};
  for (const char digit : digits) out << std::string(64, digit) << '\n';
  out.close();
  ::chmod(path.c_str(), 0600);
  return path;
}

podring::lane::RingKey key_of(char digit) {
  return *podring::lane::RingKey::parse(std::string(64, digit));
}

std::vector<std::string> ring_flags(const std::string& lanes) {
  return {"--drain-linger-ms", "200", "--seed-on-start", "0", "--lanes", lanes};
}

/// Whether the first peer says anything to a hello by this socket.
bool is_answered(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvtimeo, 500);
  socket.set(zmq::sockopt::reconnect_ivl, -1);
  socket.connect("tcp://" + address(1) + ":5570");
  podring::HelloFrame hello;
  hello.role = podring::Role::client;
  hello.ring = "podring";
  hello.identity = {"stranger", "", "", podring::loopback(200), {77}};
  hello.dialled = podring::loopback(1);
  const auto frame = podring::write_frame({1, 1}, hello);
  (void)socket.send(zmq::buffer(frame), zmq::send_flags::dontwait);
  zmq::message_t answer;
  return socket.recv(answer).has_value();
}

bool all_closed(TestRing& ring) { return ring.closed(20s); }

}  // namespace

TEST_CASE("whoever does not have the ring's key is not heard", "[e2e][key]") {
  TestRing ring{3, ring_flags("auto")};
  for (std::size_t n = 1; n <= 3; ++n) ring.start(n, {"--ring-key-file", key_file("a")});
  REQUIRE(ring.closed());
  CHECK(ring.metric(1, "podring_ring_key") == 1);
  CHECK(ring.post(1, "sealed", R"("count": 50, "hops": 20, "wait": "completed")").status == 200);

  zmq::context_t context;
  const podring::CurveKeys right{key_of('a')};
  const podring::CurveKeys wrong{key_of('b')};
  SECTION("in plain") {
    zmq::socket_t socket{context, zmq::socket_type::dealer};
    CHECK_FALSE(is_answered(socket));
  }
  SECTION("with another key") {
    zmq::socket_t socket{context, zmq::socket_type::dealer};
    wrong.dial_with(socket);
    CHECK_FALSE(is_answered(socket));
  }
  SECTION("with the listener's open key, and a pair of its own") {
    podring::CurveKeys half = right;
    half.dialler = wrong.dialler;
    zmq::socket_t socket{context, zmq::socket_type::dealer};
    half.dial_with(socket);
    CHECK_FALSE(is_answered(socket));
  }
  CHECK(eventually([&] { return ring.metric(1, "podring_transport_handshakes_failed_total") > 0; },
                   5s));
  zmq::socket_t holder{context, zmq::socket_type::dealer};
  right.dial_with(holder);
  CHECK(is_answered(holder));
  CHECK(ring.stop_all());
}

TEST_CASE("peers whose keys differ, or of which one has none, are two rings", "[e2e][key]") {
  TestRing ring{3, ring_flags("auto")};
  ring.start(1, {"--ring-key-file", key_file("a")});
  ring.start(2, {"--ring-key-file", key_file("a")});
  SECTION("another key") { ring.start(3, {"--ring-key-file", key_file("b")}); }
  SECTION("none") { ring.start(3); }
  REQUIRE(eventually([&] { return ring.successor(2) == address(1); }, 20s));
  CHECK(ring.post(1, "two", R"("count": 10, "hops": 20, "wait": "completed")").status == 200);
  CHECK(ring.metric(3, "podring_visits_total") == 0);
  CHECK(eventually(
      [&] {
        return ring.metric(3, "podring_transport_handshakes_failed_total") > 0 ||
               ring.metric(1, "podring_transport_handshakes_failed_total") > 0;
      },
      5s));
  CHECK(ring.stop_all());
}

TEST_CASE("the key is changed twice while messages go round, and none is lost", "[e2e][key]") {
  const std::string lanes = GENERATE("zmq", "auto");
  INFO("--lanes " << lanes);
  TestRing ring{3, ring_flags(lanes)};
  for (std::size_t n = 1; n <= 3; ++n) ring.start(n, {"--ring-key-file", key_file("a")});
  REQUIRE(all_closed(ring));
  int safe = 0;
  const auto seed = [&](std::size_t n) {
    const auto answer =
        ring.post(n, "change", R"("hops": 300, "count": 50, "wait": "safe", "wait_ms": 20000)");
    INFO(answer.body);
    CHECK(answer.status == 202);
    safe += 50;
  };
  for (const char* keys : {"ab", "ba", "b", "bc", "cb", "c"}) {
    for (std::size_t n = 1; n <= 3; ++n) {
      INFO("keys " << keys << " at peer " << n);
      const std::size_t other = n % 3 + 1;
      seed(n);
      seed(other);
      ring.peer(n).signal(SIGTERM);
      REQUIRE(ring.peer(n).wait(30s) == 0);
      seed(other);
      ring.start(n, {"--ring-key-file", key_file(keys)});
      REQUIRE(all_closed(ring));
    }
  }
  seed(1);
  CHECK(safe == 50 * (6 * 3 * 3 + 1));
  REQUIRE(eventually(
      [&] {
        double held = 0;
        for (std::size_t n = 1; n <= 3; ++n) held += ring.metric(n, "podring_held_envelopes");
        return held == 0;
      },
      60s));
  REQUIRE(ring.stop_all());
  const auto [code, verdict] = ring.verify();
  INFO(verdict);
  CHECK(code == 0);
}

TEST_CASE("a key that is none, or is not a secret, stops the start with what to change",
          "[e2e][key]") {
  const std::string file = podring::e2e::scratch_folder() + "/bad-key";
  std::string expected;
  SECTION("readable by all") {
    std::ofstream{file} << std::string(64, 'a');
    ::chmod(file.c_str(), 0604);
    expected = "chmod 600";
  }
  SECTION("zeros") {
    std::ofstream{file} << std::string(64, '0');
    ::chmod(file.c_str(), 0600);
    expected = "a key that everybody knows";
  }
  SECTION("a FIFO") {
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    expected = "must be a regular file";
  }
  podring::e2e::Process peer{podring::e2e::program("podring"),
                             {"--address", address(1), "--ring-key-file", file}};
  CHECK(peer.wait(10s) == 2);
  REQUIRE(eventually([&] { return !peer.errors().empty(); }, 5s));
  CHECK_THAT(peer.errors().front(), Catch::Matchers::Contains(expected));
  ::unlink(file.c_str());
}

TEST_CASE("without a key a peer warns, and starts on loopback alone", "[e2e][key]") {
  SECTION("others cannot reach it") {
    TestRing ring{1, ring_flags("zmq")};
    ring.start(1);
    CHECK(ring.peer(1).wait_for_lines("there is no ring key", 1, 5s));
    CHECK(ring.metric(1, "podring_ring_key") == 0);
    CHECK(ring.stop_all());
  }
  SECTION("others can") {
    podring::e2e::Process peer{podring::e2e::program("podring"),
                               {"--address", address(1), "--bind", "0.0.0.0"}};
    CHECK(peer.wait(10s) == 2);
    REQUIRE(eventually([&] { return !peer.errors().empty(); }, 5s));
    CHECK(peer.errors().size() == 1);
    CHECK_THAT(peer.errors().front(), Catch::Matchers::Contains("--ring-key-file is not given"));
  }
  SECTION("and somebody said so") {
    // On all addresses, so at ports of its own, below those that the system picks.
    const int port = 20'000 + ::getpid() % 4000 * 3;
    podring::e2e::Process peer{podring::e2e::program("podring"),
                               {"--address", address(1), "--bind", "0.0.0.0", "--port",
                                std::to_string(port), "--http-port", std::to_string(port + 1),
                                "--admin-port", std::to_string(port + 2), "--insecure"}};
    CHECK(peer.wait_for_lines("there is no ring key", 1, 5s));
    peer.signal(SIGKILL);
  }
}
