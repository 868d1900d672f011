// RFC 9002 section 7: NewReno and pacing.
#include "lane/congestion.h"

#include "support/catch.h"

using namespace podring;
using namespace podring::lane;
using namespace std::chrono_literals;

namespace {

const TimePoint kNow{1s};
constexpr std::size_t kPacket = 1200;

/// Sends a full window at `at`, and has all of it acked.
void round(Congestion& congestion, TimePoint at) {
  const std::size_t packets = congestion.window() / kPacket;
  for (std::size_t i = 0; i < packets; ++i) congestion.on_sent(kPacket);
  for (std::size_t i = 0; i < packets; ++i) congestion.on_acked(at, kPacket);
}

}  // namespace

TEST_CASE("slow start: what was acked while the window was used is added", "[lane]") {
  Congestion congestion{kPacket, 1'000'000};
  CHECK(congestion.window() == 12'000);
  for (int i = 0; i < 10; ++i) congestion.on_sent(kPacket);
  CHECK_FALSE(congestion.may_send(1));
  congestion.on_acked(kNow, kPacket);
  CHECK(congestion.window() == 13'200);
}

TEST_CASE("a window that is not used does not grow", "[lane]") {
  Congestion congestion{kPacket, 1'000'000};
  for (int i = 0; i < 1000; ++i) {
    congestion.on_sent(kPacket);
    congestion.on_acked(kNow, kPacket);
  }
  CHECK(congestion.window() == 12'000);
}

TEST_CASE("losses of one round trip halve the window once, later ones again", "[lane]") {
  Congestion congestion{kPacket, 1'000'000};
  for (int i = 0; i < 10; ++i) congestion.on_sent(kPacket);
  congestion.on_lost(kNow + 1ms, kNow, kPacket);
  congestion.on_lost(kNow + 2ms, kNow + 1ms, kPacket);  // sent before the first loss was seen
  CHECK(congestion.window() == 6'000);
  congestion.on_lost(kNow + 3ms, kNow + 2ms, kPacket);
  CHECK(congestion.window() == 3'000);
}

TEST_CASE("after a loss the window grows by one datagram a round", "[lane]") {
  Congestion congestion{kPacket, 1'000'000};
  congestion.on_sent(kPacket);
  congestion.on_lost(kNow, kNow, kPacket);
  REQUIRE(congestion.window() == 6'000);
  round(congestion, kNow + 1ms);
  round(congestion, kNow + 2ms);
  CHECK(congestion.window() >= 7'200);
  CHECK(congestion.window() <= 8'400);
}

TEST_CASE("a lost path probe is no congestion", "[lane]") {
  Congestion congestion{kPacket, 1'000'000};
  congestion.on_path_probe_sent(9000);
  CHECK(congestion.in_flight() == 9000);
  congestion.on_path_probe_over(9000);
  CHECK(congestion.window() == 12'000);
  CHECK(congestion.in_flight() == 0);
}

TEST_CASE("a path probe goes beside a window that is full, and never beyond the room", "[lane]") {
  Congestion congestion{kPacket, 20'000};
  for (int i = 0; i < 10; ++i) congestion.on_sent(kPacket);
  REQUIRE_FALSE(congestion.may_send(1));
  CHECK(congestion.may_probe_path(8'000));
  CHECK_FALSE(congestion.may_probe_path(8'001));
  congestion.on_path_probe_sent(8'000);
  congestion.on_acked(kNow, kPacket);
  CHECK(congestion.window() == 13'200);
  CHECK(congestion.may_send(kPacket));
  CHECK_FALSE(congestion.may_send(kPacket + 1));  // the room, not the window
}

TEST_CASE("the receiver's room is never exceeded, and the least is two datagrams", "[lane]") {
  Congestion congestion{kPacket, 20'000};
  for (int i = 0; i < 10; ++i) round(congestion, kNow);
  CHECK(congestion.window() == 20'000);
  congestion.on_persistent_congestion();
  CHECK(congestion.window() == 2'400);
}

TEST_CASE("a window that losses have made small still takes a datagram that has grown", "[lane]") {
  Congestion congestion{kPacket, 1'000'000};
  congestion.on_persistent_congestion();
  REQUIRE_FALSE(congestion.may_send(8952));
  congestion.set_datagram(8952);
  CHECK(congestion.may_send(8952));
}

TEST_CASE("pacing: a burst at first, then 5/4 of a window a round trip", "[lane]") {
  Congestion congestion{kPacket, 1'000'000};
  const Duration round_trip = 100ms;
  std::size_t sent = 0;
  while (congestion.paced_at(kNow, kPacket, round_trip) <= kNow) {
    congestion.on_paced(kPacket);
    sent += kPacket;
  }
  CHECK(sent == 12'000);
  // 12,000 * 5/4 bytes in 100 ms: 1,200 bytes need 8 ms.
  const TimePoint next = congestion.paced_at(kNow, kPacket, round_trip);
  CHECK(next - kNow > 7900us);
  CHECK(next - kNow < 8100us);
  CHECK(congestion.paced_at(next, kPacket, round_trip) <= next);
}
