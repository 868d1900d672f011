// Design, "Memory": bounded, oldest forgotten first, a held id never.
#include "core/id_memory.h"

#include <map>

#include "core/random.h"
#include "support/catch.h"

using podring::EnvelopeId, podring::IdMemory, podring::Remembered, podring::TimePoint;
using namespace std::chrono_literals;

namespace {

TimePoint at(std::chrono::seconds since) { return TimePoint{since}; }

void remember(IdMemory& memory, EnvelopeId id, std::uint32_t forget_at,
              std::uint32_t held = Remembered::kNotHeld) {
  Remembered& record = memory.at(id);
  if (record.lap_plus_one == 0) memory.count_new();
  record.lap_plus_one = 1;
  record.held = held;
  record.forget_at = forget_at;
}

}  // namespace

TEST_CASE("what was never remembered is not found", "[id_memory]") {
  IdMemory memory{100};
  CHECK(memory.find({{1}, 1}) == nullptr);
  remember(memory, {{1}, 1}, 50);
  CHECK(memory.find({{1}, 1}) != nullptr);
  CHECK(memory.find({{1}, 2}) == nullptr);  // on the same page
  CHECK(memory.find({{2}, 1}) == nullptr);
}

TEST_CASE("an id is forgotten at its time and not before", "[id_memory]") {
  IdMemory memory{100};
  remember(memory, {{1}, 1}, 50);
  CHECK(memory.forget(at(49s)) == 0);
  CHECK(memory.find({{1}, 1}) != nullptr);
  CHECK(memory.forget(at(50s)) == 0);  // in time: that is not early
  CHECK(memory.find({{1}, 1}) == nullptr);
  CHECK(memory.size() == 0);
}

TEST_CASE("at the bound the oldest ids are forgotten first, and counted as early", "[id_memory]") {
  IdMemory memory{1000};
  for (std::uint64_t counter = 1; counter <= 1200; ++counter) remember(memory, {{1}, counter}, 900);
  const std::size_t early = memory.forget(at(1s));
  CHECK(early == 1200 - memory.size());
  CHECK(memory.size() <= 1000);
  CHECK(memory.size() > 900);  // whole pages of 64 go, no more
  CHECK(memory.find({{1}, 1}) == nullptr);
  CHECK(memory.find({{1}, 1200}) != nullptr);
}

TEST_CASE("a held id is never forgotten, not at its time and not at the bound", "[id_memory]") {
  IdMemory memory{100};
  for (std::uint64_t counter = 1; counter <= 300; ++counter)
    remember(memory, {{1}, counter}, 5, /*held=*/static_cast<std::uint32_t>(counter));
  memory.forget(at(1000s));
  for (std::uint64_t counter = 1; counter <= 300; ++counter)
    CHECK(memory.find({{1}, counter}) != nullptr);
}

TEST_CASE("ids of many origins, one each, keep memory bounded too", "[id_memory]") {
  IdMemory memory{800};
  for (std::uint64_t boot = 1; boot <= 5000; ++boot) {
    remember(memory, {{boot}, 1}, 900);
    memory.forget(at(1s));
  }
  CHECK(memory.size() <= 101);  // a page each; pages are bounded at an eighth of the ids
  CHECK(memory.find({{5000}, 1}) != nullptr);
}

TEST_CASE("the memory agrees with a map under random use", "[id_memory]") {
  podring::SplitMix random{5};
  IdMemory memory{1'000'000};
  std::map<EnvelopeId, std::uint32_t> twin;
  std::uint32_t now = 0;
  for (int step = 0; step < 20'000; ++step) {
    const EnvelopeId id{{1 + random.below(3)}, 1 + random.below(500)};
    const auto record = memory.find(id);
    const auto found = twin.find(id);
    if (record == nullptr) {
      if (found != twin.end()) REQUIRE(found->second <= now);  // forgotten, and it was time
      const std::uint32_t forget_at = now + 1 + static_cast<std::uint32_t>(random.below(20));
      remember(memory, id, forget_at);
      twin[id] = forget_at;
    } else {
      REQUIRE(found != twin.end());
      REQUIRE(record->forget_at == found->second);
    }
    if (step % 50 == 0) {
      ++now;
      REQUIRE(memory.forget(at(std::chrono::seconds{now})) == 0);
    }
  }
}
