// Which datagrams have come: RFC 9000 section 13.2, and the replay window of
// proto-docs/datagrams.md.
#include "lane/received.h"

#include <set>

#include "core/random.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::lane;
using namespace std::chrono_literals;

namespace {
const TimePoint kNow{1s};
}

TEST_CASE("a number is taken once", "[lane]") {
  Received received;
  CHECK(received.take(kNow, 0, true));
  CHECK_FALSE(received.take(kNow, 0, true));
  CHECK(received.take(kNow, 1, true));
  CHECK(received.repeats() == 1);
  CHECK(received.count() == 2);
  CHECK(received.missing() == 0);
}

TEST_CASE("every eighth datagram that wants an ack gets it at once, the others within 5 ms",
          "[lane]") {
  Received received;
  for (std::uint64_t n = 0; n < 7; ++n) {
    REQUIRE(received.take(kNow + n * 100us, n, true));
    CHECK(received.ack_at() == kNow + 5ms);
  }
  REQUIRE(received.take(kNow + 1ms, 7, true));
  CHECK(received.ack_at() == kNow + 1ms);
  received.acked();
  CHECK_FALSE(received.ack_at().has_value());
}

TEST_CASE("a gap is told at once, and closed by the late one", "[lane]") {
  Received received;
  REQUIRE(received.take(kNow, 0, true));
  received.acked();
  REQUIRE(received.take(kNow, 2, true));
  CHECK(received.ack_at() == kNow);
  CHECK(received.missing() == 1);
  CHECK(received.ranges() == std::vector<PacketRange>{{2, 2}, {0, 0}});
  REQUIRE(received.take(kNow, 1, true));
  CHECK(received.ranges() == std::vector<PacketRange>{{0, 2}});
  CHECK(received.missing() == 0);
}

TEST_CASE("acks alone want no ack", "[lane]") {
  Received received;
  REQUIRE(received.take(kNow, 0, false));
  CHECK_FALSE(received.ack_at().has_value());
}

TEST_CASE("against a dumb twin: no number twice, whatever the order", "[lane]") {
  SplitMix random{7};
  Received received;
  std::set<std::uint64_t> taken;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t number = static_cast<std::uint64_t>(i) / 2 + random.below(40);
    CHECK(received.take(kNow, number, true) == taken.insert(number).second);
  }
  CHECK(received.count() == taken.size());
}

TEST_CASE("a number older than all that is remembered is refused", "[lane]") {
  Received received;
  for (std::uint64_t n = 1; n <= 2 * Received::kRangesMax + 1; n += 2)
    REQUIRE(received.take(kNow, n, true));
  CHECK(received.ranges().size() == Received::kRangesMax);
  CHECK_FALSE(received.take(kNow, 0, true));
}
