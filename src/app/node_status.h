// What this peer knows of everybody, for those who look: by way of its neighbours (core/
// status_exchange.h), beside what it sees of its own links.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "core/status_exchange.h"
#include "http/backend.h"
#include "observe/metrics.h"

namespace podring {

class NodeStatus {
 public:
  NodeStatus(Identity self, TimePoint started_at);

  [[nodiscard]] StatusExchange& exchange() { return exchange_; }
  /// Adds what others told to what this peer sees of its own links, and says of each peer the
  /// worst that anybody knows.
  void describe(Now now, http::RingView& view);
  [[nodiscard]] observe::StatusMetrics metrics(Now now, std::span<const Address> view) const;
  /// Peers that were left out at the table's bound since the last call.
  [[nodiscard]] std::uint64_t take_left_out();

 private:
  StatusExchange exchange_;
  std::map<Address, TimePoint> suspected_since_;  // of those that are suspected now
  std::uint64_t left_out_told_ = 0;
};

}  // namespace podring
