// Pull: what is handed out comes again until it is acknowledged or its time is over.
#include "deliver/inbox.h"

#include <thread>

#include "support/catch.h"

using namespace podring;
using namespace podring::deliver;
using namespace std::chrono_literals;

namespace {

struct Pulled {
  TimePoint now{100s};
  int woken = 0;
  Inbox inbox{{.timeout = 5s, .waiting_max = 4}, [this] { ++woken; }};

  bool offer(std::uint64_t number) {
    Delivery delivery;
    delivery.number = {number};
    delivery.id = {BootId{1}, number};
    return inbox.offer(now, delivery);
  }
  std::vector<std::uint64_t> pull(std::size_t max = 10) {
    std::vector<std::uint64_t> numbers;
    for (const auto& offer : inbox.pull(
             max, 0ms, [this] { return now; }, [] { return true; })) {
      numbers.push_back(offer.delivery.number.value);
    }
    return numbers;
  }
  std::vector<DeliveryResult> results() {
    inbox.on_tick(now);
    return inbox.take_results();
  }
};

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("messages are handed out oldest first, and again when nobody acknowledges", "[deliver]") {
  Pulled program;
  for (std::uint64_t number : {1, 2, 3}) REQUIRE(program.offer(number));
  CHECK(program.pull(2) == Numbers{1, 2});
  CHECK(program.pull() == Numbers{3});
  CHECK(program.pull().empty());
  program.now += 1s;
  CHECK(program.pull() == Numbers{1, 2, 3});
  CHECK(program.inbox.stats().offers == 6);
}

TEST_CASE("an acknowledgement ends it, once", "[deliver]") {
  Pulled program;
  for (std::uint64_t number : {1, 2}) REQUIRE(program.offer(number));
  CHECK(program.inbox.acknowledge(program.now, {{{BootId{1}, 1}, true, {}}}) ==
        0);  // never handed out
  (void)program.pull();
  const std::string answer(2000, 'x');
  CHECK(program.inbox.acknowledge(
            program.now, {{{BootId{1}, 1}, true, answer}, {{BootId{1}, 2}, false, {}}}) == 2);
  CHECK(program.inbox.acknowledge(program.now, {{{BootId{1}, 1}, true, {}}}) == 0);
  CHECK(program.woken == 1);
  const auto results = program.results();
  REQUIRE(results.size() == 2);
  CHECK(results[0].outcome == Outcome::delivered);
  CHECK(results[0].answer.size() == kAnswerBytesMax);
  CHECK(results[1].outcome == Outcome::refused);
  program.now += 1s;
  CHECK(program.pull().empty());
}

TEST_CASE("a program that takes messages and does not acknowledge is timed out, not away",
          "[deliver]") {
  Pulled program;
  REQUIRE(program.offer(1));
  (void)program.pull();
  program.now += 4999ms;
  CHECK(program.results().empty());
  program.now += 1ms;
  const auto results = program.results();
  REQUIRE(results.size() == 1);
  CHECK(results[0].outcome == Outcome::timed_out);
  CHECK_FALSE(program.inbox.stats().away);
}

TEST_CASE("when nobody asks, messages pass at once until somebody asks again", "[deliver]") {
  Pulled program;
  REQUIRE(program.offer(1));
  program.now += 2s;
  REQUIRE(program.offer(2));
  program.now += 3s;
  auto results = program.results();
  REQUIRE(results.size() == 2);  // the second one has not its whole time left: nobody is there
  CHECK(results[0].outcome == Outcome::no_program);
  CHECK(program.inbox.stats().away);
  REQUIRE(program.offer(3));
  CHECK(program.inbox.take_results().size() == 1);
  CHECK(program.pull().empty());
  REQUIRE(program.offer(4));
  CHECK(program.inbox.take_results().empty());
  CHECK(program.pull() == Numbers{4});
}

TEST_CASE("beyond the bound an offer is refused", "[deliver]") {
  Pulled program;
  for (std::uint64_t number : {1, 2, 3, 4}) REQUIRE(program.offer(number));
  CHECK_FALSE(program.offer(5));
}

TEST_CASE("a pull that waits gets what comes meanwhile", "[deliver]") {
  Inbox inbox{{}, [] {}};
  const auto clock = [] { return TimePoint{std::chrono::steady_clock::now().time_since_epoch()}; };
  std::vector<Inbox::Offer> offers;
  std::thread program{[&] { offers = inbox.pull(1, 30s, clock, [] { return true; }); }};
  Delivery delivery;
  delivery.number = {1};
  REQUIRE(inbox.offer(clock(), delivery));
  program.join();
  CHECK(offers.size() == 1);
}

TEST_CASE("a pull whose client has gone hands out nothing", "[deliver]") {
  Pulled program;
  REQUIRE(program.offer(1));
  CHECK(program.inbox
            .pull(
                1, 30s, [&] { return program.now; }, [] { return false; })
            .empty());
  CHECK(program.pull() == Numbers{1});
}
