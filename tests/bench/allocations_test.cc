// The core never allocates per hop in proportion to the trace: appending a name and handing on asks
// operator new as often at hop 1,000 as at hop 10.
#include "bench/allocations.h"

#include "bench/memory_ring.h"
#include "core/custody_table.h"
#include "support/catch.h"

using namespace podring;  // NOLINT(google-build-using-namespace): the subject is the namespace
using namespace podring::bench;  // NOLINT(google-build-using-namespace)

namespace {

struct Spent {
  std::uint64_t hops = 0;
  std::uint64_t allocations = 0;
};

/// Queues are std::deques of 512-byte blocks: 128 hand-overs at each peer take exactly one block
/// each.
constexpr std::uint64_t kHops = 3 * 128;

/// What the hops from `from` on, kHops of them, of one lone envelope cost.
Spent spent(std::uint8_t copies, std::uint64_t from) {
  Settings settings;
  settings.copies = copies;
  settings.report_visits = false;
  settings.ack_every = Duration::zero();  // else one ack more or fewer falls into what is counted
  MemoryRing ring{3, settings};
  // Some that go as far first, so that every buffer has grown: what is left is paid at each hop.
  const auto go = [&](std::uint64_t hops) {
    const std::uint64_t until = ring.hops() + hops;
    while (ring.hops() < until) ring.turn();
  };
  for (std::uint64_t i = 1; i <= 3; ++i) {
    REQUIRE(ring.seed(0, std::string(256, 'x'), 2000).error == SeedError::none);
    while (ring.sum(&Counters::completed) < i) ring.turn();
  }
  REQUIRE(ring.seed(0, std::string(256, 'x'), 2000).error == SeedError::none);
  go(from);
  const std::uint64_t before = ring.hops();
  const Allocations allocated = allocations();
  go(kHops);
  return {ring.hops() - before, (allocations() - allocated).count};
}

}  // namespace

TEST_CASE("allocations per hop are equal at hop 10 and at hop 1,000", "[bench][core]") {
  const auto copies = static_cast<std::uint8_t>(GENERATE(1, 2, 3));
  INFO("copies " << int{copies});
  const Spent early = spent(copies, 10);
  const Spent late = spent(copies, 1000);
  REQUIRE(early.hops == kHops);
  REQUIRE(late.hops == kHops);
  CHECK(late.allocations == early.allocations);
  CHECK(early.allocations > 0);  // a frame at least: the counter counts
}

TEST_CASE("a burst of large envelopes does not keep its memory", "[bench][core]") {
  CustodyTable custody;
  const std::uint64_t before = bytes_alive();
  std::vector<std::uint32_t> taken;
  for (int i = 0; i < 400; ++i) {
    taken.push_back(custody.take());
    custody[taken.back()].envelope.tail.assign(kEnvelopeBytesMax, 'x');
  }
  CHECK(bytes_alive() - before > 400 * kEnvelopeBytesMax);
  for (const std::uint32_t index : taken) custody.give_back(index);
  CHECK(bytes_alive() - before < CustodyTable::kKeptBytesMax + 2 * kEnvelopeBytesMax);
  // And what is kept is used again.
  const Allocations allocated = allocations();
  custody[custody.take()].envelope.tail.assign(1000, 'x');
  CHECK((allocations() - allocated).count == 0);
}
