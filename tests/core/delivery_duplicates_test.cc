// proto-docs/delivery.md, section 3: laps and duplicates. A duplicate is dropped and tied to what
// it duplicates; two copies merge where they meet; nothing is lost by it.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

TEST_CASE("duplicate_is_not_safe_before_the_copy_it_duplicates", "[delivery][duplicates]") {
  Story story{{.hosts = "ABCD"}};
  story.hold({'C', 'D', FrameType::relay});  // C holds its copy and no one else has it from there
  story.hold({'B', 'A', FrameType::ack});
  const EnvelopeId id = story.seed_hops('A', 6);
  story.run(10ms);
  REQUIRE(story.holders(id) == "ABC");
  story.pause('B');  // A hands over again, to C

  REQUIRE(story.until([&] { return story.counters('C').duplicates_held == 1; }));
  story.run(1s);
  CHECK(story.held('A', id).stage == HeldStatus::Stage::received);  // and no more than that

  story.release('C', 'D');
  CHECK(story.until([&] { return !story.holds('A', id); }, 3s));
  story.resume('B');
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("paused_peer_wakes_behind_the_rerouted_copy", "[delivery][duplicates]") {
  Story story{{.hosts = "ABCD", .delay = 5ms}};
  story.pause('B');
  const EnvelopeId id = story.seed_laps('A', 400);
  REQUIRE(story.until([&] { return story.laps('C', id).size() > 20; }));
  REQUIRE(story.laps('B', id).empty());

  story.resume('B');  // with the first lap's envelope unread in its socket
  CHECK(story.until([&] { return !story.laps('B', id).empty(); }, 1s));
  CHECK(story.laps('B', id).front() == 0);
  CHECK(story.until([&] {
    return story.counters('C').duplicates_held + story.counters('C').duplicates_let_go > 0;
  }));
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");  // no lap twice anywhere
}

TEST_CASE("paused_peer_wakes_after_completion", "[delivery][duplicates]") {
  Story story{{.hosts = "ABCD"}};
  story.pause('B');
  std::uint32_t hops = 0;
  SECTION("in the middle of the way: its copy meets the memory of the end") { hops = 3; }
  SECTION("where it ends: the id ends twice, and the rerouted end tells of a detour") { hops = 1; }
  const EnvelopeId id = story.seed_hops('A', hops);
  REQUIRE(story.until([&] { return story.completed(id) == 1 && story.holders(id).empty(); }));

  story.resume('B');
  CHECK(story.until([&] { return !story.laps('B', id).empty(); }));
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == (hops == 1 ? 2 : 1));
  CHECK(story.ends_with_detours(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("silent_peer_had_handed_on", "[delivery][duplicates]") {
  Story story{{.hosts = "ABCD"}};
  story.drop({'B', 'A', FrameType::ack});
  const EnvelopeId id = story.seed_hops('A', 3);
  REQUIRE(story.until([&] { return story.completed(id) == 1; }, 100ms));
  story.crash('B', Death::host);  // its words never reached A

  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.counters('C').duplicates_let_go == 1);
  CHECK(story.laps('C', id) == std::vector<std::uint32_t>{0});
  CHECK(story.path(id) == "A B C D");
  CHECK(story.wrong() == "");
}

TEST_CASE("copies_cross_over_disjoint_peers_and_meet", "[delivery][duplicates]") {
  Story story{{.hosts = ""}};
  story.start('A', "ABCF");
  story.start('B', "ABDF");  // views that lag: each sees its own way to F
  story.start('C', "ACEF");
  story.start('D', "ABDF");
  story.start('E', "ACEF");
  story.start('F', "ABCDEF");
  story.run(50ms);
  story.drop({'B', 'A', FrameType::ack});
  story.hold({'F', 'A', FrameType::relay});  // the first copy is still on its way
  const EnvelopeId id = story.seed_laps('A', 1);
  story.run(20ms);
  REQUIRE(story.path(id) == "A B D F");
  story.cut_both('A', 'B');

  CHECK(story.until([&] { return story.counters('F').duplicates_held == 1; }));
  CHECK(story.path(id) == "A B D F C E");
  story.release('F', 'A');
  story.heal();
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.laps('F', id) == std::vector<std::uint32_t>{0});
  CHECK(story.wrong() == "");
}

TEST_CASE("forgotten_id_repeats_never_loses", "[delivery][memory]") {
  Settings settings;
  settings.memory_max = 1;
  Story story{{.hosts = "ABCD", .settings = settings}};
  story.pause('B');
  const EnvelopeId id = story.seed_hops('A', 3);
  REQUIRE(story.until([&] { return story.completed(id) == 1 && story.holders(id).empty(); }));
  for (int i = 0; i < 3; ++i) story.seed_hops('D', 3);
  story.run(1s);
  REQUIRE(story.counters('C').forgotten_early > 0);

  story.resume('B');  // its copy is taken for a new one from here on
  CHECK(story.until_quiet());
  CHECK(story.laps('C', id) == std::vector<std::uint32_t>{0, 0});
  CHECK(story.completed(id) == 2);
  CHECK(story.ends_with_detours(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("held_id_is_never_forgotten", "[delivery][memory]") {
  Settings settings;
  settings.memory_max = 1;
  Story story{{.hosts = "ABCD", .settings = settings}};
  story.hold({'C', 'D', FrameType::relay});
  story.hold({'B', 'A', FrameType::ack});
  const EnvelopeId id = story.seed_hops('A', 6);
  story.run(10ms);
  for (int i = 0; i < 200; ++i) story.seed_hops('C', 6);  // far more than is remembered
  story.pause('B');

  CHECK(story.until([&] { return story.counters('C').duplicates_held == 1; }));
  CHECK(story.laps('C', id) == std::vector<std::uint32_t>{0});
  CHECK(story.counters('C').merges == 0);
  story.release();
  story.resume('B');
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}
