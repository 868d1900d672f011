// proto-docs/delivery.md, section 7: a receipt that the ring carries past its origin is handed to
// it directly.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

TEST_CASE("an origin that no other view has is told", "[delivery][returns]") {
  Story story{{.hosts = "ABC"}};
  story.start('D', "ABCD");  // the others have not heard of it
  REQUIRE(story.until([&] { return story.successor('D') == "A"; }));
  const EnvelopeId id = story.seed_laps('D', 1, /*receipt=*/true);

  CHECK(story.until([&] { return story.receipts(id) == 1; }, 2s));
  CHECK(story.path(id) == "D A B C A");  // where D lies between C and A, the lap is over
  CHECK(story.view('A') == "ABC");       // nobody has decided anything else by it
  CHECK(story.until_quiet());
  CHECK(story.counters('D').receipts_home == 1);
  CHECK(story.counters('A').receipts_direct == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("two newcomers side by side are both told", "[delivery][returns]") {
  Settings settings;
  settings.strangers_relay = true;  // A takes from E, whom its view lacks, what D has seeded
  Story story{{.hosts = "ABC", .settings = settings}};
  story.start('D', "ABCDE");
  story.start('E', "ABCDE");
  REQUIRE(story.until([&] { return story.successor('D') == "E" && story.successor('E') == "A"; }));
  const EnvelopeId first = story.seed_laps('D', 1, /*receipt=*/true);
  const EnvelopeId second = story.seed_laps('E', 1, /*receipt=*/true);
  CHECK(story.until([&] { return story.receipts(first) == 1 && story.receipts(second) == 1; }, 2s));
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("many receipts share one link to their origin", "[delivery][returns]") {
  Story story{{.hosts = "ABC"}};
  story.start('D', "ABCD");
  REQUIRE(story.until([&] { return story.successor('D') == "A"; }));
  std::vector<EnvelopeId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(story.seed_laps('D', 1, /*receipt=*/true));
  CHECK(story.until(
      [&] {
        return std::all_of(ids.begin(), ids.end(),
                           [&](EnvelopeId id) { return story.receipts(id) == 1; });
      },
      5s));
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("an origin that is dead is given up after two dials", "[delivery][returns]") {
  Story story{{.hosts = "ABC"}};
  story.start('D', "ABCD");
  REQUIRE(story.until([&] { return story.successor('D') == "A"; }));
  story.hold({'B', 'C', FrameType::relay});
  const EnvelopeId id = story.seed_laps('D', 1, /*receipt=*/true);
  story.run(100ms);
  Death death = Death::process;
  SECTION("its host answers for it") { death = Death::process; }
  SECTION("nobody answers") { death = Death::host; }
  story.crash('D', death);
  story.release();
  CHECK(story.until_quiet(10s));
  CHECK(story.receipts(id) == 0);
  CHECK(story.counters('A').receipts_passed == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("another process at the origin's address takes the receipt and ends it",
          "[delivery][returns]") {
  Story story{{.hosts = "ABC"}};
  story.start('D', "ABCD");
  REQUIRE(story.until([&] { return story.successor('D') == "A"; }));
  story.hold({'B', 'C', FrameType::relay});
  const EnvelopeId id = story.seed_laps('D', 1, /*receipt=*/true);
  story.run(100ms);
  story.crash('D');
  story.start('D', "ABCD");
  story.release();
  CHECK(story.until_quiet(10s));
  CHECK(story.receipts(id) == 0);
  CHECK(story.counters('D').receipts_passed == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("the link to an origin ends when it is idle", "[delivery][returns]") {
  Story story{{.hosts = "ABC"}};
  story.start('D', "ABCD");
  REQUIRE(story.until([&] { return story.successor('D') == "A"; }));
  const EnvelopeId id = story.seed_laps('D', 1, /*receipt=*/true);
  REQUIRE(story.until([&] { return story.receipts(id) == 1; }, 2s));
  CHECK(story.net.connected(story.at('A'), story.at('D')));
  story.run(5s);
  CHECK_FALSE(story.net.connected(story.at('A'), story.at('D')));
  CHECK(story.wrong() == "");
}
