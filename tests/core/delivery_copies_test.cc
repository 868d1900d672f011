// proto-docs/delivery.md, sections 1 and 2: who must hold an envelope before anybody says `safe`.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

namespace {

Settings copies(std::uint8_t count) {
  Settings settings;
  settings.copies = count;
  return settings;
}

}  // namespace

TEST_CASE("handed_back_to_holder_adds_no_copy", "[delivery][copies]") {
  Story story{{.hosts = "", .settings = copies(3)}};
  story.start('A', "ABC");
  story.start('B', "AB");  // does not know C, so it hands back to A
  story.start('C', "ABC");
  story.run(50ms);
  story.net.block_log(story.at('A'));
  const EnvelopeId id = story.seed_hops('A', 4);  // A B A B A
  story.run(5s);
  REQUIRE(story.path(id) == "A B A B A");
  CHECK(story.counters('A').merges == 2);
  CHECK_FALSE(story.safe(id));  // two peers hold it, however often it came round
  CHECK(story.holders(id) == "AB");

  story.net.unblock_log(story.at('A'));
  CHECK(story.until_quiet());
  CHECK(story.safe(id));
  CHECK(story.wrong() == "");
}

TEST_CASE("ring_of_two_holds_until_the_end", "[delivery][copies]") {
  Story story{{.hosts = "AB"}};
  story.net.block_log(story.at('A'));
  const EnvelopeId id = story.seed_hops('A', 6);
  story.run(5s);
  REQUIRE(story.visits(id).size() == 7);
  CHECK(story.holders(id) == "AB");  // neither may let go while it has not ended

  story.net.unblock_log(story.at('A'));
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.safe(id));
  CHECK(story.wrong() == "");
}

TEST_CASE("fewer_peers_than_copies_is_safe_only_at_the_end", "[delivery][copies]") {
  Story story{{.hosts = "AB", .settings = copies(3)}};
  story.net.block_log(story.at('B'));
  const EnvelopeId id = story.seed_hops('A', 5);
  story.run(5s);
  REQUIRE(story.visits(id).size() == 6);
  CHECK_FALSE(story.safe(id));

  story.net.unblock_log(story.at('B'));
  CHECK(story.until_quiet());
  CHECK(story.safe(id));
  CHECK(story.wrong() == "");
}

TEST_CASE("successors_successor_dies_right_after_safe", "[delivery][copies]") {
  Story story{{.hosts = "ABCDE"}};
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 6);
  REQUIRE(story.until([&] { return story.safe(id); }));
  REQUIRE(story.until([&] { return story.holders(id) == "BC"; }));
  std::string dead;
  SECTION("the one that had it last") { dead = "C"; }
  SECTION("the one that said so") { dead = "B"; }
  story.crash(dead[0], GENERATE(Death::process, Death::host));
  story.run(100ms);
  story.release();

  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  if (dead == "C") CHECK(story.path(id) == "A B C D E A B D");
  CHECK(story.wrong() == "");
}

TEST_CASE("copies_minus_one_die_at_once", "[delivery][copies]") {
  Story story{{.hosts = "ABCDEF", .settings = copies(3)}};
  story.hold({'D', 'E', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 8);
  REQUIRE(story.until([&] { return story.holders(id) == "BCD"; }));
  REQUIRE(story.safe(id));
  const std::string dead = GENERATE(as<std::string>{}, "BC", "BD", "CD");
  const Death death = GENERATE(Death::process, Death::host);
  for (const char letter : dead) story.crash(letter, death);
  story.run(100ms);
  story.release();

  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("lost_safe_ack_is_asked_for_again", "[delivery][copies]") {
  Story story{{.hosts = "ABCD"}};
  story.drop({'B', 'A', FrameType::ack, AckLevel::safe}, 1);
  const EnvelopeId id = story.seed_hops('A', 3);
  story.run(20ms);
  REQUIRE(story.completed(id) == 1);
  REQUIRE(story.holders(id) == "A");

  CHECK(story.until([&] { return !story.holds('A', id); }, 1500ms));
  CHECK(story.counters('A').asks > 0);
  CHECK(story.counters('A').hops_resent == 0);  // asked for, not sent again
  CHECK(story.counters('A').detours == 0);
  CHECK(story.wrong() == "");
}

TEST_CASE("received_but_not_safe_is_rerouted", "[delivery][copies]") {
  Story story{{.hosts = "ABCD"}};
  story.hold({'B', 'C', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 4);
  story.run(20ms);
  REQUIRE(story.held('A', id).stage == HeldStatus::Stage::received);
  story.crash('B');

  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.path(id) == "A B C D A C");
  CHECK(story.ends_with_detours(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("envelope_rules_hold_at_peers_of_other_settings", "[delivery][copies]") {
  Story story{{.hosts = "A", .settings = copies(3)}};
  Settings others = copies(1);
  others.copies_on = CopiesOn::nodes;
  others.hops = 2;
  others.ttl = 1s;
  others.version_max = 2;
  for (const char letter : {'B', 'C', 'D'}) story.start(letter, "ABCD", others);
  story.view_of_all("ABCD");
  REQUIRE(story.until([&] { return story.successor('A') == "B" && story.successor('D') == "A"; }));
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 7);
  story.run(500ms);
  CHECK(story.safe(id));              // A, B and C hold it
  CHECK(story.holders(id) == "ABC");  // B needs one more place to say `safe`

  story.release();
  CHECK(story.until_quiet());
  CHECK(story.path(id) == "A B C D A B C D");
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}
