// What the core costs a hop, in CPU time: a ring of 3 core::Peers in memory, no sockets, no log.
//
//   bench_core            five runs of each
//   bench_core --smoke    one short run, to see that it works
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "bench/allocations.h"
#include "bench/figures.h"
#include "bench/memory_ring.h"

namespace {

using namespace podring;         // NOLINT(google-build-using-namespace): main() of this program
using namespace podring::bench;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kMessageBytes = 256;

/// Of this thread, so that a busy machine does not count.
double cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

struct Run {
  double ns_per_hop = 0;
  double allocations_per_hop = 0;
};

/// Keeps `in_flight` envelopes of `hops` hops going, for at least `wanted` hops.
Run run(std::uint8_t copies, std::size_t in_flight, std::uint32_t hops, std::uint64_t wanted) {
  Settings settings;
  settings.copies = copies;
  settings.report_visits = false;
  settings.queue = 4096;
  MemoryRing ring{3, settings};
  const std::string message(kMessageBytes, 'x');
  const auto fill = [&] {
    const std::uint64_t going =
        ring.sum(&Counters::seeds_accepted) - ring.sum(&Counters::completed);
    for (std::size_t i = going; i < in_flight; ++i) {
      if (ring.seed(i % ring.size(), message, hops).error != SeedError::none) return;
    }
  };
  std::uint64_t turns = 0;
  const auto go_to = [&](std::uint64_t count) {
    while (ring.hops() < count) {
      fill();
      ring.turn();
      if (++turns % 1000 == 0) ring.tick();  // every 10 ms of the ring's time
    }
  };
  go_to(wanted / 4);
  const std::uint64_t before = ring.hops();
  const Allocations allocated = allocations();
  const double begin = cpu_ns();
  go_to(before + wanted);
  const double ns = cpu_ns() - begin;
  const auto made = static_cast<double>(ring.hops() - before);
  return {ns / made, static_cast<double>((allocations() - allocated).count) / made};
}

}  // namespace

int main(int argc, char** argv) {
  const bool smoke = argc == 2 && std::strcmp(argv[1], "--smoke") == 0;
  if (argc > 1 && !smoke) {
    std::fprintf(stderr, "bench_core: it takes no arguments, or --smoke to see that it works\n");
    return 2;
  }
  const int runs = smoke ? 1 : 5;
  const std::uint64_t wanted = smoke ? 20'000 : 2'000'000;
  print_head();
  const auto measure = [&](const std::string& what, std::uint8_t copies, std::size_t in_flight,
                           std::uint32_t hops, std::uint64_t count) {
    std::vector<double> ns;
    std::vector<double> allocated;
    for (int i = 0; i < runs; ++i) {
      const Run one = run(copies, in_flight, hops, count);
      ns.push_back(one.ns_per_hop);
      allocated.push_back(one.allocations_per_hop);
    }
    print(what, ns, "ns a hop");
    print("", allocated, "allocations a hop");
  };
  for (const int copies : {1, 2, 3})
    measure("copies " + std::to_string(copies) + ", 1,000 in flight, 10 hops",
            static_cast<std::uint8_t>(copies), 1000, 10, wanted);
  measure("copies 2, 1,000 in flight, 100 hops", 2, 1000, 100, wanted);
  measure("copies 2, 1,000 in flight, 1,000 hops", 2, 1000, 1000, wanted / 4);
  measure("copies 2, 1 in flight, 10 hops", 2, 1, 10, wanted / 10);
  return 0;
}
