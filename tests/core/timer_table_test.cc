#include "core/timer_table.h"

#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

enum class Kind : std::uint8_t { one, other, count };
constexpr TimePoint kNow{10s};

}  // namespace

TEST_CASE("a timer fires at its time, until it is stopped or set anew", "[timers]") {
  TimerTable<Kind> timers;
  CHECK(timers.next() == TimePoint::max());
  CHECK_FALSE(timers.is_due(Kind::one, kNow));
  timers.set(Kind::one, kNow);
  timers.set(Kind::other, kNow + 1s);
  CHECK(timers.next() == kNow);
  CHECK_FALSE(timers.is_due(Kind::one, kNow - 1ns));
  CHECK(timers.is_due(Kind::one, kNow));
  CHECK_FALSE(timers.is_due(Kind::other, kNow));
  timers.set(Kind::one, kNow + 2s);
  CHECK(timers.next() == kNow + 1s);
  timers.stop(Kind::other);
  CHECK_FALSE(timers.is_on(Kind::other));
  CHECK(timers.next() == kNow + 2s);
}

TEST_CASE("putting off moves a timer that is on, and no other", "[timers]") {
  TimerTable<Kind> timers;
  timers.set(Kind::one, kNow);
  timers.put_off(Kind::one, 3s);
  timers.put_off(Kind::other, 3s);
  CHECK(timers.next() == kNow + 3s);
  CHECK_FALSE(timers.is_on(Kind::other));
}
