// Clients that seed over ZeroMQ and wait: how many may, and who is forgotten.
#include <algorithm>

#include "core/half.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kAtOnce = 1000;
constexpr int kFrames = 65;  // 65,000 of at most 65,536 that wait

/// Seeds 1,000 messages that are waited for, and says how many refusals came back.
std::size_t seed(Half& a, std::uint64_t session, std::uint64_t request) {
  SeedFrame frame;
  frame.request = request;
  frame.count = kAtOnce;
  frame.message = "m";
  frame.wait = Stage::completed;
  a.peer.on_route_frame(a.now, Half::kRoute, kB, write_frame({1, session}, frame));
  return a.frames(a.flush(), FrameType::refuse).size();
}

}  // namespace

TEST_CASE("beyond the bound on waiting seeds they are refused, counted and told of", "[seeds]") {
  Half a{2, /*queue=*/100'000};
  for (int i = 1; i <= kFrames; ++i) REQUIRE(seed(a, Half::kSession, 1) == 0);
  SeedFrame frame;
  frame.request = 2;
  frame.count = kAtOnce;
  frame.message = "m";
  frame.wait = Stage::safe;
  a.peer.on_route_frame(a.now, Half::kRoute, kB, write_frame({1, Half::kSession}, frame));
  Outputs& out = a.flush();
  CHECK(std::any_of(out.events.begin(), out.events.end(), [](const Event& event) {
    const auto* shed = std::get_if<Shed>(&event);
    return shed != nullptr && shed->what == Shed::What::seeds_waiting;
  }));
  const auto refusals = a.frames(out, FrameType::refuse);
  REQUIRE(refusals.size() == 1);
  CHECK(refusals[0].refuse.code == RefuseCode::too_many);
  CHECK(a.peer.counters().seeds_refused_waiting == 1);

  SECTION("whoever has gone is forgotten") {
    AnyFrame hello;
    hello.hello.ring = Settings{}.ring;
    hello.hello.identity = {"b", "", "", kB, {2}};
    hello.hello.dialled = kA;
    a.peer.on_route_frame(a.now, Half::kRoute, kB,
                          write_frame({1, Half::kSession + 1}, hello.hello));
    a.flush();
    a.now.steady += 1100ms;
    a.peer.on_tick(a.now);
    a.flush();
    CHECK(seed(a, Half::kSession + 1, 3) == 0);
  }
}
