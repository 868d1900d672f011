// proto-docs/delivery.md, sections 2 and 3: what is news, who counts as a replica, what is
// remembered.
#include "core/custody.h"

#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

constexpr EnvelopeId kId{{1}, 5};
constexpr Now kNow{TimePoint{100s}, {1}};
constexpr std::uint64_t kOwn = 1;
constexpr std::uint64_t kNext = 2;
constexpr std::uint64_t kFar = 3;

Envelope envelope(std::uint32_t lap, std::uint8_t copies = 3, EnvelopeId id = kId) {
  EnvelopeHead head;
  head.id = id;
  head.lap = lap;
  head.copies = copies;
  head.time_left_ms = 10'000;
  return make_envelope(head, "text");
}

EntryIndex accept(Custody& custody, Envelope taken, EntryIndex into = kNoEntry) {
  Remembered* known = custody.find(taken.head.id);
  return custody.accept(taken, {kNow, {}, false, 10s}, known, into);
}

}  // namespace

TEST_CASE("only a later lap is news, held or released", "[custody]") {
  Custody custody{100};
  CHECK(Custody::is_news(envelope(0), custody.find(kId)));
  const EntryIndex index = accept(custody, envelope(1));
  CHECK(custody.find(kId)->held == index);
  for (const bool released : {false, true}) {
    if (released) custody.release(index, true);
    CHECK_FALSE(Custody::is_news(envelope(0), custody.find(kId)));
    CHECK_FALSE(Custody::is_news(envelope(1), custody.find(kId)));
    CHECK(Custody::is_news(envelope(2), custody.find(kId)));
  }
  CHECK(custody.find(kId)->held == Remembered::kNotHeld);
  CHECK(custody.find(kId)->final);
}

TEST_CASE("an earlier entry that is released does not make a later one forgotten", "[custody]") {
  Custody custody{100};
  const EntryIndex first = accept(custody, envelope(0));
  const EntryIndex second = accept(custody, envelope(1));
  custody[second].state = CustodyEntry::State::queued;
  custody.release(first, false);
  CHECK(custody.find(kId)->held == second);
  CHECK(custody.size() == 1);
  CHECK(custody.ids() == std::vector{kId});
}

TEST_CASE("a later copy takes the entry it is given", "[custody]") {
  Custody custody{100};
  const EntryIndex index = accept(custody, envelope(0));
  CHECK(accept(custody, envelope(1), index) == index);
  CHECK(custody.size() == 1);
  CHECK(custody[index].envelope.head.lap == 1);
}

TEST_CASE("replicas are sites: no repeats, not the own one, and the last ack counts", "[custody]") {
  CustodyEntry entry;
  entry.envelope = envelope(0, /*copies=*/3);
  Custody::set_replicas(entry, kOwn, kNext, kFar);
  CHECK((entry.replica_count == 2 && entry.is_safe()));
  Custody::set_replicas(entry, kOwn, kNext, kNext);
  CHECK((entry.replica_count == 1 && !entry.is_safe()));
  Custody::set_replicas(entry, kOwn, kNext, kOwn);
  CHECK(entry.replica_count == 1);
  Custody::set_replicas(entry, kOwn, kOwn, std::nullopt);
  CHECK(entry.replica_count == 0);
}

TEST_CASE("time left is what came with the envelope less what it was held here", "[custody]") {
  Custody custody{100};
  const CustodyEntry& entry = custody[accept(custody, envelope(0))];
  CHECK(Custody::time_left_ms(entry, kNow.steady) == 10'000);
  CHECK(Custody::time_left_ms(entry, kNow.steady + 4s) == 6000);
  CHECK(Custody::time_left_ms(entry, kNow.steady + 11s) == 0);
}

TEST_CASE("an id is forgotten when its time and the grace are over, and never while it is held",
          "[custody]") {
  Custody custody{100};
  const EntryIndex index = accept(custody, envelope(0));
  CHECK(custody.forget(kNow.steady + 60s) == 0);
  CHECK(custody.find(kId) != nullptr);
  custody.release(index, false);
  CHECK(custody.forget(kNow.steady + 19s) == 0);
  CHECK(custody.find(kId) != nullptr);
  CHECK(custody.forget(kNow.steady + 20s) == 0);
  CHECK(custody.find(kId) == nullptr);
}

TEST_CASE("an end that travels on as a receipt is remembered longer", "[custody]") {
  Custody custody{100};
  custody.release(accept(custody, envelope(0)), true);
  custody.remember_longer(kId, 60s);
  CHECK(custody.forget(kNow.steady + 79s) == 0);
  CHECK(custody.find(kId) != nullptr);
  CHECK(custody.forget(kNow.steady + 80s) == 0);
  CHECK(custody.find(kId) == nullptr);
}
