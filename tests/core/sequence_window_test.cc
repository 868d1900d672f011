// The window of sequence numbers against a deque.
#include "core/sequence_window.h"

#include <deque>

#include "core/random.h"
#include "support/catch.h"

using podring::SequenceWindow;

TEST_CASE("an empty window may begin anywhere", "[window]") {
  SequenceWindow<int> window;
  CHECK(window.empty());
  CHECK_FALSE(window.contains(0));
  window.advance_to(1'000'000'007);
  window.push() = 4;
  CHECK(window.base() == 1'000'000'007);
  CHECK(window.at(1'000'000'007) == 4);
}

TEST_CASE("advance_to never goes back and never past the end of what is there", "[window]") {
  SequenceWindow<int> window;
  for (int i = 0; i < 10; ++i) window.push() = i;
  window.advance_to(4);
  window.advance_to(2);
  CHECK(window.base() == 4);
  window.advance_to(50);
  CHECK(window.empty());
  CHECK(window.end() == 50);
}

TEST_CASE("the window agrees with a deque under random use", "[window]") {
  podring::SplitMix random{9};
  SequenceWindow<std::uint64_t> window;
  std::deque<std::uint64_t> twin;
  std::uint64_t base = 0;
  for (int step = 0; step < 50'000; ++step) {
    if (random.below(100) < 52 || twin.empty()) {
      const std::uint64_t value = random.next();
      window.push() = value;
      twin.push_back(value);
    } else {
      window.pop();
      twin.pop_front();
      ++base;
    }
    REQUIRE(window.base() == base);
    REQUIRE(window.size() == twin.size());
    if (!twin.empty()) {
      const std::uint64_t offset = random.below(twin.size());
      REQUIRE(window.at(base + offset) == twin[offset]);
    }
    REQUIRE_FALSE(window.contains(base + twin.size()));
  }
}
