// proto-docs/datagrams.md, section 8: the lanes of two peers with ring keys, equal ones or not.
#include <deque>
#include <utility>

#include "lane/lanes.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::lane;
using namespace std::chrono_literals;

namespace {

constexpr LinkId kLink{1};
constexpr RouteId kRoute{9};

struct Collected final : LanesSink {
  std::vector<Bytes> frames;
  void on_link_frame(LinkId, ByteView frame) override { frames.emplace_back(frame); }
  void on_route_frame(RouteId, Address, ByteView frame) override { frames.emplace_back(frame); }
  void on_link_frame_lost(LinkId, const SendId&) override {}
  void on_route_frame_lost(RouteId, const SendId&) override {}
  void on_link_frame_max(LinkId, std::optional<std::size_t>) override {}
};

std::optional<RingKey> key_of(unsigned char byte) {
  if (byte == 0) return std::nullopt;
  RingKey::Bytes bytes;
  bytes.fill(byte);
  return RingKey{bytes};
}

/// A dialler and the peer that it dials, past their hellos, and what went between them since.
class TwoPeers {
 public:
  TwoPeers(unsigned char dialler_key, unsigned char dialled_key)
      : dialler{options(dialler_key, 1)}, dialled{options(dialled_key, kDialledToken)} {
    HelloFrame hello;
    hello.version_min = hello.version_max = 1;
    hello.ring = "ring";
    hello.identity = {"a", "u", "", kDialler, BootId{1}};
    hello.dialled = kDialled;
    dialler.dial(now, kLink, kDialled);
    Bytes asking = write_frame({1, 3}, hello);
    CHECK_FALSE(dialler.send_link(kLink, asking, {}));
    dialled.on_route_frame(now, kRoute, kDialler, asking);
    hello.answer = true;
    Bytes answer = write_frame({1, 3}, hello);
    CHECK_FALSE(dialled.send_route(now, kRoute, answer, {}));
    dialler.on_link_frame(now, kLink, answer);
  }

  void run_for(Duration time) {
    for (const TimePoint end = now + time; now < end; now += 1ms) {
      dialler.on_tick(now, at_dialler);
      dialled.on_tick(now, at_dialled);
      dialler.write(now, [&](Address, std::uint16_t, const Bytes& datagram) {
        to_dialled.push_back(datagram);
        CHECK(dialled.on_datagram(now, datagram, at_dialled));
      });
      dialled.write(now, [&](Address, std::uint16_t, const Bytes& datagram) {
        CHECK(dialler.on_datagram(now, datagram, at_dialler));
      });
    }
  }
  [[nodiscard]] bool open() const {
    const auto figures = dialler.link_figures(kLink);
    return figures && figures->state == LaneState::open;
  }

  /// Of the first lane there.
  static LaneToken dialled_token() { return filled(kDialledToken); }

  TimePoint now{1s};
  Lanes dialler, dialled;
  Collected at_dialler, at_dialled;
  std::deque<Bytes> to_dialled;

 private:
  static constexpr unsigned char kDialledToken = 2;
  static LaneToken filled(unsigned char byte) {
    LaneToken token;
    token.bytes.fill(byte);
    return token;
  }

  static constexpr Address kDialler = Address::v4(0x7f000001);
  static constexpr Address kDialled = Address::v4(0x7f000002);

  static LanesOptions options(unsigned char key, unsigned char first) {
    return {.port = 5570,
            .window = 1'000'000,
            .seed = first,
            .draw_token =
                [next = first]() mutable {
                  return filled(std::exchange(next, static_cast<unsigned char>(next + 16)));
                },
            .key = key_of(key)};
  }
};

/// Tells a floor; no envelopes.
Bytes relay() { return write_relay({1, 3}, 4, 5, 0, {}); }

}  // namespace

TEST_CASE("with the same ring key a lane opens and every datagram is sealed", "[lane][seal]") {
  TwoPeers peers{1, 1};
  peers.run_for(200ms);
  REQUIRE(peers.open());
  Bytes frame = relay();
  const Bytes sent = frame;
  REQUIRE(peers.dialler.send_link(kLink, frame, SendId{1, 1}));
  peers.run_for(20ms);
  CHECK(peers.at_dialled.frames == std::vector<Bytes>{sent});
  for (const Bytes& datagram : peers.to_dialled) {
    CHECK(read_header(datagram)->sealed);
    CHECK(datagram.find(sent) == Bytes::npos);
  }
}

TEST_CASE("a sealed datagram that comes again is not taken again", "[lane][seal]") {
  TwoPeers peers{1, 1};
  peers.run_for(200ms);
  Bytes frame = relay();
  REQUIRE(peers.dialler.send_link(kLink, frame, SendId{1, 1}));
  peers.run_for(20ms);
  REQUIRE(peers.at_dialled.frames.size() == 1);
  for (const Bytes& datagram : peers.to_dialled)
    CHECK(peers.dialled.on_datagram(peers.now, datagram, peers.at_dialled));
  CHECK(peers.at_dialled.frames.size() == 1);
  const auto figures = peers.dialled.route_figures(kRoute);
  CHECK(figures->repeats == peers.to_dialled.size());
}

TEST_CASE("a sealed lane takes nothing from who has its token and not its key", "[lane][seal]") {
  const auto key = GENERATE(as<unsigned char>{}, 0, 1);
  const bool plain = key == 0;
  TwoPeers peers{key, key};
  peers.run_for(200ms);
  REQUIRE(peers.at_dialled.frames.empty());
  Bytes forged;  // by who has read the hello
  write_header(forged, {.lane = read_header(peers.to_dialled.front())->lane,
                        .token = TwoPeers::dialled_token(),
                        .number = 1'000'000});
  write_lane_frame(forged, relay());
  CHECK(peers.dialled.on_datagram(peers.now, forged, peers.at_dialled) == plain);
  mark_sealed(forged);
  CHECK_FALSE(peers.dialled.on_datagram(peers.now, forged, peers.at_dialled));
  CHECK(peers.at_dialled.frames.size() == (plain ? 1 : 0));
}

TEST_CASE("between different ring keys no lane opens, and both sides say why", "[lane][seal]") {
  const auto [dialler_key, dialled_key] = GENERATE(std::pair<unsigned char, unsigned char>{1, 2},
                                                   std::pair<unsigned char, unsigned char>{1, 0},
                                                   std::pair<unsigned char, unsigned char>{0, 1});
  TwoPeers peers{dialler_key, dialled_key};
  peers.run_for(3s);
  CHECK_FALSE(peers.open());
  CHECK(peers.to_dialled.empty());
  Bytes frame = relay();
  CHECK_FALSE(peers.dialler.send_link(kLink, frame, SendId{1, 1}));  // the stream takes it
  for (Lanes* lanes : {&peers.dialler, &peers.dialled}) {
    const auto changes = lanes->take_changes();
    REQUIRE(changes.size() == 1);
    INFO(changes[0].detail);
    CHECK(changes[0].detail.find("ring key") != std::string::npos);
    CHECK((changes[0].detail.find("no ring key") != std::string::npos) ==
          (dialler_key == 0 || dialled_key == 0));
  }
}
