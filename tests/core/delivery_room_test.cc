// proto-docs/delivery.md, section 6: room. Seeds leave a bubble, custody needs no budget, and a
// full peer is alive.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

namespace {

Settings queue_of(std::size_t queue, std::uint8_t copies = 2) {
  Settings settings;
  settings.queue = queue;
  settings.copies = copies;
  return settings;
}

/// Seeds everywhere until nobody takes any more. With the way D -> A blocked everything piles up in
/// front of it. Quickly: a peer that is full for 3 retransmission time-outs takes more.
std::vector<EnvelopeId> fill(Story& story) {
  std::vector<EnvelopeId> ids;
  for (int quiet = 0; quiet < 3; ++quiet) {
    for (const char letter : {'A', 'B', 'C', 'D'}) {
      SeedRequest request;
      request.message = "full";
      request.hops = 9;
      const SeedResult result = story.net.seed(story.at(letter), request);
      if (result.error != SeedError::none) continue;
      ids.push_back(result.first);
      quiet = -1;
    }
    story.run(10ms);
  }
  return ids;
}

}  // namespace

TEST_CASE("full_ring_keeps_moving_with_one_bubble", "[delivery][room]") {
  Story story{{.hosts = "ABCD", .settings = queue_of(3)}};
  story.hold({'D', 'A', FrameType::relay});
  const std::vector<EnvelopeId> ids = fill(story);
  std::size_t free = 0;
  for (const char letter : {'A', 'B', 'C', 'D'})
    free += 3 - story.net.peer(story.at(letter)).queue_used();
  REQUIRE(free == 1);

  story.release();
  CHECK(story.until_quiet());
  for (const EnvelopeId& id : ids) CHECK(story.completed(id) == 1);
  for (const char letter : {'A', 'B', 'C', 'D'})
    CHECK(story.counters(letter).transit_over_queue == 0);
  CHECK(story.wrong() == "");
}

TEST_CASE("full_ring_survives_the_death_of_the_bubble", "[delivery][room]") {
  Story story{{.hosts = "ABCD", .settings = queue_of(3)}};
  story.hold({'D', 'A', FrameType::relay});
  const std::vector<EnvelopeId> ids = fill(story);
  REQUIRE(story.net.peer(story.at('A')).queue_used() == 2);
  story.crash('A');  // and the free slot with it
  story.run(10ms);
  story.release();

  // What A alone held is gone, and was never safe.
  CHECK(story.until([&] { return story.net.oracle().held_in_all() == 0; }, 60s));
  for (const EnvelopeId& id : ids) {
    if (story.safe(id)) CHECK(story.completed(id) >= 1);
  }
  std::uint64_t over = 0;
  for (const char letter : {'B', 'C', 'D'}) over += story.counters(letter).transit_over_queue;
  CHECK(over > 0);  // counted
  CHECK(story.wrong() == "");
}

TEST_CASE("full_peers_take_at_once_what_they_hold_a_copy_of", "[delivery][room]") {
  constexpr std::size_t kQueue = 200;
  constexpr std::string_view kSilent = "BCDEFGHI";
  Story story{{.hosts = "ABCDEFGHIJK", .settings = queue_of(kQueue)}};
  std::vector<EnvelopeId> ids;
  const auto seed_all = [&] {
    for (char letter = 'A'; letter <= 'K'; ++letter) {
      for (std::size_t i = 0; i < kQueue; ++i) {
        SeedRequest request;
        request.message = "full";
        request.hops = 10;
        const SeedResult result = story.net.seed(story.at(letter), request);
        if (result.error == SeedError::none) ids.push_back(result.first);
      }
    }
  };
  for (int round = 0; round < 3;
       ++round) {  // each ends with everything in front of somebody silent
    for (const char letter : kSilent) {
      for (char other = 'A'; other <= 'K'; ++other) {
        if (other != letter) story.cut_both(letter, other);
      }
    }
    for (int i = 0; i < 8; ++i) {
      seed_all();
      story.run(1s);
    }
    story.heal();
    seed_all();
    story.run(10s);
  }
  INFO("held " << story.net.oracle().held_in_all() << " of " << ids.size());
  CHECK(story.until([&] { return story.net.oracle().held_in_all() == 0; }, 60s));
  for (const EnvelopeId& id : ids) {
    if (story.safe(id)) CHECK(story.completed(id) >= 1);
  }
  CHECK(story.wrong() == "");
}

TEST_CASE("custody_never_gates_sending", "[delivery][room]") {
  Story story{{.hosts = "A", .settings = queue_of(2, 3)}};
  story.start('B', "ABCD", queue_of(2, 3));
  story.start('C', "ABCD", queue_of(1024, 3));
  story.start('D', "ABCD", queue_of(1024, 3));
  story.view_of_all("ABCD");
  REQUIRE(story.until([&] { return story.successor('A') == "B" && story.successor('C') == "D"; }));
  story.hold({'C', 'D', FrameType::relay});
  std::vector<EnvelopeId> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(story.seed_hops('A', 5));
    story.run(10ms);
  }
  CHECK(story.net.peer(story.at('B')).held_ids().size() == 20);  // ten times its queue
  CHECK(story.net.peer(story.at('C')).held_ids().size() == 20);
  CHECK(story.counters('B').transit_shed_full == 0);

  story.release();
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("full_peer_is_not_suspected", "[delivery][room]") {
  Story story{{.hosts = "A"}};
  story.start('B', "ABCD", queue_of(2));
  story.start('C', "ABCD");
  story.start('D', "ABCD");
  story.view_of_all("ABCD");
  REQUIRE(story.until([&] { return story.successor('A') == "B" && story.successor('B') == "C"; }));
  story.hold({'B', 'C', FrameType::relay});
  std::vector<EnvelopeId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(story.seed_hops('A', 3));
  story.run(100ms);
  CHECK(story.counters('B').visits == 2);  // the others stay with A
  story.run(20s);
  CHECK(story.counters('B').transit_over_queue == 4);  // it could hand nothing on: counted
  CHECK(story.successor('A') == "B");
  CHECK(story.counters('A').suspicions == 0);
  CHECK(story.counters('A').detours == 0);

  story.release();
  CHECK(story.until_quiet());
  for (const EnvelopeId& id : ids) CHECK(story.path(id) == "A B C D");
  CHECK(story.wrong() == "");
}
