// Keeps a number of envelopes going round a ring of podring processes, as three clients that each
// wait for the ends of what they seeded, and reads from the traces how long the hops took.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <zmq.hpp>

#include "bench/hop_times.h"
#include "net/loop.h"
#include "net/loop_clock.h"
#include "net/seed_client.h"

namespace podring::bench {

struct LoadOptions {
  std::vector<Address> peers;
  std::uint16_t port = 0;
  lane::RingKeys keys = {};
  std::size_t in_flight = 1000;  ///< in the whole ring
  std::size_t bytes = 256;
  std::uint32_t limit = 100;  ///< of each envelope
  LimitKind limit_kind = LimitKind::hops;
  std::uint32_t seeds_at_once = kSeedCountMax;  ///< all or none of them are taken
};

class RingLoad {
 public:
  explicit RingLoad(const LoadOptions& options);

  struct Done {
    std::uint64_t completed = 0;
    std::uint64_t refused = 0;  ///< seeds: the ring was full
    HopTimes hop_times;
  };
  /// Goes on for so long, and says what ended in that time. Throws std::runtime_error when a
  /// connection breaks or an envelope expires.
  [[nodiscard]] Done run_for(Duration time);

 private:
  struct Client {
    std::unique_ptr<SeedClient> seeds;
    std::size_t share = 0;  ///< of in_flight
    std::size_t in_flight = 0;
    TimePoint seed_at{};  ///< not before
    std::unordered_map<std::uint64_t, std::uint32_t> requests;
  };
  void turn(Client& client, Done& done);
  void take(Client& client, const SeedNews& news, Done& done);
  void fill(Client& client);

  LoadOptions options_;
  std::string message_;
  Loop loop_;
  LoopClock clock_;
  zmq::context_t context_;
  std::vector<Client> clients_;
};

}  // namespace podring::bench
