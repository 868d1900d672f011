// What HTTP threads read of the loop: recent messages and the live feed.
#include <atomic>
#include <thread>

#include "observe/feed.h"
#include "observe/recents.h"
#include "observe/samples.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::observe;
using namespace podring::test;
using namespace std::chrono_literals;

namespace {

EnvelopeId id_of(std::uint64_t counter) { return {BootId{0x0123456789abcdefULL}, counter}; }

Now after(Duration duration) {
  return {kNow.steady + duration,
          {kNoon.micros + std::chrono::duration_cast<std::chrono::microseconds>(duration).count()}};
}

void take(Recents& recents, Now now, std::vector<Event> events) { recents.take(now, events); }

}  // namespace

TEST_CASE("a message's way is known as far as this pod heard", "[recents]") {
  Identity self;
  self.boot = BootId{0x0123456789abcdefULL};
  Recents recents{self};
  CHECK_FALSE(recents.find(id_of(7)));
  take(recents, kNow, {Event{Seeded{id_of(7), 1, Address::v4(9)}}, visit(travelled("hello", {}))});
  auto known = recents.find(id_of(7));
  REQUIRE(known);
  CHECK(known->seeded_here);
  CHECK(known->message == "hello");
  CHECK(known->hop == 0);
  CHECK(known->visits == 1);
  CHECK_FALSE(known->safe);

  take(recents, after(1s),
       {Event{SafeConfirmed{id_of(7), 1}}, visit(travelled("hello", {"pod-a", "pod-b", "pod-c"}))});
  known = recents.find(id_of(7));
  CHECK(known->safe);
  CHECK(known->visits == 2);
  CHECK(known->hop == 3);
  REQUIRE(known->trace.size() == 3);
  CHECK(known->trace[2].pod == "pod-c");
  CHECK(known->trace[2].at.micros == kNoon.micros - 100);
  CHECK(known->since.micros == kNoon.micros);
  CHECK(known->last.micros == kNoon.micros + 1'000'000);

  take(recents, after(2s), {end(travelled("hello", {"pod-a"}), 1, End::expired)});
  CHECK(recents.find(id_of(7))->ended == End::expired);
  take(recents, after(2s), {Event{ReceiptArrived{travelled("hello", {"pod-a"}), End::completed}}});
  CHECK(recents.find(id_of(7))->ended == End::completed);
  take(recents, after(3s), {end(travelled("hello", {"pod-a"}), 1, End::expired)});
  CHECK(recents.find(id_of(7))->ended == End::completed);  // completed on one branch is completed
}

TEST_CASE("the messages with the oldest news are forgotten first", "[recents]") {
  RecentsLimits limits;
  limits.messages = 3;
  Recents recents{kSelf, limits};
  for (std::uint64_t i = 1; i <= 3; ++i) take(recents, kNow, {visit(travelled("m", {"x"}, i))});
  take(recents, kNow, {Event{SafeConfirmed{id_of(1), 1}}});  // news of the oldest
  take(recents, kNow, {visit(travelled("m", {"x"}, 4))});
  CHECK(recents.find(id_of(1)));
  CHECK_FALSE(recents.find(id_of(2)));
  CHECK(recents.forgotten() == 1);
  const auto latest = recents.latest(10);
  REQUIRE(latest.size() == 3);
  CHECK(latest[0].id == id_of(4));
  CHECK(latest[1].id == id_of(1));
  CHECK(latest[2].id == id_of(3));
  CHECK(recents.latest(1).size() == 1);
}

TEST_CASE("large messages do not take more memory than said, and are cut when shown", "[recents]") {
  RecentsLimits limits;
  limits.bytes = 1 << 20;
  limits.message_bytes = 1000;
  Recents recents{kSelf, limits};
  std::string large(100'000, 'm');
  large.replace(999, 2, "\xc3\xa9");  // a character across the cut
  for (std::uint64_t i = 1; i <= 50; ++i) take(recents, kNow, {visit(travelled(large, {"x"}, i))});
  CHECK(recents.latest(100).size() == 10);
  CHECK(recents.forgotten() == 40);
  const auto known = recents.find(id_of(50));
  REQUIRE(known);
  CHECK(known->message == std::string(999, 'm'));
  CHECK(known->message_bytes == 100'000);
}

TEST_CASE("recent messages agree with a dumb twin on random events", "[recents]") {
  RecentsLimits limits;
  limits.messages = 16;
  Recents recents{kSelf, limits};
  std::vector<std::uint64_t> twin;  // newest first
  std::uint64_t state = 1;
  for (int round = 0; round < 20'000; ++round) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::uint64_t counter = 1 + (state >> 33) % 40;
    take(recents, kNow, {visit(travelled("m", {"x"}, counter))});
    std::erase(twin, counter);
    twin.insert(twin.begin(), counter);
    if (twin.size() > 16) twin.pop_back();
    if (round % 50 != 0) continue;
    const auto latest = recents.latest(100);
    REQUIRE(latest.size() == twin.size());
    for (std::size_t i = 0; i < twin.size(); ++i) REQUIRE(latest[i].id.counter == twin[i]);
  }
}

TEST_CASE("a stream gets every event after its snapshot, in order", "[feed]") {
  Feed feed{kSelf};
  const std::uint64_t number = feed.number();
  for (std::uint64_t i = 1; i <= 5; ++i) feed.stage(kNow, visit(travelled("m", {"x"}, i)));
  CHECK(feed.after(number, 100, 0ms).events.empty());  // staged, not yet published
  feed.publish();
  auto batch = feed.after(number, 3, 0ms);
  CHECK_FALSE(batch.gap);
  REQUIRE(batch.events.size() == 3);
  CHECK(batch.events[0].number == number + 1);
  CHECK(batch.events[0].type == "received");
  CHECK(batch.events[0].json.find("\"id\":\"0123456789abcdef-1\"") != std::string::npos);
  CHECK(batch.events[0].json.find('\n') == std::string::npos);
  batch = feed.after(batch.events.back().number, 100, 0ms);
  REQUIRE(batch.events.size() == 2);
  CHECK(batch.events[1].number == number + 5);
  feed.stage(kNow, "ring", "{\"version\":3}");
  feed.publish();
  batch = feed.after(number + 5, 100, 0ms);
  REQUIRE(batch.events.size() == 1);
  CHECK(batch.events[0].type == "ring");
  CHECK(batch.events[0].json == "{\"version\":3}");
}

TEST_CASE("whoever is too late, or from another process, finds a gap", "[feed]") {
  FeedLimits limits;
  limits.events = 8;
  Feed feed{kSelf, limits};
  const std::uint64_t number = feed.number();
  for (int i = 0; i < 20; ++i) {
    feed.stage(kNow, visit(travelled("m", {"x"})));
    feed.publish();
  }
  CHECK(feed.after(number, 100, 0ms).gap);
  CHECK(feed.after(number + 11, 100, 0ms).gap);
  CHECK(feed.after(number + 12, 100, 0ms).events.size() == 8);
  CHECK(feed.after(number + 20, 100, 0ms).events.empty());
  CHECK(feed.after(number + 21, 100, 0ms).gap);
  CHECK(feed.gaps() == 3);
}

TEST_CASE("the feed keeps no more bytes than said", "[feed]") {
  FeedLimits limits;
  limits.bytes = 20'000;
  Feed feed{kSelf, limits};
  const std::uint64_t number = feed.number();
  for (int i = 0; i < 100; ++i) feed.stage(kNow, visit(travelled(std::string(1000, 'm'), {"x"})));
  feed.publish();
  CHECK(feed.after(number, 1000, 0ms).gap);
  std::size_t bytes = 0;
  std::uint64_t from = number + 100;
  while (from > number && !feed.after(from - 1, 1000, 0ms).gap) --from;
  for (const FeedEvent& event : feed.after(from, 1000, 0ms).events) bytes += event.json.size();
  CHECK(bytes <= 20'000);
  CHECK(bytes > 15'000);
}

TEST_CASE("asleep nothing is formatted, and waking leaves no hole unseen", "[feed]") {
  FeedLimits limits;
  limits.awake = 30s;
  Feed feed{kSelf, limits};
  feed.stage(kNow, visit(travelled("m", {"x"})));
  feed.publish();
  CHECK_FALSE(feed.awake());
  const std::uint64_t number = feed.number();
  CHECK(feed.awake());
  feed.stage(after(1s), visit(travelled("m", {"x"})));
  feed.publish();
  CHECK(feed.after(number, 10, 0ms).events.size() == 1);
  // Nobody asks for a while, and something happens meanwhile.
  feed.stage(after(20s), visit(travelled("m", {"x"})));
  feed.publish();
  feed.stage(after(60s), visit(travelled("m", {"x"})));
  feed.publish();
  CHECK_FALSE(feed.awake());
  CHECK(feed.after(number + 2, 10, 0ms).gap);
  // Woken in the middle of a turn: that turn's events are in no batch, so there is a gap.
  Feed other{kSelf, limits};
  other.stage(kNow, visit(travelled("m", {"x"})));
  const std::uint64_t early = other.number();
  other.publish();
  CHECK(other.after(early, 10, 0ms).gap);
}

TEST_CASE("a stream that waits is woken by an event, and by the end", "[feed]") {
  Feed feed{kSelf};
  const std::uint64_t number = feed.number();
  std::atomic<bool> got{false};
  std::thread stream{[&] {
    const auto batch = feed.after(number, 10, 60s);
    got = batch.events.size() == 1;
    const auto last = feed.after(number + 1, 10, 60s);
    got = got && last.events.empty() && !last.gap;
  }};
  feed.stage(kNow, visit(travelled("m", {"x"})));
  feed.publish();
  while (!got) std::this_thread::yield();
  feed.close();
  stream.join();
  CHECK(got);
}

TEST_CASE("readers on other threads see whole events in order", "[feed][threads]") {
  FeedLimits limits;
  limits.events = 64;
  Feed feed{kSelf, limits};
  Recents recents{kSelf};
  std::uint64_t from = feed.number();
  std::atomic<bool> done{false};
  std::thread loop{[&] {
    for (std::uint64_t i = 1; i <= 5000; ++i) {
      std::vector<Event> events;
      events.push_back(visit(travelled("m", {"x"}, 1 + i % 50)));
      for (const Event& event : events) feed.stage(kNow, event);
      recents.take(kNow, events);
      feed.publish();
    }
    done = true;
  }};
  bool in_order = true;
  while (!done || from < feed.number()) {
    const auto batch = feed.after(from, 16, 1ms);
    if (batch.gap) from = feed.number();
    for (const FeedEvent& event : batch.events) {
      in_order = in_order && event.number == ++from && event.json.back() == '}';
    }
    in_order = in_order && recents.latest(100).size() <= 50;
  }
  loop.join();
  CHECK(in_order);
}
