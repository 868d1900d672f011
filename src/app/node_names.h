// Where the core's view comes from: the name service, or the fixed list of --peers.
#pragma once

#include <optional>
#include <vector>

#include "app/config.h"
#include "core/peer.h"
#include "core/random.h"
#include "http/backend.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "observe/metrics.h"
#include "observe/node_events.h"

namespace podring {

class NodeNames {
 public:
  NodeNames(Loop& loop, const Config& config, std::uint64_t jitter_seed);

  /// Gives the core its fixed view; nothing with a name service.
  void start(Now now, Peer& peer);
  /// Each turn. What is returned is for the log: the outcome differs from the one before.
  [[nodiscard]] std::optional<observe::NamesAnswered> on_tick(Now now, Peer& peer);
  [[nodiscard]] TimePoint next_deadline() const;

  /// There was an answer, be it that nobody is ready.
  [[nodiscard]] bool answered() const { return !resolver_ || resolver_->last_known() != nullptr; }
  /// Any one of the peers, as a client of the service would pick it; may be this one.
  [[nodiscard]] std::optional<Address> pick();
  [[nodiscard]] http::DnsView view(TimePoint now) const;
  [[nodiscard]] observe::NamesMetrics metrics(TimePoint now) const;

 private:
  std::vector<Address> fixed_;
  SplitMix random_;
  std::optional<Resolver> resolver_;  // nullopt: fixed
  std::optional<NameAnswer::Outcome> told_;
};

}  // namespace podring
