// proto-docs/delivery.md, section 6: the queue, its credit, and transit beyond its bound.
#include "core/forward_queue.h"

#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{10s};
constexpr Duration kTimeout = 100ms;

std::vector<std::uint32_t> drained(ForwardQueue& queue) {
  std::vector<std::uint32_t> order;
  for (; !queue.empty(); queue.pop()) order.push_back(queue.order().front());
  return order;
}

}  // namespace

TEST_CASE("indices come out in order, at both ends, however many there are", "[queue]") {
  IndexQueue queue;
  for (std::uint32_t i = 0; i < 100; ++i) queue.push_back(i);
  for (std::uint32_t i = 0; i < 70; ++i) queue.pop_front();
  for (std::uint32_t i = 100; i < 300; ++i) queue.push_back(i);
  queue.push_front(7);
  REQUIRE(queue.size() == 231);
  CHECK(queue.front() == 7);
  for (std::size_t i = 1; i < queue.size(); ++i) REQUIRE(queue[i] == 69 + i);
}

TEST_CASE("what is rerouted goes first, then transit, then seeds", "[queue]") {
  ForwardQueue queue{10, 1000};
  queue.push_seed(1);
  queue.push_transit(2);
  queue.push_transit(3);
  queue.push_rerouted(4);
  CHECK(drained(queue) == std::vector<std::uint32_t>{4, 2, 3, 1});
}

TEST_CASE("credit is what is left of both bounds", "[queue]") {
  ForwardQueue queue{3, 1000};
  CHECK(queue.credit() == Credit{3, 1000});
  queue.count_in(kNow, 400);
  CHECK(queue.credit() == Credit{2, 600});
  CHECK(queue.has_room_for(600));
  CHECK_FALSE(queue.has_room_for(601));
  queue.recount(400, 1100);
  CHECK(queue.credit() == Credit{2, 0});
  CHECK_FALSE(queue.credit().any());
  queue.count_out(kNow, 1100);
  CHECK(queue.credit() == Credit{3, 1000});
}

TEST_CASE("a seed leaves the bubble free", "[queue]") {
  ForwardQueue queue{3, 1000};
  CHECK(queue.has_room_for_seeds(2, 10, /*bubble=*/1));
  CHECK_FALSE(queue.has_room_for_seeds(3, 10, /*bubble=*/1));
  CHECK_FALSE(queue.has_room_for_seeds(1, 1001, /*bubble=*/1));
}

TEST_CASE("a full queue takes one beyond its bound after three time-outs, then twice as many",
          "[queue]") {
  ForwardQueue queue{1, 1000};
  queue.count_in(kNow, 10);  // being full begins
  const auto taken_at = [&](TimePoint at) {
    int taken = 0;
    while (queue.admit_over(at, kTimeout) == Admission::over) ++taken;
    return taken;
  };
  CHECK(taken_at(kNow + 300ms) == 0);
  CHECK(taken_at(kNow + 301ms) == 1);
  CHECK(taken_at(kNow + 500ms) == 0);
  CHECK(taken_at(kNow + 602ms) == 2);
  CHECK(taken_at(kNow + 903ms) == 4);
  TimePoint at = kNow + 903ms;
  for (int i = 0; i < 4; ++i) CHECK(taken_at(at += 301ms) == 8 << i);
  CHECK(taken_at(at += 301ms) == 64);  // at most

  SECTION("progress starts the wait again") {
    queue.note_progress(at);
    CHECK(taken_at(at + 300ms) == 0);
    CHECK(taken_at(at + 301ms) == 64);
  }
  SECTION("room ends it") {
    queue.count_out(at, 10);
    queue.count_in(at, 10);
    CHECK(taken_at(at + 300ms) == 0);
    CHECK(taken_at(at + 301ms) == 1);
  }
}
