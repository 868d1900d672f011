// Frames and connections that no peer would make change nothing but counters.
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <zmq.hpp>

#include "core/codec.h"
#include "e2e/support/ring.h"
#include "net/loopback.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::Bytes, podring::HelloFrame, podring::e2e::TestRing;

namespace {

// What 10,000 hellos may add to the memory of a peer. A sanitizer keeps freed memory for a while.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kHellosKib = 1024 * 1024;
#else
constexpr std::size_t kHellosKib = 96 * 1024;
#endif

Bytes hello(std::uint64_t boot, const std::string& ring = "podring", std::uint8_t version = 1) {
  HelloFrame frame;
  frame.version_min = frame.version_max = version;
  frame.ring = ring;
  frame.identity = {"stranger", "uid", "", podring::loopback(200), {boot}};
  frame.dialled = podring::loopback(1);
  return podring::write_frame({1, 1}, frame);
}

zmq::socket_t connect(zmq::context_t& context) {
  zmq::socket_t socket{context, zmq::socket_type::dealer};
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::reconnect_ivl, -1);
  socket.set(zmq::sockopt::sndhwm, 0);  // what is counted there must not be dropped here
  socket.connect("tcp://" + podring::e2e::address(1) + ":5570");
  return socket;
}

void send(zmq::socket_t& socket, const Bytes& frame) {
  socket.send(zmq::buffer(frame), zmq::send_flags::dontwait);
}

}  // namespace

TEST_CASE("bad frames are counted, and the ring goes on", "[e2e][strangers]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.closed());
  REQUIRE(ring.post(1, "before", R"("wait": "completed")").status == 200);
  const double bad_before = ring.metric(1, "podring_frames_bad_total");
  const std::size_t memory_before = ring.peer(1).resident_kib();
  // While the ring forms, a peer that is not there yet is suspected until it answers.
  const double suspicions_before = ring.metric(1, "podring_suspicions_total");

  zmq::context_t context;
  auto socket = connect(context);
  std::mt19937 random{42};
  for (int i = 0; i < 1000; ++i) {
    Bytes noise(random() % 2000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    send(socket, noise);
  }
  const Bytes whole = hello(7);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    send(socket, whole.substr(0, length));
  }
  double expected = 1000 + static_cast<double>(whole.size());
  for (int i = 0; i < 100; ++i) {  // shapes that promise more than they bring
    send(socket, Bytes("\xdd\xff\xff\xff\xff", 5));
    send(socket, Bytes("\x95\xce\x70\x6f\x64\x72\x01\x02\x01\xdd\xff\xff\xff\xff", 14));
  }
  expected += 200;
  send(socket, hello(8, "another ring"));
  send(socket, hello(9, "podring", 99));
  CHECK(podring::e2e::eventually(
      [&] { return ring.metric(1, "podring_frames_bad_total") - bad_before >= expected; }, 10s));
  CHECK(podring::e2e::eventually(
      [&] { return ring.metric(1, "podring_hellos_refused_total") >= 2; }, 10s));
  auto large = connect(context);
  send(large, Bytes(podring::kFrameBytesMax + 1, 'x'));  // its connection is cut
  socket.send(zmq::buffer(std::string{"two"}), zmq::send_flags::sndmore);
  send(socket, "parts");
  CHECK(podring::e2e::eventually(
      [&] { return ring.metric(1, "podring_transport_messages_bad_total") >= 1; }, 10s));

  CHECK(ring.post(1, "after", R"("wait": "completed")").status == 200);
  CHECK(ring.metric(1, "podring_suspicions_total") == suspicions_before);
  CHECK(ring.peer(1).resident_kib() < memory_before + 32 * 1024);
  CHECK(ring.stop_all());
}

TEST_CASE("10,000 connections that say hello are bounded, and the ring goes on",
          "[e2e][strangers]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  ring.start_all();
  REQUIRE(ring.closed());
  const std::size_t memory_before = ring.peer(1).resident_kib();
  // While the ring forms, a peer that is not there yet is suspected until it answers.
  const double suspicions_before = ring.metric(1, "podring_suspicions_total");
  std::size_t memory_max = memory_before;
  zmq::context_t context{1, 20'000};
  for (int round = 0; round < 20; ++round) {  // the test's own descriptors are bounded too
    std::vector<zmq::socket_t> sockets;
    for (int i = 0; i < 500; ++i) {
      sockets.push_back(connect(context));
      send(sockets.back(), hello(static_cast<std::uint64_t>(1000 + round * 500 + i)));
    }
    const double connections = (round + 1) * 500;
    CHECK(podring::e2e::eventually(
        [&] {
          return ring.metric(1, "podring_transport_connections_accepted_total") +
                     ring.metric(1, "podring_transport_connections_refused_total") >=
                 connections;
        },
        20s));
    memory_max = std::max(memory_max, ring.peer(1).resident_kib());
  }
  CHECK(ring.metric(1, "podring_transport_connections_refused_total") > 0);
  std::printf("10,000 hellos: %zu KiB before, %zu KiB at most\n", memory_before, memory_max);
  CHECK(memory_max < memory_before + kHellosKib);
  CHECK(ring.post(1, "after", R"("wait": "completed")").status == 200);
  CHECK(ring.metric(1, "podring_suspicions_total") == suspicions_before);
  CHECK(podring::e2e::eventually(
      [&] { return ring.metric(1, "podring_transport_connections") <= 8; }, 10s));
  CHECK(ring.stop_all());
}
