// proto-docs/delivery.md, section 8: leaving.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

namespace {

constexpr auto kGrace = 25s;

}  // namespace

TEST_CASE("two_leave_and_one_comes_back", "[delivery][leaving]") {
  Story story{{.hosts = "ABCD"}};
  story.hold({'A', 'B', FrameType::relay});
  const EnvelopeId id = story.seed_laps('D', 3);
  story.run(20ms);
  REQUIRE(story.path(id) == "D A");
  story.net.leave(story.at('B'), kGrace);
  story.net.leave(story.at('C'), kGrace);
  REQUIRE(story.until([&] { return story.successor('A') == "D"; }));  // passed over, both
  story.release();
  REQUIRE(story.until(
      [&] { return !story.net.alive(story.at('B')) && !story.net.alive(story.at('C')); }));
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);

  story.start('B', "ABCD");
  REQUIRE(story.until([&] { return story.successor('A') == "B" && story.successor('B') == "D"; }));
  const EnvelopeId next = story.seed_hops('D', 4);
  CHECK(story.until_quiet());
  CHECK(story.path(next) == "D A B2 D A");
  CHECK(story.wrong() == "");
}

TEST_CASE("all_leave_at_once_all_empty", "[delivery][leaving]") {
  Story story{{.hosts = "ABCDE"}};
  std::vector<EnvelopeId> ids;
  for (const char letter : {'A', 'B', 'C', 'D', 'E'}) {
    for (int i = 0; i < 5; ++i) ids.push_back(story.seed_laps(letter, 600));
  }
  story.run(500ms);
  REQUIRE(story.completed(ids.front()) == 0);  // in the midst of work
  for (const Pid pid : story.net.live()) story.net.leave(pid, kGrace);

  CHECK(story.until([&] { return story.net.live().empty(); }, 20s));  // before the grace time ends
  for (const EnvelopeId& id : ids) {
    CHECK(story.completed(id) >= 1);
    CHECK(story.safe(id));
  }
  CHECK(story.wrong() == "");
}

TEST_CASE("leaving_peer_answers_the_last_ask_before_exit", "[delivery][leaving]") {
  Settings settings;
  settings.drain_linger = 0ms;
  Story story{{.hosts = "ABCD", .settings = settings}};
  story.drop({'B', 'A', FrameType::ack, AckLevel::safe}, 2);
  const EnvelopeId id = story.seed_hops('A', 3);
  story.run(20ms);
  REQUIRE(story.holders(id) == "A");  // B holds nothing, and A has yet to hear so
  story.net.leave(story.at('B'), kGrace);
  story.run(50ms);
  CHECK(story.net.alive(story.at('B')));

  CHECK(story.until([&] { return !story.holds('A', id); }));
  CHECK(story.until([&] { return !story.net.alive(story.at('B')); }));
  CHECK(story.counters('A').detours == 0);
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("leaving_peer_waits_for_safe_not_received", "[delivery][leaving]") {
  Settings settings;
  settings.drain_linger = 0ms;
  Story story{{.hosts = "ABCD", .settings = settings}};
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 5);
  story.run(20ms);
  story.net.leave(story.at('B'), kGrace);
  story.run(10s);
  REQUIRE(story.held('B', id).stage == HeldStatus::Stage::received);
  CHECK(story.net.alive(story.at('B')));  // with it, C alone would hold the envelope

  story.release();
  CHECK(story.until([&] { return !story.net.alive(story.at('B')); }, 5s));
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}
