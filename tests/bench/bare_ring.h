// The rings that podring is set beside: processes that hand on messages, and nothing more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/hop_times.h"
#include "e2e/support/process.h"

namespace podring::bench {

enum class BareKind : std::uint8_t {
  zmq,           ///< bench_bare_peer
  udp,           ///< bench_bare_udp, every message a datagram of its own to the kernel
  udp_segments,  ///< with segmentation offload
};
[[nodiscard]] const char* name_of(BareKind kind);

class BareRing {
 public:
  /// Throws std::runtime_error when a process does not start.
  BareRing(BareKind kind, std::size_t peers, std::size_t in_flight, std::size_t bytes);
  [[nodiscard]] double cpu_seconds();
  /// Since the last call.
  [[nodiscard]] HopTimes hop_times();

 private:
  std::vector<std::unique_ptr<e2e::Process>> peers_;
  std::size_t asked_ = 0;
};

}  // namespace podring::bench
