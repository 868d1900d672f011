// proto-docs/delivery.md, section 4: numbers count per session, and a dead session says nothing.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

TEST_CASE("old_ack_on_dead_session_releases_nothing", "[delivery][sessions]") {
  Story story{{.hosts = "ABC", .lane = Lane::datagram}};
  story.hold({'B', 'A', FrameType::ack, AckLevel::safe});
  const EnvelopeId first = story.seed_hops('A', 2);
  story.run(20ms);
  REQUIRE(story.net.held_frames() > 0);  // "number 0 of session 1 is safe", under way for long
  story.cut('B', 'A');
  REQUIRE(story.until([&] { return story.successor('A') == "C" && !story.holds('A', first); }));
  story.heal();
  REQUIRE(story.until([&] { return story.successor('A') == "B"; }));
  story.drop({'B', 'C', FrameType::relay});
  const EnvelopeId second = story.seed_hops('A', 5);  // number 0 of session 2
  story.run(20ms);
  REQUIRE(story.held('A', second).stage == HeldStatus::Stage::received);

  story.net.release_held();
  story.run(20ms);
  CHECK(story.holds('A', second));
  story.release();
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("frame_of_given_up_session_arrives_late", "[delivery][sessions]") {
  Story story{{.hosts = "ABCD", .lane = Lane::datagram}};
  story.hold({'A', 'B', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 3);
  story.cut('B', 'A');
  REQUIRE(story.until([&] { return story.completed(id) == 1; }));
  REQUIRE(story.path(id) == "A C D A");

  SECTION("its receiver still knows the session: one visit more, and no second end") {
    story.release();
    CHECK(story.until([&] { return story.laps('B', id).size() == 1; }, 100ms));
    CHECK(story.until([&] { return story.counters('C').duplicates_let_go == 1; }, 1s));
  }
  SECTION("there is a newer session: it is not looked at") {
    story.heal();
    REQUIRE(story.until([&] { return story.successor('A') == "B"; }));
    story.release();
    story.run(100ms);
    CHECK(story.laps('B', id).empty());
    CHECK(story.counters('B').frames_no_session > 0);
    CHECK(story.successor('A') == "B");  // and its refusal ends no living session
  }
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("restart_same_address_is_another_peer", "[delivery][sessions]") {
  const Lane lane = GENERATE(Lane::stream, Lane::datagram);
  Story story{{.hosts = "ABCD", .lane = lane}};
  story.hold({'B', 'C', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 3);
  story.run(20ms);
  REQUIRE(story.held('A', id).stage == HeldStatus::Stage::received);
  const BootId before = story.net.peer(story.at('B')).self().boot;
  story.crash('B', Death::host);
  story.start('B', "ABCD");
  story.release();

  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  // What the one that died had received is handed over again: to the new one, or past it. A
  // datagram that was under way when it died arrives all the same, and before that.
  CHECK(story.counters('A').detours == 1);
  CHECK(story.ends_with_detours(id) == (lane == Lane::stream ? 1 : 0));
  REQUIRE(story.until([&] { return story.successor('A') == "B"; }));
  for (const LinkStatus& link : story.net.status(story.at('A')).links) {
    if (link.successor) CHECK(link.identity->boot != before);
  }
  const EnvelopeId next = story.seed_hops('A', 2);
  CHECK(story.until_quiet());
  CHECK(story.path(next) == "A B2 C");
  CHECK(story.wrong() == "");
}

TEST_CASE("better_successor_sends_nothing_again", "[delivery][sessions]") {
  Story story{{.hosts = "ACD"}};
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId old = story.seed_hops('A', 3);
  story.run(20ms);
  REQUIRE(story.held('A', old).stage == HeldStatus::Stage::received);
  story.start('B', "ABCD");
  story.view_of_all("ABCD");
  REQUIRE(story.until([&] { return story.successor('A') == "B"; }));

  const EnvelopeId fresh = story.seed_hops('A', 2);  // A B C
  story.run(5s);
  CHECK(story.path(fresh) == "A B C");
  CHECK(story.path(old) == "A C");
  CHECK(story.held('A', old).successor == story.net.peer(story.at('C')).self().boot);
  CHECK(story.counters('A').detours == 0);
  CHECK(story.counters('A').hops_resent == 0);

  story.release();
  CHECK(story.until_quiet());
  CHECK(story.path(old) == "A C D A");
  CHECK(story.ends_with_detours(old) == 0);
  CHECK(story.until([&] { return story.net.status(story.at('A')).links.size() == 1; }, 10s));
  CHECK(story.wrong() == "");
}

TEST_CASE("old_link_is_suspected_after_dns_dropped_its_peer", "[delivery][sessions]") {
  Story story{{.hosts = ""}};
  for (const char letter : {'A', 'C', 'D', 'E'}) story.start(letter, "");
  for (const char letter : {'A', 'C', 'D', 'E'}) story.answer(letter, "ACDE");
  REQUIRE(story.until([&] { return story.successor('A') == "C"; }));
  story.run(10ms);
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 4);
  story.run(20ms);
  REQUIRE(story.held('A', id).stage == HeldStatus::Stage::received);
  for (int i = 0; i < 3; ++i) {
    story.answer('A', "ADE");
    story.run(100ms);
  }
  CHECK(story.view('A') == "ACDE");  // its link lives
  story.crash('C', Death::host);

  CHECK(story.until([&] { return story.holds('D', id); }, 3s));  // noticed, and handed over again
  CHECK(story.view('A') == "ADE");
  story.release();
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.ends_with_detours(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("who was suspected once and needs no link is not told as one that connects",
          "[delivery][sessions]") {
  Story story{{.hosts = "ABCD"}};
  story.crash('C');
  story.crash('D');
  const auto at_b = [&] { return story.net.status(story.at('B')).links; };
  REQUIRE(story.until([&] { return story.successor('B') == "A"; }));
  story.start('C', "ABCD");
  story.start('D', "ABCD");
  REQUIRE(story.until([&] { return story.successor('B') == "C" && story.successor('C') == "D"; }));
  story.run(30s);  // the link from B to D has been idle for long
  REQUIRE(at_b().size() == 1);
  CHECK(at_b().front().successor);
  CHECK(at_b().front().up);
}
