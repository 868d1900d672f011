// proto-docs/datagrams.md, sections 1, 3, 6 and 7, over real UDP sockets.
#include "net/lane_transport.h"

#include <poll.h>

#include <set>
#include <utility>

#include "lane/packet.h"
#include "net/lane_ends.h"
#include "net/loopback.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::lane_ends;

namespace {

constexpr Address kLoopback6{0, 1};

Bytes datagram(std::uint32_t number, const LaneToken& token, std::uint64_t packet,
               const Bytes& payload) {
  Bytes bytes;
  lane::write_header(bytes, {.lane = number, .token = token, .number = packet});
  return bytes + payload;
}

bool has_answer(const UdpSocket& socket) {
  pollfd readable{socket.fd(), POLLIN, 0};
  return ::poll(&readable, 1, 0) > 0;
}

}  // namespace

TEST_CASE("a stranger gets nothing, whatever it sends, and disturbs nobody", "[net][lane]") {
  TwoEnds ends{loopback(1), loopback(2)};
  ends.greet();
  REQUIRE(ends.run_until_open());
  const LaneOffer offer = LaneEnd::offer_in(ends.dialler.frames);  // of the dialled one
  LaneToken wrong = offer.token;
  wrong.bytes[15] ^= 1;
  Bytes probe;
  lane::write_probe(probe, 42);
  Bytes frame = probe;
  lane::write_lane_frame(frame, relay(1));

  const std::vector<Bytes> all{
      "",
      "hello?",
      Bytes(1200, 'x'),
      datagram(offer.lane, {}, 1000, probe),
      datagram(offer.lane, wrong, 1001, probe),
      datagram(offer.lane, wrong, 1002, frame),
      datagram(offer.lane + 1, offer.token, 1003, frame),
      datagram(offer.lane, offer.token, 1004, frame + "not well formed"),
      datagram(offer.lane, offer.token, 1005, frame).substr(0, 50),
  };
  UdpSocket stranger{loopback(3), 0, 2000};
  for (const Bytes& bytes : all) stranger.add(loopback(2), offer.port, bytes);
  stranger.send();
  REQUIRE(
      ends.run_until([&] { return ends.dialled.transport.counters().strangers == all.size(); }));
  ends.run_for(50ms);
  CHECK_FALSE(has_answer(stranger));
  CHECK(ends.dialled.frames.size() == 1);  // the hello

  // Who has read the token is taken for the other end; what it draws goes there, not to itself.
  stranger.add(loopback(2), offer.port, datagram(offer.lane, offer.token, 1006, probe));
  stranger.send();
  ends.run_for(50ms);
  CHECK(ends.dialled.transport.counters().strangers == all.size());
  CHECK_FALSE(has_answer(stranger));
  CHECK(ends.open());
}

TEST_CASE("frames of a session go by datagram over IPv6 as well", "[net][lane]") {
  try {
    const UdpSocket probe{kLoopback6, 0, 2000};
  } catch (const TransportError& error) {
    WARN("no IPv6 here: " << error.what());
    return;
  }
  TwoEnds ends{kLoopback6, kLoopback6};
  ends.greet();
  REQUIRE(ends.run_until_open());
  const std::size_t before = ends.dialled.transport.counters().received;
  ends.dialler.transport.send_link(kLink, relay(1), SendId{1, 1});
  REQUIRE(ends.run_until([&] { return ends.dialled.frames.size() == 2; }));
  CHECK(ends.dialled.frames[1] == relay(1));
  CHECK(ends.dialled.transport.counters().received > before);
}

TEST_CASE("a lane that dies hands back each frame that did not arrive, once, and opens again",
          "[net][lane]") {
  TwoEnds ends{loopback(1), loopback(2)};
  // Datagrams for the dialled one pass here, unless the way is blocked.
  UdpSocket way{loopback(2), 0, 9000};
  ends.dialled.stream.via_port = way.port();
  bool blocked = false;
  ends.meanwhile = [&] {
    for (bool more = true; more;) {
      more = way.receive();
      for (const UdpSocket::Datagram& each : way.received()) {
        if (!blocked) way.add(loopback(2), ends.dialled.stream.own_port, each.bytes);
      }
      way.send();
    }
  };
  ends.greet();
  REQUIRE(ends.run_until_open());
  const auto send = [&](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t n = from; n <= to; ++n)
      ends.dialler.transport.send_link(kLink, relay(n), SendId{n, 1});
  };
  const auto in_flight = [&] { return ends.dialler.transport.link_figures(kLink)->in_flight; };
  send(1, 20);
  REQUIRE(ends.run_until([&] { return ends.dialled.frames.size() == 21 && in_flight() == 0; }));
  CHECK(ends.dialler.lost.empty());
  CHECK(ends.dialler.frame_max.has_value());

  blocked = true;
  send(21, 40);
  REQUIRE(ends.run_until([&] { return ends.dialler.changes.back() == LaneState::failed; }));
  CHECK(ends.dialled.frames.size() == 21);
  std::multiset<std::uint64_t> expected;
  for (std::uint64_t n = 21; n <= 40; ++n) expected.insert(n);
  const std::vector<std::uint64_t> back = std::exchange(ends.dialler.lost, {});
  CHECK(std::multiset<std::uint64_t>(back.begin(), back.end()) == expected);
  CHECK_FALSE(ends.dialler.frame_max.has_value());
  send(21, 40);  // by the stream
  REQUIRE(ends.run_until([&] { return ends.dialled.frames.size() == 41; }));

  blocked = false;
  REQUIRE(ends.run_until([&] { return ends.dialler.changes.back() == LaneState::open; }));
  send(41, 41);
  REQUIRE(ends.run_until([&] { return ends.dialled.frames.size() == 42 && in_flight() == 0; }));
  CHECK(ends.dialler.lost.empty());
  const std::set<Bytes> all(ends.dialled.frames.begin(), ends.dialled.frames.end());
  CHECK(all.size() == 42);  // none came twice
}

TEST_CASE("a lane ends with its connection, and is none that failed", "[net][lane]") {
  TwoEnds ends{loopback(1), loopback(2)};
  ends.greet();
  REQUIRE(ends.run_until_open());
  ends.dialler.transport.hang_up(kLink);
  ends.run_for(1500ms);  // three probes and more time-outs would be over
  CHECK_FALSE(ends.dialled.transport.route_figures(kRoute));
  CHECK(ends.dialler.changes == std::vector{LaneState::open});
  CHECK(ends.dialled.changes == std::vector{LaneState::open});
}

TEST_CASE("a lane to a port where nobody reads is none, and opens when somebody does",
          "[net][lane]") {
  TwoEnds ends{loopback(1), loopback(2)};
  std::optional<UdpSocket> way{std::in_place, loopback(2), 0, 9000};
  const std::uint16_t port = ends.dialled.stream.via_port = way->port();
  way.reset();
  ends.greet();
  ends.dialler.transport.send_link(kLink, relay(1), SendId{1, 1});
  ends.run_for(800ms);  // probes after 0, 50, 150, 350 and 750 ms; each is answered by ICMP
  CHECK(ends.dialler.transport.link_figures(kLink)->state == LaneState::probing);
  CHECK(ends.dialler.transport.counters().sent >= 3);
  CHECK(ends.dialler.transport.counters().send_failures == 0);  // nor is that told by the next send
  CHECK(ends.dialler.changes.empty());
  CHECK(ends.dialled.frames.size() == 2);  // the hello, and the relay by the stream

  way.emplace(loopback(2), port, 9000);
  ends.meanwhile = [&] {
    (void)way->receive();
    for (const UdpSocket::Datagram& each : way->received())
      way->add(loopback(2), ends.dialled.stream.own_port, each.bytes);
    way->send();
  };
  CHECK(ends.run_until_open());
}

TEST_CASE("where the port is taken there is the stream alone, or no transport at all",
          "[net][lane]") {
  const UdpSocket other{loopback(2), 0, 2000};
  LaneOptions options{.bind = loopback(2), .port = other.port(), .required = false, .keys = {}};
  TwoEnds ends{loopback(1), options};
  const std::string trouble = ends.dialled.transport.trouble();
  CHECK_FALSE(ends.dialled.transport.uses_datagrams());
  CHECK_THAT(trouble, Catch::Matchers::Contains("UDP port " + std::to_string(other.port())));
  CHECK(ends.dialler.transport.trouble().empty());
  ends.greet();
  ends.dialler.transport.send_link(kLink, relay(1), SendId{1, 1});
  REQUIRE(ends.run_until(
      [&] { return ends.dialled.frames.size() == 2 && ends.dialler.frames.size() == 1; }));
  CHECK(ends.dialled.frames[1] == relay(1));
  ends.run_for(200ms);
  CHECK(ends.dialler.transport.counters().sent == 0);
  CHECK_FALSE(ends.dialled.transport.route_figures(kRoute));
  CHECK_FALSE(has_answer(other));

  options.required = true;
  Loop loop;
  CHECK_THROWS_WITH(LaneTransport(loop, ends.dialled.stream, options), trouble);
  CHECK(trouble.find('\n') == Bytes::npos);
}
