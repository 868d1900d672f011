// One ring of very many peers in calm weather, with one death in it: shows that nothing grows with
// the ring's size that should not, and what a hop costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "support/sim_net.h"

namespace podring::sim {

struct LongRingOptions {
  int peers = 1000;
  std::uint64_t hops = 200'000;      ///< of all messages together, at least
  std::uint64_t messages_min = 200;  ///< so that the pings of idle peers are not what is measured
};

struct LongRingResult {
  std::optional<Failure> failure;
  std::uint64_t messages = 0;
  std::uint64_t hops = 0;
  double formed_cpu_s = 0;  ///< CPU seconds until every peer had its successor
  double cpu_ns_per_turn = 0;
  double cpu_ns_per_hop = 0;     ///< core and simulator together
  std::uint64_t links_most = 0;  ///< of any one peer
};

/// Every message goes round once, from origins spread over the ring; the peer in the middle of the
/// ring dies while they are under way. Fails unless every one of them ends exactly once.
[[nodiscard]] LongRingResult run_long_ring(const LongRingOptions& options);

}  // namespace podring::sim
