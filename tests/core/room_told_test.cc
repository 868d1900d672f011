// What a peer does with the room that it is told of. proto-docs/delivery.md section 6.
#include "core/half.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

/// The relays of the first turn that has any, with the time that this takes.
std::vector<AnyFrame> next_relays(Half& a) {
  std::vector<AnyFrame> relays;
  for (int i = 0; i < 20 && relays.empty(); ++i) {
    a.now.steady = a.peer.next_deadline();
    a.peer.on_tick(a.now);
    relays = a.frames(a.flush(), FrameType::relay);
  }
  return relays;
}

}  // namespace

TEST_CASE("room that a pong tells of is used at once", "[room]") {
  Half a;
  a.ack({0, 0, {}, 1});
  a.seed(1);
  CHECK(a.frames(a.flush(), FrameType::relay).empty());
  CHECK(next_relays(a).size() == 1);  // one is tried all the same, and nothing comes back
  a.peer.on_link_frame(a.now, a.link, write_frame({1, a.session}, PongFrame{99, 100, 1'000'000}));
  a.peer.on_tick(a.now);
  CHECK(a.frames(a.flush(), FrameType::relay).size() == 1);
}

TEST_CASE("without room, be it for want of bytes, one envelope is tried again", "[room]") {
  const bool bytes = GENERATE(false, true);
  Half a;
  a.seed(3);
  REQUIRE(a.frames(a.flush(), FrameType::relay).at(0).relay.envelopes.size() == 3);
  a.ack({bytes ? 100U : 0U, bytes ? 0U : 1'000'000U, {}, 1});
  const auto relays = next_relays(a);
  REQUIRE(relays.size() == 1);
  CHECK(relays[0].relay.envelopes.size() == 1);
}
