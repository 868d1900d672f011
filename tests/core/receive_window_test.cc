// proto-docs/delivery.md, sections 2 and 4: what the dialler of an inbound session is told.
#include "core/receive_window.h"

#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{10s};
constexpr std::uint64_t kCredit = 1000;

std::vector<AckRange> news(ReceiveWindow& window) {
  std::vector<AckRange> ranges;
  window.take_ranges(ranges, [] { FAIL("more ranges than a frame takes"); });
  return ranges;
}

ReceiveWindow of(std::uint64_t count) {
  ReceiveWindow window;
  (void)window.reach(count - 1);
  for (std::uint64_t n = 0; n < count; ++n) {
    window.set_known(n, static_cast<EntryIndex>(n));
    CHECK(window.set(n, {AckLevel::received}));
  }
  return window;
}

}  // namespace

TEST_CASE("numbers in a row with one state are one range, in whatever order they came",
          "[sessions]") {
  ReceiveWindow window;
  (void)window.reach(5);
  for (const std::uint64_t n : {3U, 1U, 2U}) CHECK(window.set(n, {AckLevel::received}));
  CHECK(window.set(5, {AckLevel::received}));
  CHECK(window.set(4, {AckLevel::safe}));
  CHECK(news(window) == std::vector<AckRange>{{AckLevel::received, {1, 3}},
                                              {AckLevel::safe, {4, 4}},
                                              {AckLevel::received, {5, 5}}});
  CHECK_FALSE(window.has_unreported());
}

TEST_CASE("safe and final stay, and what was told is not told again", "[sessions]") {
  ReceiveWindow window = of(2);
  CHECK(news(window).size() == 1);
  CHECK_FALSE(window.set(0, {AckLevel::received}));
  CHECK(window.set(0, {AckLevel::received, 1, 77}));
  CHECK(news(window).front().replica == 77);
  CHECK_FALSE(window.set(0, {AckLevel::received, 1, 77}));
  CHECK(window.set(1, {AckLevel::safe}));
  CHECK_FALSE(window.set(1, {AckLevel::final}));
  CHECK_FALSE(window.set(1, {AckLevel::received}));
  CHECK_FALSE(window.set(99, {AckLevel::safe}));  // nobody waits there
}

TEST_CASE("an ack waits for more, unless somebody waits for it", "[sessions]") {
  ReceiveWindow window = of(1);
  CHECK(window.is_ack_due(kNow, kCredit));
  (void)news(window);
  CHECK(window.on_ack(kNow + 1ms) == 1);
  CHECK(window.set(0, {AckLevel::received, 1, 77}));
  CHECK_FALSE(window.is_ack_due(kNow, kCredit));
  CHECK(window.is_ack_due(kNow + 1ms, kCredit));
  CHECK(window.is_ack_due(kNow, /*credit=*/2));  // the dialler may soon have nothing to send
  SECTION("asked for") {
    window.hurry();
    CHECK(window.is_ack_due(kNow, kCredit));
    (void)news(window);
    CHECK(window.on_ack(kNow + 2ms) == 2);
    CHECK(window.repeat(0));
    CHECK_FALSE(window.is_ack_due(kNow, kCredit));
  }
  SECTION("a replica is taken back") {
    (void)news(window);
    CHECK(window.set(0, {AckLevel::received}));
    CHECK(window.is_ack_due(kNow, kCredit));
  }
}

TEST_CASE("what a lost ack told is told again, but for what a later one has told", "[sessions]") {
  ReceiveWindow window = of(4);
  (void)window.reach(5);  // 4 and 5 have come to nothing yet
  (void)news(window);
  CHECK(window.on_ack(kNow) == 1);
  CHECK(window.set(2, {AckLevel::safe}));
  (void)news(window);
  CHECK(window.on_ack(kNow) == 2);
  window.advance_to(1);
  window.repeat_ack({0, 6, 1});
  CHECK(news(window) ==
        std::vector<AckRange>{{AckLevel::received, {1, 1}}, {AckLevel::received, {3, 3}}});
  CHECK_FALSE(window.repeat(4));
}

TEST_CASE("more ranges than a frame takes go in several", "[sessions]") {
  ReceiveWindow window;
  (void)window.reach(2 * kRangesMax + 1);
  for (std::uint64_t n = 0; n <= 2 * kRangesMax; n += 2) CHECK(window.set(n, {AckLevel::received}));
  std::vector<AckRange> ranges;
  std::size_t full = 0;
  window.take_ranges(ranges, [&] {
    CHECK(ranges.size() == kRangesMax);
    ++full;
    ranges.clear();
  });
  CHECK((full == 1 && ranges.size() == 1));
}
