// proto-docs/delivery.md, section 3: the lap is counted from three addresses and nothing else.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

TEST_CASE("skipped_peer_is_visited_next_lap", "[delivery][laps]") {
  Story story{{.hosts = "ABCD", .delay = 5ms}};
  story.pause('B');
  REQUIRE(story.until([&] { return story.successor('A') == "C"; }));
  const EnvelopeId id = story.seed_laps('A', 150);
  story.run(100ms);
  REQUIRE(story.laps('C', id).front() == 0);
  story.resume('B');

  CHECK(story.until_quiet());
  REQUIRE(!story.laps('B', id).empty());
  const std::uint32_t first = story.laps('B', id).front();
  CHECK(first > 0);
  CHECK(story.laps('B', id).size() == 150 - first);  // and in every lap from then on
  CHECK(story.ends_with_detours(id) == 0);           // nothing was sent to it in vain
  CHECK(story.wrong() == "");
}

TEST_CASE("joined_mid_lap", "[delivery][laps]") {
  Story story{{.hosts = "ACD"}};
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId id = story.seed_laps('A', 2);
  story.run(10ms);
  REQUIRE(story.path(id) == "A C");
  story.start('B', "ABCD");
  story.view_of_all("ABCD");
  REQUIRE(story.until([&] { return story.successor('A') == "B"; }));

  story.release();
  CHECK(story.until_quiet());
  CHECK(story.path(id) == "A C D A B C D A");
  CHECK(story.laps('B', id) == std::vector<std::uint32_t>{1});
  CHECK(story.ended_at(id) == "A");
  CHECK(story.wrong() == "");
}

TEST_CASE("origin_gone_laps_still_end", "[delivery][laps]") {
  Story story{{.hosts = "ABCD"}};
  story.hold({'D', 'A', FrameType::relay});
  const EnvelopeId id = story.seed_laps('B', 3);
  story.run(10ms);
  REQUIRE(story.safe(id));
  story.crash('B');
  story.run(10ms);

  story.release();
  CHECK(story.until_quiet());
  CHECK(story.path(id) == "B C D A C D A C D A C");  // counted where B's address is passed
  CHECK(story.ended_at(id) == "C");
  CHECK(story.wrong() == "");
}

TEST_CASE("lap_counts_from_addresses_under_disagreeing_views", "[delivery][laps]") {
  Settings settings;
  settings.strangers_relay = true;  // else C takes nothing from D, whom its view never had
  Story story{{.hosts = "", .settings = settings}};
  story.start('A', "ABCD");
  story.start('B', "BD");  // does not know C
  story.start('C', "AC");  // knows neither the origin nor D
  story.start('D', "CD");  // goes back to C, past the origin
  story.run(50ms);
  const EnvelopeId id = story.seed_laps('B', 3);

  CHECK(story.until_quiet());
  const std::vector<Visit> expected{{"B", 0, 0}, {"D", 1, 0}, {"C", 2, 1}, {"A", 3, 1},
                                    {"B", 4, 2}, {"D", 5, 2}, {"C", 6, 3}};
  CHECK(story.visits(id) == expected);
  CHECK(story.wrong() == "");
}
