// proto-docs/delivery.md, section 9: the program beside a pod is asked before the envelope goes on.
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

namespace {

constexpr ProgramOptions kAtOnce{.answer_min = 1ms, .answer_max = 1ms};

/// What is told of each visit: one letter each, by hop; '-' where nothing is told.
std::string told(const Envelope& envelope) {
  std::string letters(envelope.head.hop + 1, '-');
  for (const VisitOutcome& visit : annotations_of(envelope).outcomes) {
    letters.at(visit.hop) = to_string(visit.outcome)[0];
  }
  return letters;
}

struct Told {
  explicit Told(Story& story) {
    auto watch = std::move(story.net.on_event);
    story.net.on_event = [this, watch](Pid pid, const Event& event) {
      watch(pid, event);
      if (const auto* ended = std::get_if<Ended>(&event)) at_end = told(ended->envelope);
      if (const auto* receipt = std::get_if<ReceiptArrived>(&event)) {
        at_origin = told(receipt->envelope);
        last_visit = annotations_of(receipt->envelope).last_visit->first;
      }
    };
  }
  std::string at_end;
  std::string at_origin;
  std::string last_visit;
};

}  // namespace

TEST_CASE("each visit is told with what its program said, the last one too",
          "[delivery][programs]") {
  Story story{{.hosts = "ABC", .program = kAtOnce}};
  Told told{story};
  story.net.program(story.at('B')).refuse_pm = 1000;
  const EnvelopeId id = story.seed_hops('A', 4, /*receipt=*/true);

  CHECK(story.until([&] { return story.receipts(id) == 1; }));
  CHECK(story.path(id) == "A B C A B");
  CHECK(told.at_end == "-rddr");  // a seed does not wait for the program of its origin
  CHECK(told.at_origin == "-rddr");
  CHECK(told.last_visit == "B");
  CHECK(story.until_quiet());
  CHECK(story.wrong() == "");
}

TEST_CASE("a seed is safe while the programs have not answered", "[delivery][programs]") {
  Story story{{.hosts = "ABC", .program = ProgramOptions{.hung = true}}};
  const EnvelopeId id = story.seed_laps('A', 1);
  story.run(50ms);

  CHECK(story.safe(id));
  CHECK(story.holders(id) == "AB");  // A lets go when C has it
  CHECK(story.path(id) == "A B");
  CHECK(story.held('B', id).stage == HeldStatus::Stage::delivering);
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("a peer that dies while it asks leaves the copy of its predecessor, and the next asks",
          "[delivery][programs]") {
  Story story{{.hosts = "ABCD", .program = kAtOnce}};
  Told told{story};
  story.net.program(story.at('C')).hung = true;
  const EnvelopeId id = story.seed_laps('A', 1, /*receipt=*/true);
  story.run(50ms);
  REQUIRE(story.path(id) == "A B C");
  story.crash('C');

  CHECK(story.until_quiet());
  CHECK(story.path(id) == "A B C D A");
  CHECK(told.at_origin == "-ddd");
  CHECK(story.wrong() == "");
}

TEST_CASE("a restarted peer is asked again with the same id", "[delivery][programs]") {
  Story story{{.hosts = "ABC", .program = kAtOnce}};
  story.net.program(story.at('B')).hung = true;
  story.hold({'A', 'C', FrameType::relay});
  const EnvelopeId id = story.seed_laps('A', 1, /*receipt=*/true);
  story.run(50ms);
  REQUIRE(story.path(id) == "A B");
  story.crash('B');
  story.start('B', "ABC");
  story.release();
  CHECK(story.until_quiet());
  CHECK(story.receipts(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("one envelope that waits holds up no other", "[delivery][programs]") {
  Story story{{.hosts = "ABC", .program = kAtOnce}};
  story.net.program(story.at('B')).hung = true;
  const EnvelopeId slow = story.seed_laps('A', 1);
  story.run(10ms);
  story.net.program(story.at('B')).hung = false;
  const EnvelopeId fast = story.seed_laps('A', 1);
  story.run(50ms);
  CHECK(story.completed(fast) == 1);
  CHECK(story.completed(slow) == 0);
  CHECK(story.until_quiet());
  CHECK(story.completed(slow) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("what waits for a program counts as queue, and the ring goes on when it is full",
          "[delivery][programs]") {
  Settings settings;
  settings.queue = 4;
  Story story{{.hosts = "ABC", .settings = settings, .program = ProgramOptions{.hung = true}}};
  std::vector<EnvelopeId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(story.seed_laps('A', 1));
  story.run(1s);
  CHECK(story.net.peer(story.at('B')).queue_used() == 3);
  CHECK(story.until_quiet());
  for (const EnvelopeId id : ids) CHECK(story.completed(id) == 1);
  CHECK(story.wrong() == "");
}

TEST_CASE("a leaving peer waits for the answer of its program", "[delivery][programs]") {
  Settings settings;
  settings.drain_linger = 100ms;
  Story story{{.hosts = "ABC", .settings = settings, .program = kAtOnce}};
  story.net.program(story.at('B')).hung = true;
  const EnvelopeId id = story.seed_laps('A', 1);
  story.run(10ms);
  story.net.leave(story.at('B'), 20s);
  story.run(3s);
  CHECK(story.net.alive(story.at('B')));
  CHECK(story.until_quiet());
  CHECK(story.completed(id) == 1);
  CHECK(story.until([&] { return !story.net.alive(story.at('B')); }));
  CHECK(story.wrong() == "");
}

TEST_CASE("what the sender said travels with the message, as does what others put there",
          "[delivery][programs]") {
  SenderAnnotations said;
  said.content_type = "application/json";
  said.key = "key-1";
  said.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  said.attributes = {{"type", "shop.order"}};
  said.request = ProgramRequest{"PURGE", "/news", {{"X-Tag", "1"}}};
  said.wants_answers = true;
  Story story{{.hosts = "AB", .program = kAtOnce}};
  Annotations seen;
  auto watch = std::move(story.net.on_event);
  story.net.on_event = [&](Pid pid, const Event& event) {
    watch(pid, event);
    if (const auto* receipt = std::get_if<ReceiptArrived>(&event))
      seen = annotations_of(receipt->envelope);
  };
  SeedRequest request;
  request.laps = 1;
  request.receipt = true;
  request.annotations = said;
  (void)story.seed('A', request);
  CHECK(story.until_quiet());
  CHECK(seen.sender == said);
  CHECK(seen.outcomes.size() == 2);
}
