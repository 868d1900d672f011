// proto-docs/delivery.md, section 2: with --copies-on nodes the places that count are nodes.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

namespace {

Settings copies_on_nodes(std::uint8_t count) {
  Settings settings;
  settings.copies = count;
  settings.copies_on = CopiesOn::nodes;
  return settings;
}

}  // namespace

TEST_CASE("interleaved_nodes_n1_n2_n1_are_two", "[delivery][nodes]") {
  Story story{
      {.hosts = "ABCDE", .settings = copies_on_nodes(3), .nodes = {"n1", "n2", "n1", "n2", "n3"}}};
  story.hold({'D', 'E', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 8);
  story.run(3s);
  CHECK(story.holders(id) == "ABCD");  // four peers on two nodes
  CHECK_FALSE(story.safe(id));

  story.release();
  CHECK(story.until([&] { return story.safe(id); }, 3s));
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("wrap_around_to_the_first_node_adds_no_copy", "[delivery][nodes]") {
  Story story{{.hosts = "ABCD", .settings = copies_on_nodes(3), .nodes = {"n1", "n2", "n2", "n1"}}};
  story.net.block_log(story.at('C'));
  const EnvelopeId id = story.seed_hops('A', 6);  // A B C D A B C
  story.run(3s);
  REQUIRE(story.path(id) == "A B C D A B C");
  CHECK_FALSE(story.safe(id));  // round the whole ring, and still on two nodes
  CHECK(story.holders(id) == "ABCD");

  story.net.unblock_log(story.at('C'));
  CHECK(story.until_quiet());
  CHECK(story.safe(id));
  CHECK(story.wrong() == "");
}

TEST_CASE("one_node_is_safe_at_the_end", "[delivery][nodes]") {
  Story story{{.hosts = "ABCD", .settings = copies_on_nodes(2), .nodes = {"n", "n", "n", "n"}}};
  story.net.block_log(story.at('D'));
  const EnvelopeId id = story.seed_hops('A', 3);
  story.run(3s);
  CHECK_FALSE(story.safe(id));
  CHECK(story.holders(id) == "ABCD");

  story.net.unblock_log(story.at('D'));
  CHECK(story.until_quiet());
  CHECK(story.safe(id));
  CHECK(story.wrong() == "");
}

TEST_CASE("rerouted_to_a_counted_node_takes_back_a_place", "[delivery][nodes]") {
  Story story{
      {.hosts = "ABCDE", .settings = copies_on_nodes(3), .nodes = {"n1", "n2", "n3", "n2", "n3"}}};
  story.hold({'C', 'D', FrameType::relay});
  story.hold({'D', 'E', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 8);
  story.run(20ms);
  REQUIRE(story.holders(id) == "ABC");
  REQUIRE(story.held('A', id).replica_count == 2);  // n2 from B, and n3 that B named

  story.crash('C', Death::host);
  REQUIRE(story.until([&] { return story.holds('D', id); }));  // B's other way, on B's own node
  story.run(100ms);
  CHECK(story.held('A', id).replica_count == 1);
  CHECK(story.holds('A', id));

  story.release();
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("last_words_of_a_dead_node_are_read_late", "[delivery][nodes]") {
  Story story{
      {.hosts = "ABCDE", .settings = copies_on_nodes(2), .nodes = {"n1", "n2", "n3", "n4", "n5"}}};
  story.hold({'C', 'D', FrameType::relay});
  story.net.way(Story::host('C'), Story::host('B')).extra = 500ms;
  const EnvelopeId id = story.seed_hops('A', 4);
  story.run(20ms);
  REQUIRE(story.holders(id) == "ABC");
  story.crash('C', Death::host);  // `received` is still under way

  REQUIRE(story.until([&] { return !story.holds('A', id); }, 1s));  // let go on its word
  CHECK(story.holders(id) == "B");  // the same moment lasts until B has noticed
  story.release();
  CHECK(story.until([&] { return story.completed(id) == 1; }, 5s));
  CHECK(story.path(id) == "A B C D E A");
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}
