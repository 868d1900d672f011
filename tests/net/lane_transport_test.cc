// proto-docs/datagrams.md, sections 1, 3 and 6, over real UDP sockets. The stream beside them is
// two queues.
#include "net/lane_transport.h"

#include <poll.h>

#include <chrono>
#include <deque>
#include <functional>
#include <set>
#include <utility>

#include "core/codec.h"
#include "lane/packet.h"
#include "net/loop_clock.h"
#include "net/loopback.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace podring;
using lane::LaneState;

namespace {

constexpr LinkId kLink = 7;
constexpr RouteId kRoute = 9;
constexpr FrameHeader kSession{1, 3};
constexpr Address kLoopback6{0, 1};

/// One end of a stream that loses nothing: a link at the dialler, a route at the other.
class Queues final : public Transport {
 public:
  Queues* other = nullptr;
  Address from;                ///< what the other end takes this one's address for
  bool dials = false;          ///< this is the dialler's
  bool broken = false;         ///< its connection has ended
  std::uint16_t own_port = 0;  ///< in the last offer that went out
  std::uint16_t via_port = 0;  ///< not 0: goes out in its place

  void dial(LinkId, Address) override {}
  void hang_up(LinkId) override { other->broken = true; }
  void send_link(LinkId, Bytes&& frame) override { send(frame); }
  void send_route(RouteId, Bytes&& frame) override { send(frame); }
  bool receive(TransportSink& sink) override {
    if (std::exchange(broken, false)) sink.on_route_broken(kRoute);
    for (; !in_.empty(); in_.pop_front()) {
      if (dials) {
        sink.on_link_frame(kLink, in_.front());
      } else {
        sink.on_route_frame(kRoute, other->from, in_.front());
      }
    }
    return false;
  }
  bool may_wait() override { return in_.empty(); }
  [[nodiscard]] TransportCounters counters() const override { return {}; }

 private:
  void send(const Bytes& frame) {
    AnyFrame read;
    if (via_port != 0 && frame_type(frame) == FrameType::hello && read_frame(frame, read)) {
      own_port = std::exchange(read.hello.lane->port, via_port);
      other->in_.push_back(write_frame({read.version, read.session}, read.hello));
    } else {
      other->in_.push_back(frame);
    }
  }
  std::deque<Bytes> in_;
};

class LaneEnd final : public LaneSink {
 public:
  explicit LaneEnd(Address address)
      : address_{address}, transport{loop_, stream, LaneOptions{.bind = address, .key = {}}} {
    stream.from = address;
  }

  void on_link_connected(LinkId) override {}
  void on_link_broken(LinkId) override {}
  void on_link_frame(LinkId, ByteView frame) override { frames.emplace_back(frame); }
  void on_route_frame(RouteId, Address, ByteView frame) override {
    frames.emplace_back(frame);
    AnyFrame read;
    if (read_frame(frame, read) && read.type == FrameType::hello) to_answer_ = read.hello;
  }
  void on_link_frame_lost(LinkId, ByteView frame) override { handed_back.emplace_back(frame); }
  void on_route_frame_lost(RouteId, ByteView frame) override { handed_back.emplace_back(frame); }
  void on_link_frame_max(LinkId, std::optional<std::size_t> bytes) override { frame_max = bytes; }

  void turn() {
    loop_.wait(1ms);
    loop_.dispatch();
    transport.begin_turn(clock_.read().steady);
    (void)transport.receive(*this);
    if (to_answer_) {
      to_answer_->answer = true;
      transport.send_route(kRoute, write_frame(kSession, *to_answer_));
      to_answer_.reset();
    }
    for (const lane::LaneChange& change : transport.take_changes())
      changes.push_back(change.figures.state);
    transport.flush();
  }
  void say_hello(Address to) {
    HelloFrame hello;
    hello.version_min = hello.version_max = 1;
    hello.ring = "ring";
    hello.identity = {"a", "u", "", address_, BootId{1}};
    hello.dialled = to;
    transport.dial(kLink, to);
    transport.send_link(kLink, write_frame(kSession, hello));
  }
  /// Of the lane that it takes datagrams on, from the frames that the other end was sent.
  [[nodiscard]] static LaneOffer offer_in(const std::vector<Bytes>& frames) {
    AnyFrame read;
    REQUIRE((!frames.empty() && read_frame(frames.front(), read) && read.hello.lane));
    return *read.hello.lane;
  }

 private:
  Loop loop_;
  LoopClock clock_;
  Address address_;
  std::optional<HelloFrame> to_answer_;

 public:
  Queues stream;
  LaneTransport transport;
  std::vector<Bytes> frames;
  std::vector<Bytes> handed_back;
  std::vector<LaneState> changes;
  std::optional<std::size_t> frame_max;
};

class TwoEnds {
 public:
  TwoEnds(Address of_dialler, Address of_dialled) : dialler{of_dialler}, dialled{of_dialled} {
    dialler.stream.dials = true;
    dialler.stream.other = &dialled.stream;
    dialled.stream.other = &dialler.stream;
  }
  void greet() { dialler.say_hello(dialled.stream.from); }

  bool run_until(const std::function<bool()>& done, std::chrono::milliseconds at_most = 10s) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    while (!done()) {
      if (std::chrono::steady_clock::now() > until) return false;
      turn();
    }
    return true;
  }
  void run_for(std::chrono::milliseconds time) {
    (void)run_until([] { return false; }, time);
  }
  [[nodiscard]] bool open() const {
    const auto to = dialler.transport.link_figures(kLink);
    const auto from = dialled.transport.route_figures(kRoute);
    return to && from && to->state == LaneState::open && from->state == LaneState::open;
  }

  LaneEnd dialler, dialled;
  std::function<void()> meanwhile = [] {};  ///< in each turn

 private:
  void turn() {
    dialler.turn();
    dialled.turn();
    meanwhile();
  }
};

/// Tells a floor; no envelopes.
Bytes relay(std::uint64_t floor) { return write_relay(kSession, floor, floor, 0, {}); }

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
  REQUIRE(ends.run_until([&] { return ends.open(); }));
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
  REQUIRE(ends.run_until([&] { return ends.open(); }));
  const std::size_t before = ends.dialled.transport.counters().received;
  ends.dialler.transport.send_link(kLink, relay(1));
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
  REQUIRE(ends.run_until([&] { return ends.open(); }));
  const auto send = [&](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t n = from; n <= to; ++n) ends.dialler.transport.send_link(kLink, relay(n));
  };
  const auto in_flight = [&] { return ends.dialler.transport.link_figures(kLink)->in_flight; };
  send(1, 20);
  REQUIRE(ends.run_until([&] { return ends.dialled.frames.size() == 21 && in_flight() == 0; }));
  CHECK(ends.dialler.handed_back.empty());
  CHECK(ends.dialler.frame_max.has_value());

  blocked = true;
  send(21, 40);
  REQUIRE(ends.run_until([&] { return ends.dialler.changes.back() == LaneState::failed; }));
  CHECK(ends.dialled.frames.size() == 21);
  std::multiset<Bytes> expected;
  for (std::uint64_t n = 21; n <= 40; ++n) expected.insert(relay(n));
  const std::vector<Bytes> back = std::exchange(ends.dialler.handed_back, {});
  CHECK(std::multiset<Bytes>(back.begin(), back.end()) == expected);
  CHECK_FALSE(ends.dialler.frame_max.has_value());
  send(21, 40);  // by the stream
  REQUIRE(ends.run_until([&] { return ends.dialled.frames.size() == 41; }));

  blocked = false;
  REQUIRE(ends.run_until([&] { return ends.dialler.changes.back() == LaneState::open; }));
  send(41, 41);
  REQUIRE(ends.run_until([&] { return ends.dialled.frames.size() == 42 && in_flight() == 0; }));
  CHECK(ends.dialler.handed_back.empty());
  const std::set<Bytes> all(ends.dialled.frames.begin(), ends.dialled.frames.end());
  CHECK(all.size() == 42);  // none came twice
}

TEST_CASE("a lane ends with its connection, and is none that failed", "[net][lane]") {
  TwoEnds ends{loopback(1), loopback(2)};
  ends.greet();
  REQUIRE(ends.run_until([&] { return ends.open(); }));
  ends.dialler.transport.hang_up(kLink);
  ends.run_for(1500ms);  // three probes and more time-outs would be over
  CHECK_FALSE(ends.dialled.transport.route_figures(kRoute));
  CHECK(ends.dialler.changes == std::vector{LaneState::open});
  CHECK(ends.dialled.changes == std::vector{LaneState::open});
}
