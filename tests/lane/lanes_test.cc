// proto-docs/datagrams.md, section 1: the lanes of many sessions that come in.
#include "lane/lanes.h"

#include "support/catch.h"

using namespace podring;
using namespace podring::lane;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{1s};

/// A hello with an offer comes in on this route and is answered; whether the answer has an offer.
bool has_lane_after_hello(Lanes& lanes, RouteId route, std::uint64_t session = 3) {
  HelloFrame hello;
  hello.version_min = hello.version_max = 1;
  hello.ring = "ring";
  hello.identity = {"a", "u", "", Address::v4(0x0a000001 + route), BootId{route + 1}};
  hello.lane = LaneOffer{5570, route, {}, 8952, 100'000, std::nullopt};
  lanes.on_route_frame(kNow, route, hello.identity.address, write_frame({1, session}, hello));
  hello.answer = true;
  hello.lane.reset();
  Bytes answer = write_frame({1, session}, hello);
  CHECK_FALSE(lanes.send_route(kNow, route, answer, {}));
  AnyFrame read;
  REQUIRE(read_frame(answer, read));
  return read.hello.lane.has_value();
}

}  // namespace

TEST_CASE("sessions beyond the bound have no lane, and are counted", "[lane]") {
  Lanes lanes{{.port = 5570, .window = 100'000, .draw_token = [] { return LaneToken{}; }}};
  for (RouteId route = 0; route < Lanes::kIncomingMax; ++route)
    REQUIRE(has_lane_after_hello(lanes, route));
  CHECK(lanes.refused() == 0);
  CHECK_FALSE(has_lane_after_hello(lanes, 100));
  CHECK_FALSE(has_lane_after_hello(lanes, 101));
  CHECK(lanes.refused() == 2);
  // A new session takes the place of the one before on its connection.
  CHECK(has_lane_after_hello(lanes, 5, 4));
  CHECK(lanes.refused() == 2);
  lanes.on_route_broken(7);
  CHECK_FALSE(lanes.route_figures(7));
  CHECK(has_lane_after_hello(lanes, 100));
}
