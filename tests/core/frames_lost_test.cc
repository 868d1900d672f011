// Frames that come by more than one lane: lost ones, overtaken ones, small ones.
// proto-docs/datagrams.md section 1, wire-protocol.md section 6.
#include <algorithm>
#include <optional>
#include <vector>

#include "core/half.h"

using namespace podring;
using namespace std::chrono_literals;

TEST_CASE("what a lost frame carried is sent again at once, but for what has come", "[lanes]") {
  Half a;
  a.seed(3);
  REQUIRE(a.frames(a.flush(), FrameType::relay).size() == 1);
  const SendId relay = a.ids.back().value();
  a.ack({100, 1'000'000, {{AckLevel::received, {0, 0}, 0, 0}}, 1});
  a.peer.on_link_frame_lost(a.now, a.link, relay);
  const auto again = a.frames(a.flush(), FrameType::relay);
  REQUIRE(again.size() == 1);
  CHECK(again[0].relay.first == 1);
  CHECK(again[0].relay.envelopes.size() == 2);
  CHECK(a.peer.counters().hops_resent == 2);
  a.ack({100, 1'000'000, {{AckLevel::safe, {0, 2}, 0, 0}}, 2});
  a.peer.on_link_frame_lost(a.now, a.link, relay);
  CHECK(a.frames(a.flush(), FrameType::relay).empty());
}

TEST_CASE("batches are no larger than the transport wishes", "[lanes]") {
  Half a;
  a.peer.on_link_frame_max(a.now, a.link, 800);
  a.seed(20);
  const auto relays = a.frames(a.flush(), FrameType::relay);
  CHECK(relays.size() > 1);
  CHECK(relays.size() < 20);
  std::size_t envelopes = 0;
  for (const AnyFrame& frame : relays) envelopes += frame.relay.envelopes.size();
  CHECK(envelopes == 20);
  CHECK(std::all_of(a.sent.begin(), a.sent.end(), [](const Bytes& b) { return b.size() <= 800; }));
}

TEST_CASE("an ack that was overtaken names no places and no room", "[lanes]") {
  Half a{3};
  a.seed(1);
  REQUIRE(a.frames(a.flush(), FrameType::relay).size() == 1);
  const EnvelopeId id{{1}, 1};
  a.ack({100, 1'000'000, {{AckLevel::received, {0, 0}, 0, 0}}, 2});
  a.ack({0, 0, {{AckLevel::received, {0, 0}, 1, 77}}, 1});  // B took that back in the second one
  REQUIRE(a.peer.held_status(id));
  CHECK(a.peer.held_status(id)->replica_count == 1);
  a.seed(1);
  CHECK(a.frames(a.flush(), FrameType::relay).size() == 1);  // there is room
  a.ack({100, 1'000'000, {{AckLevel::received, {0, 0}, 1, 77}}, 3});
  CHECK(a.peer.held_status(id)->replica_count == 2);
}

TEST_CASE("what a lost ack told is told as it is now", "[lanes]") {
  Half a;
  a.relay(0, 1);
  const auto first = a.frames(a.flush(), FrameType::ack);
  REQUIRE(first.size() == 1);
  CHECK(first[0].ack.ranges.at(0).level == AckLevel::received);
  const SendId lost = a.ids.back().value();
  a.ack({100, 1'000'000, {{AckLevel::received, {0, 0}, 0, 0}}, 1});  // so it is safe by now
  a.frames(a.flush());
  a.peer.on_route_frame_lost(a.now, Half::kRoute, lost);
  const auto again = a.frames(a.flush(), FrameType::ack);
  REQUIRE(again.size() == 1);
  CHECK(again[0].ack.ranges.at(0).level == AckLevel::safe);
  CHECK(again[0].ack.number > first[0].ack.number);
}

TEST_CASE("traffic that goes on does not put off what was lost", "[lanes]") {
  Half a;
  a.seed(1);  // its frame is lost, and no lane says so
  REQUIRE(a.frames(a.flush(), FrameType::relay).size() == 1);
  const TimePoint lost_at = a.now.steady;
  std::optional<Duration> waited;
  for (std::uint64_t n = 1; n < 100 && !waited; ++n) {
    a.now.steady += 50ms;
    a.peer.on_tick(a.now);
    for (const AnyFrame& frame : a.frames(a.flush(), FrameType::relay)) {
      if (frame.relay.first == 0) waited = a.now.steady - lost_at;
    }
    a.seed(1);
    a.frames(a.flush(), FrameType::relay);
    a.ack({100, 1'000'000, {{AckLevel::safe, {n, n}, 0, 0}}, n});
  }
  REQUIRE(waited);
  CHECK(*waited <= 1200ms);  // the first time-out: 1 s, and a tenth more
}
