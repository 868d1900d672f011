// One run of the simulator: a ring, a storm of faults drawn from one number, then calm weather in
// which everything must end and the ring must be whole again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "support/sim_net.h"

namespace podring::sim {

enum class Size : std::uint8_t {
  small,  ///< 2 to 7 peers
  large,  ///< 8 to 40 peers, more seeds
};

struct ScenarioOptions {
  std::uint64_t number = 1;
  Size size = Size::small;
  std::function<void(const std::string&)> trace;
};

struct ScenarioResult {
  std::optional<Failure> failure;
  TimePoint ended_at;  ///< virtual
  std::uint64_t turns = 0;
  std::uint64_t ids = 0;
  std::uint64_t confirmed = 0;
  std::uint64_t excused = 0;  ///< as many failures at the same moment as make a loss allowed
  std::uint64_t deaths = 0;
  std::uint64_t visits = 0;
  std::uint64_t lane_frames = 0;  ///< taken by datagram lanes
};

[[nodiscard]] ScenarioResult run_scenario(const ScenarioOptions& options);

}  // namespace podring::sim
