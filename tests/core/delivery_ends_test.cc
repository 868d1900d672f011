// proto-docs/delivery.md, section 7: ends and receipts.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

TEST_CASE("end_peer_dies_after_logging", "[delivery][ends]") {
  Story story{{.hosts = "ABCD", .log_delay = 100ms}};
  const EnvelopeId id = story.seed_hops('A', 2);
  story.run(50ms);
  REQUIRE(story.completed(id) == 1);  // written, and nobody has been told
  REQUIRE(story.holds('B', id));
  story.crash('C', Death::host);

  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 2);
  CHECK(story.ended_at(id) == "C D");
  CHECK(story.ends_with_detours(id) == 1);  // the second line says why
  CHECK(story.wrong() == "");
}

TEST_CASE("completed_and_expired_on_two_branches", "[delivery][ends]") {
  Story story{{.hosts = "ABCD"}};
  story.drop({'C', 'B', FrameType::ack});
  SeedRequest request;
  request.hops = 2;
  request.ttl = 5s;
  const EnvelopeId id = story.seed('A', request);
  story.run(50ms);
  REQUIRE(story.ended_at(id) == "C");
  for (const char other : {'A', 'C', 'D'}) story.cut_both('B', other);  // B knows nothing of it

  CHECK(story.until([&] { return story.expired(id) == 1; }));
  CHECK(story.completed(id) >= 1);  // a reader takes this one
  CHECK(story.ends_with_detours(id) >= 1);
  story.heal();
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("ended_envelope_with_receipt_is_not_final", "[delivery][receipts]") {
  Story story{{.hosts = "ABCDE"}};
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 2, /*receipt=*/true);
  story.run(1s);
  REQUIRE(story.ended_at(id) == "C");
  CHECK(story.holders(id) == "BC");  // on its way home it is held like any other
  CHECK(story.receipts(id) == 0);

  story.release();
  CHECK(story.until([&] { return story.receipts(id) == 1; }));
  CHECK(story.path(id) == "A B C");  // the way home is no visit
  CHECK(story.until_quiet());
  CHECK(story.counters('A').receipts_home == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("receipt_survives_the_death_of_the_peer_where_it_ended", "[delivery][receipts]") {
  Story story{{.hosts = "ABCDE"}};
  std::string ended;
  SECTION("before it handed the receipt on: it ends again, elsewhere") {
    story.hold({'C', 'D', FrameType::relay});
    ended = "C D";
  }
  SECTION("after: the receipt is held by two and goes on") {
    story.hold({'D', 'E', FrameType::relay});
    ended = "C";
  }
  const EnvelopeId id = story.seed_hops('A', 2, /*receipt=*/true);
  story.run(1s);
  REQUIRE(story.completed(id) == 1);
  REQUIRE(story.receipts(id) == 0);
  story.crash('C', Death::host);
  story.run(10ms);
  story.release();

  CHECK(story.until([&] { return story.receipts(id) == 1; }));
  CHECK(story.until_quiet());
  CHECK(story.ended_at(id) == ended);
  CHECK(story.wrong() == "");
}

TEST_CASE("receipt_meets_a_running_copy", "[delivery][receipts]") {
  Story story{{.hosts = "ABCDE"}};
  story.drop({'B', 'A', FrameType::ack});
  story.hold({'C', 'D', FrameType::relay});
  story.hold({'D', 'E', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 2, /*receipt=*/true);
  story.run(50ms);
  REQUIRE(story.ended_at(id) == "C");
  for (const char other : {'B', 'C'}) story.cut_both('A', other);
  REQUIRE(story.until([&] { return story.holds('D', id); }));  // running, at hop 1

  story.release('C', 'D');  // the receipt is behind it now, and in the same lap
  REQUIRE(story.until([&] { return story.counters('D').duplicates_held == 1; }));
  story.run(1s);
  CHECK(story.holds('C', id));  // not let go for being a duplicate
  story.release('D', 'E');
  CHECK(story.until([&] { return story.receipts(id) == 1; }));
  CHECK(story.ended_at(id) == "C E");
  CHECK(story.ends_with_detours(id) == 1);
  story.heal();
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("expired_receipt_has_its_own_time", "[delivery][receipts]") {
  Story story{{.hosts = "ABCD"}};
  SeedRequest request;
  request.hops = 9;
  request.ttl = 3s;
  request.receipt = true;
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId id = story.seed('A', request);
  REQUIRE(story.until([&] { return story.holders(id) == "BC"; }));  // the origin has let go
  for (const char one : {'A', 'B', 'C'}) {
    for (char other = static_cast<char>(one + 1); other <= 'D'; ++other) story.cut_both(one, other);
  }
  REQUIRE(story.until([&] { return story.expired(id) > 0; }));  // nowhere to go, and no time left
  REQUIRE(story.receipts(id) == 0);

  story.run(30s);  // ten times what the envelope itself was given
  story.release();
  story.heal();
  CHECK(story.until([&] { return story.receipts(id) > 0; }, 20s));
  CHECK(story.completed(id) == 0);
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("receipt_passes_a_suspected_origin", "[delivery][receipts]") {
  Story story{{.hosts = "ABCD"}};
  story.hold({'C', 'D', FrameType::relay});
  const EnvelopeId id = story.seed_hops('A', 2, /*receipt=*/true);
  story.run(20ms);
  REQUIRE(story.ended_at(id) == "C");
  story.pause('A');
  REQUIRE(story.until([&] { return story.successor('D') == "B"; }));
  story.release();

  CHECK(story.until([&] { return story.holders(id).find_first_of("BCD") == std::string::npos; }));
  CHECK(story.counters('B').receipts_passed == 1);
  story.resume('A');
  CHECK(story.until_quiet());
  CHECK(story.receipts(id) == 0);  // its client gets 504 and can ask again
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("what_expires_where_it_was_seeded_is_told_once", "[delivery][ends]") {
  const bool receipt = GENERATE(false, true);
  Story story{{.hosts = ""}};
  story.start('A', "AB");  // B is not there
  SeedRequest request;
  request.hops = 3;
  request.ttl = 300ms;
  request.receipt = receipt;
  const EnvelopeId id = story.seed('A', request);
  story.run(3s);
  CHECK(story.expired(id) == 1);
  CHECK(story.receipts(id) == 1);
  CHECK_FALSE(story.safe(id));
}
