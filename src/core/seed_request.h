// A message that somebody puts into the ring here, and the answer whether it was taken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/annotations.h"
#include "core/types.h"

namespace podring {

/// One message, or the same one several times.
struct SeedRequest {
  std::string message;
  std::uint32_t count = 1;  ///< 1..1000, all or none
  std::optional<std::uint32_t> hops;
  std::optional<std::uint32_t> laps;  ///< not together with hops
  std::optional<Duration> ttl;
  bool receipt = false;  ///< somebody waits for `completed`
  SenderAnnotations annotations;
  Address sender;  ///< who seeded; the own address for start-up seeds
};
enum class SeedError : std::uint8_t { none, ring_full, leaving, too_large, bad_request };
struct SeedResult {
  SeedError error = SeedError::none;
  std::string reason;  ///< a sentence for the client when refused
  EnvelopeId first;    ///< ids first.counter .. first.counter + count - 1
};

}  // namespace podring
