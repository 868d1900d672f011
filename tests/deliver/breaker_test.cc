// The program is away only after a whole delivery timeout of nothing but failures.
#include "deliver/breaker.h"

#include "support/catch.h"

using namespace std::chrono_literals;
using podring::TimePoint, podring::deliver::Breaker;

namespace {

const TimePoint kStart{100s};

Breaker opened(TimePoint& now) {
  Breaker breaker{5s};
  for (now = kStart; !breaker.is_open(); now += 1s) breaker.on_failure(now);
  now -= 1s;
  return breaker;
}

}  // namespace

TEST_CASE("a program that restarts within the delivery timeout is not away", "[deliver]") {
  Breaker breaker{5s};
  for (int i = 0; i < 1000; ++i) breaker.on_failure(kStart + i * 4ms);
  CHECK_FALSE(breaker.is_open());
  breaker.on_answer();
  breaker.on_failure(kStart + 5s);
  CHECK_FALSE(breaker.is_open());  // the answer in between started the count anew
}

TEST_CASE("few failures do not open it, however long ago the first one was", "[deliver]") {
  Breaker breaker{5s};
  for (int i = 0; i < 4; ++i) breaker.on_failure(kStart + i * 10s);
  CHECK_FALSE(breaker.is_open());
  breaker.on_failure(kStart + 40s);
  CHECK(breaker.is_open());
  CHECK(breaker.times_opened() == 1);
}

TEST_CASE("while it is open there is one trial at a time, ever more seldom", "[deliver]") {
  TimePoint now;
  Breaker breaker = opened(now);
  CHECK_FALSE(breaker.take_trial(now + 999ms));
  for (const auto pause : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    now += pause;
    CHECK_FALSE(breaker.take_trial(now - 1ms));
    REQUIRE(breaker.take_trial(now));
    CHECK_FALSE(breaker.take_trial(now + 60s));
    breaker.on_failure(now);
  }
  now += 30s;
  REQUIRE(breaker.take_trial(now));
  breaker.on_answer();
  CHECK_FALSE(breaker.is_open());
}

TEST_CASE("requests from before it opened do not count as trials", "[deliver]") {
  TimePoint now;
  Breaker breaker = opened(now);
  breaker.on_failure(now + 500ms);
  CHECK(breaker.take_trial(now + 1s));
}
