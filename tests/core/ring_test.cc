// Design, "Membership" and "Laps and duplicates": the ring, compared with a dumb twin.
#include "core/ring.h"

#include <algorithm>
#include <set>

#include "core/random.h"
#include "support/catch.h"

using podring::Address, podring::Ring, podring::passes;

namespace {

Address at(std::uint32_t number) { return Address::v4(number); }

/// Walks upward one address at a time and looks whether it meets `o`.
bool passes_by_walking(std::uint32_t x, std::uint32_t y, std::uint32_t o, std::uint32_t size) {
  std::uint32_t step = x;
  do {
    step = (step + 1) % size;
    if (step == o) return true;
  } while (step != y);
  return false;
}

}  // namespace

TEST_CASE("the ring wraps round", "[ring]") {
  const std::vector<Address> others{at(30), at(10), at(20)};
  const Ring ring{at(15), others};
  CHECK(ring.members() == std::vector<Address>{at(10), at(15), at(20), at(30)});
  CHECK(ring.next(at(15)) == at(20));
  CHECK(ring.next(at(30)) == at(10));
  CHECK(ring.previous(at(10)) == at(30));
  CHECK(ring.next(at(16)) == at(20));  // need not be a member
}

TEST_CASE("one's own address is always in the view, once", "[ring]") {
  const std::vector<Address> others{at(10), at(10), at(5)};
  CHECK(Ring{at(10), others}.size() == 2);
  CHECK(Ring{at(10), {}}.next(at(10)) == at(10));
  CHECK(Ring{at(10), {}}.previous(at(10)) == at(10));
}

TEST_CASE("next and previous agree with a sorted set", "[ring]") {
  podring::SplitMix random{3};
  for (int round = 0; round < 300; ++round) {
    std::set<Address> twin;
    std::vector<Address> others;
    const Address self = at(static_cast<std::uint32_t>(random.below(60)));
    twin.insert(self);
    for (std::uint64_t i = random.below(20); i > 0; --i) {
      others.push_back(at(static_cast<std::uint32_t>(random.below(60))));
      twin.insert(others.back());
    }
    const Ring ring{self, others};
    REQUIRE(std::equal(twin.begin(), twin.end(), ring.members().begin(), ring.members().end()));
    for (std::uint32_t number = 0; number < 60; ++number) {
      const auto above = twin.upper_bound(at(number));
      CHECK(ring.next(at(number)) == (above == twin.end() ? *twin.begin() : *above));
      const auto from = twin.lower_bound(at(number));
      CHECK(ring.previous(at(number)) ==
            (from == twin.begin() ? *twin.rbegin() : *std::prev(from)));
      CHECK(ring.contains(at(number)) == twin.contains(at(number)));
    }
  }
}

TEST_CASE("passes() is walking upward one address at a time", "[ring]") {
  constexpr std::uint32_t kSize = 7;
  for (std::uint32_t x = 0; x < kSize; ++x) {
    for (std::uint32_t y = 0; y < kSize; ++y) {
      for (std::uint32_t o = 0; o < kSize; ++o) {
        INFO(x << " to " << y << " past " << o);
        CHECK(passes(at(x), at(y), at(o)) == passes_by_walking(x, y, o, kSize));
      }
    }
  }
}

TEST_CASE("a whole lap passes every origin exactly once, whoever is skipped", "[ring]") {
  podring::SplitMix random{11};
  for (int round = 0; round < 500; ++round) {
    std::set<std::uint32_t> stops;
    while (stops.size() < 1 + random.below(6)) {
      stops.insert(static_cast<std::uint32_t>(random.below(20)));
    }
    const std::vector<std::uint32_t> way(stops.begin(), stops.end());
    const Address origin = at(static_cast<std::uint32_t>(random.below(20)));
    int laps = 0;
    for (std::size_t i = 0; i < way.size(); ++i) {
      laps += passes(at(way[i]), at(way[(i + 1) % way.size()]), origin) ? 1 : 0;
    }
    CHECK(laps == 1);
  }
}

TEST_CASE("the digest tells views apart and forgets the order they came in", "[ring]") {
  const std::vector<Address> one{at(1), at(2), at(3)};
  const std::vector<Address> other{at(3), at(1), at(2)};
  const std::vector<Address> fewer{at(1), at(2)};
  CHECK(Ring{at(9), one}.digest() == Ring{at(9), other}.digest());
  CHECK(Ring{at(9), one}.digest() ==
        Ring{at(1), std::vector<Address>{at(2), at(3), at(9)}}.digest());
  CHECK(Ring{at(9), one}.digest() != Ring{at(9), fewer}.digest());
}
