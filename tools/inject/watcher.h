// What a run shows while it goes on, and whether it may.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace podring::inject {

struct Standing {
  std::uint64_t ended = 0;   ///< messages whose fate is known
  std::uint64_t failed = 0;  ///< of them, those that did not reach the stage
  std::uint64_t count = 0;
  std::uint64_t in_flight = 0;
};

class Watcher {
 public:
  virtual ~Watcher() = default;
  /// False: stop as soon as possible. Called several times a second.
  [[nodiscard]] virtual bool go_on(TimePoint now, const Standing& standing) = 0;
};

}  // namespace podring::inject
