// proto-docs/delivery.md, section 5, and the design's Membership: what DNS may take away, and what
// a peer does that can reach nobody.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

TEST_CASE("all_suspected_waits_alone_in_view_goes_on", "[delivery][views]") {
  Story story{{.hosts = "ABC"}};
  for (const char other : {'B', 'C'}) story.cut_both('A', other);
  REQUIRE(story.until([&] { return story.successor('A') == "nobody"; }));
  const EnvelopeId id = story.seed_hops('A', 2);
  story.run(30s);
  REQUIRE(story.path(id) == "A");  // a blip of the network must not end everything at one pod

  SECTION("others come back") {
    story.heal();
    CHECK(story.until_quiet());
    CHECK(story.path(id) == "A B C");
  }
  SECTION("nobody else is in the view") {
    story.view('A', "A");
    CHECK(story.until_quiet());
    CHECK(story.path(id) == "A A A");
  }
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("empty_answer_with_live_links_changes_nothing", "[delivery][views]") {
  Story story{{.hosts = ""}};
  for (const char letter : {'A', 'B', 'C'}) story.start(letter, "");
  for (const char letter : {'A', 'B', 'C'}) story.answer(letter, "ABC");
  REQUIRE(story.until([&] { return story.successor('A') == "B" && story.successor('C') == "A"; }));
  story.run(10ms);
  for (int i = 0; i < 5; ++i) {
    for (const char letter : {'A', 'B', 'C'}) story.answer(letter, "");
    story.run(2s);
  }
  for (const char letter : {'A', 'B', 'C'}) CHECK(story.view(letter) == "ABC");
  const EnvelopeId id = story.seed_hops('A', 4);
  CHECK(story.until_quiet());
  CHECK(story.path(id) == "A B C A B");
  CHECK(story.wrong() == "");
}

TEST_CASE("half_of_the_view_lost_needs_two_answers", "[delivery][views]") {
  Story story{{.hosts = ""}};
  story.start('A', "");
  story.answer('A', "ABCDEF");  // nobody else is there: no link holds anybody in the view
  story.run(10ms);
  REQUIRE(story.view('A') == "ABCDEF");

  SECTION("less than half goes at once") {
    story.answer('A', "ABCEF");
    CHECK(story.view('A') == "ABCEF");
  }
  SECTION("half goes when the next answer agrees") {
    story.answer('A', "ABC");
    CHECK(story.view('A') == "ABCDEF");
    story.answer('A', "ABC");
    CHECK(story.view('A') == "ABC");
  }
  SECTION("only what both answers lack goes") {
    story.answer('A', "AB");
    CHECK(story.view('A') == "ABCDEF");
    story.answer('A', "ACD");
    CHECK(story.view('A') == "ABCD");
  }
  SECTION("growth counts at once") {
    story.answer('A', "ABCDEFGH");
    CHECK(story.view('A') == "ABCDEFGH");
  }
  CHECK(story.wrong() == "");
}

TEST_CASE("many_dead_ones_in_front_hide_nobody_who_comes_back", "[delivery][views]") {
  constexpr std::string_view kView = "ABCDEFGHIJKL";
  Story story{{.hosts = ""}};
  for (const char letter : {'A', 'L'}) story.start(letter, kView);
  REQUIRE(story.until([&] { return story.successor('A') == "L"; }));
  story.run(15s);
  story.start('K', kView);  // behind nine that are dead; nobody but A has a reason to dial it
  CHECK(story.until([&] { return story.successor('A') == "K"; }, 10s));
  CHECK(story.wrong() == "");
}
