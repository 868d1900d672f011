// What travels in the extension map of an envelope; read and written again, whatever is there.
#include "core/annotations.h"

#include "core/codec.h"
#include "core/random.h"
#include "support/catch.h"

using namespace podring;

namespace {

Envelope example(std::string_view message = "hello") {
  EnvelopeHead head;
  head.id = {BootId{1}, 1};
  head.origin = Address::v4(0x0a000001);
  return make_envelope(head, message);
}

/// After a hand-over, read by the next peer.
Envelope handed_on(const Envelope& envelope) {
  Bytes bytes;
  append_envelope(bytes, envelope,
                  {.hop = envelope.head.hop + 1,
                   .lap = envelope.head.lap,
                   .time_left_ms = 1000,
                   .append_entry = true,
                   .pod = "pod",
                   .arrived = WallTime{1'700'000'000'000'000}});
  const auto tag = static_cast<unsigned char>(bytes[0]);
  Envelope next;
  REQUIRE(read_envelope(ByteView{bytes}.substr(tag == 0xc4 ? 2 : tag == 0xc5 ? 3 : 5), next));
  return next;
}

}  // namespace

TEST_CASE("annotations are read as they were written, hop by hop", "[annotations]") {
  Annotations notes;
  notes.sender.key = "k";
  Envelope envelope = example();
  annotate(envelope, notes);
  for (std::uint32_t hop = 0; hop < 300; ++hop) {
    const VisitOutcome visit{hop, static_cast<Outcome>(hop % 5),
                             static_cast<std::uint16_t>(hop % 2 == 0 ? 0 : 404)};
    notes.outcomes.push_back(visit);
    annotate(envelope, notes);
    envelope = handed_on(envelope);
    REQUIRE(annotations_of(envelope) == notes);
    REQUIRE(envelope.message() == "hello");
    REQUIRE(trace_of(envelope).size() == hop + 1);
  }
}

TEST_CASE("beyond the bound the oldest outcomes go, and answers are counted", "[annotations]") {
  Annotations notes;
  for (std::uint32_t hop = 0; hop < 5000; ++hop)
    notes.outcomes.push_back({hop, Outcome::refused, 500});
  for (std::uint32_t hop = 0; hop < 5; ++hop) notes.answers.push_back({hop, std::string(300, 'x')});
  Envelope envelope = example();
  annotate(envelope, notes);
  const Annotations kept = annotations_of(handed_on(envelope));
  REQUIRE(kept.outcomes.size() > 250);
  CHECK(kept.outcomes.back().hop == 4999);
  CHECK(kept.outcomes.front().hop == 5000 - kept.outcomes.size());
  CHECK(kept.answers.size() == 2);
  CHECK(kept.answers_omitted == 3);
}

TEST_CASE("keys of a later release are passed on", "[annotations]") {
  Envelope envelope = example();
  const std::string later = std::string{"\x81\xa5later\x93\x01\xa1x\xc0"};
  envelope.tail.replace(envelope.trace_at - 1, 1, later);
  envelope.trace_at += static_cast<std::uint32_t>(later.size() - 1);
  Annotations notes;
  notes.outcomes = {{0, Outcome::delivered, 200}};
  annotate(envelope, notes);
  CHECK(annotations_of(envelope) == notes);
  CHECK(envelope.tail.find(later.substr(1)) != std::string::npos);
  CHECK(handed_on(envelope).tail.find(later.substr(1)) != std::string::npos);
}

TEST_CASE("any bytes in the map are read without harm", "[annotations]") {
  SplitMix random{7};
  Annotations notes;
  notes.sender = {"text/plain", "key", "tp", "ts", {{"a", "b"}}, ProgramRequest{"GET", "/", {}},
                  true};
  notes.outcomes = {{0, Outcome::refused, 404}, {300, Outcome::delivered, 0}};
  notes.answers = {{0, "yes"}};
  notes.last_visit = {"pod", WallTime{5}};
  Envelope envelope = example();
  annotate(envelope, notes);
  REQUIRE(annotations_of(envelope) == notes);
  for (int i = 0; i < 20'000; ++i) {
    Envelope bent = envelope;
    const std::size_t at = bent.message_at + bent.message_bytes +
                           random.below(bent.trace_at - bent.message_at - bent.message_bytes);
    bent.tail[at] = static_cast<char>(random.below(256));
    annotate(bent, annotations_of(bent));
    (void)annotations_of(bent);
  }
}
