// RFC 6298, section 2, with our floor and cap.
#include "core/round_trip.h"

#include "support/catch.h"

using podring::RoundTrip;
using namespace std::chrono_literals;

TEST_CASE("before the first sample the time-out is one second", "[round_trip]") {
  const RoundTrip estimator;
  CHECK_FALSE(estimator.smoothed().has_value());
  CHECK(estimator.timeout(200ms, 5s, 0) == 1s);
}

TEST_CASE("the first sample sets the mean and half of it as variation", "[round_trip]") {
  RoundTrip estimator;
  estimator.sample(400ms);
  CHECK(estimator.smoothed() == 400ms);
  CHECK(estimator.timeout(200ms, 5s, 0) == 400ms + 4 * 200ms);
}

TEST_CASE("later samples weigh an eighth, deviations a quarter", "[round_trip]") {
  RoundTrip estimator;
  estimator.sample(400ms);
  estimator.sample(480ms);
  CHECK(estimator.smoothed() == 410ms);                         // 7/8 * 400 + 1/8 * 480
  CHECK(estimator.timeout(200ms, 5s, 0) == 410ms + 4 * 170ms);  // 3/4 * 200 + 1/4 * 80
}

TEST_CASE("the floor and the cap hold, and each expiry doubles", "[round_trip]") {
  RoundTrip estimator;
  for (int i = 0; i < 100; ++i) estimator.sample(100us);
  CHECK(estimator.timeout(200ms, 5s, 0) == 200ms);
  CHECK(estimator.timeout(200ms, 5s, 1) == 400ms);
  CHECK(estimator.timeout(200ms, 5s, 4) == 3200ms);
  CHECK(estimator.timeout(200ms, 5s, 5) == 5s);
  CHECK(estimator.timeout(200ms, 5s, 4'000'000'000U) == 5s);
}
