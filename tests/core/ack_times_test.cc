// When acks are written. proto-docs/delivery.md section 4.
#include <algorithm>
#include <vector>

#include "core/half.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

/// What the acks of one turn say, range by range.
std::vector<AckRange> told(Half& a) {
  std::vector<AckRange> ranges;
  for (const AnyFrame& frame : a.frames(a.flush(), FrameType::ack)) {
    ranges.insert(ranges.end(), frame.ack.ranges.begin(), frame.ack.ranges.end());
  }
  return ranges;
}

}  // namespace

TEST_CASE("the first word goes at once, further ones together a little later", "[acks]") {
  Half a;
  a.peer.on_tick(a.now);
  a.relay(0, 1);
  CHECK(told(a).size() == 1);
  for (std::uint64_t n = 1; n < 5; ++n) {
    a.now.steady += 20us;
    a.relay(n, 1);
    CHECK(told(a).empty());
  }
  const TimePoint due = a.peer.next_deadline();
  CHECK(due - a.now.steady < 1ms);
  a.now.steady = due;
  const auto ranges = told(a);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].level == AckLevel::received);
  CHECK(ranges[0].range.first == 1);
  CHECK(ranges[0].range.last == 4);
  CHECK(a.peer.next_deadline() > due + 10ms);  // nothing waits any more
}

TEST_CASE("a word that has grown meanwhile is told once, as it is then", "[acks]") {
  Half a;
  a.relay(0, 1);
  CHECK(told(a).size() == 1);
  a.now.steady += 20us;
  a.relay(1, 1);
  CHECK(told(a).empty());
  a.ack({100, 1'000'000, {{AckLevel::received, {0, 1}, 0, 0}}, 1});  // so both are safe by now
  a.now.steady += 1ms;
  const auto ranges = told(a);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].level == AckLevel::safe);
  CHECK(ranges[0].range.first == 0);
  CHECK(ranges[0].range.last == 1);
}

TEST_CASE("what is sent again or asked for is answered at once", "[acks]") {
  Half a;
  a.relay(0, 1);
  CHECK(told(a).size() == 1);
  a.now.steady += 20us;
  a.relay(0, 1);
  CHECK(told(a).size() == 1);
  a.now.steady += 20us;
  a.peer.on_route_frame(a.now, Half::kRoute, kB,
                        write_frame({1, Half::kSession}, PingFrame{1, 0, {{0, 0}}}));
  CHECK(told(a).size() == 1);
}

TEST_CASE("what its origin hands over before its second lap is answered at once", "[acks]") {
  const std::uint32_t lap = GENERATE(0U, 1U);
  Half a;
  a.relay(0, 1);
  CHECK(told(a).size() == 1);
  a.now.steady += 20us;
  a.relay(1, 1, lap);
  const auto ranges = told(a);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].level == AckLevel::received);
  CHECK(ranges[0].range.first == 1);
  a.now.steady += 20us;
  a.ack({100, 1'000'000, {{AckLevel::received, {0, 1}, 0, 0}}, 1});
  CHECK(told(a).empty());  // its later words go together with others
}

TEST_CASE("a dialler that may soon send nothing more is told at once", "[acks]") {
  Half a{2, /*queue=*/16};
  a.relay(0, 1);
  CHECK(told(a).size() == 1);
  a.now.steady += 20us;
  a.relay(1, 2);
  CHECK(told(a).empty());  // it has room for 13 more
  a.now.steady += 20us;
  a.relay(3, 4);
  const auto ranges = told(a);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].range.first == 1);
  CHECK(ranges[0].range.last == 6);
}

TEST_CASE("a place that is taken back is told at once", "[acks]") {
  Half a{3};
  a.relay(0, 1);
  CHECK(told(a).size() == 1);
  a.now.steady += 1ms;
  a.ack({100, 1'000'000, {{AckLevel::received, {0, 0}, 0, 0}}, 1});
  const auto named = told(a);
  REQUIRE(named.size() == 1);
  CHECK(named[0].replica_count == 1);
  a.now.steady += 20us;
  a.peer.on_link_broken(a.now, a.link);
  const auto taken_back = told(a);
  REQUIRE(taken_back.size() == 1);
  CHECK(taken_back[0].replica_count == 0);
}
