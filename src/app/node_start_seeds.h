// The seeds that every pod sends to its own service on start, as any client would: it picks one
// address of the service's answer, says hello there as a client, and seeds.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "app/config.h"
#include "core/types.h"
#include "net/loop.h"
#include "net/seed_client.h"
#include "observe/node_events.h"

namespace podring {

class NodeStartSeeds {
 public:
  static constexpr Duration kWaitMax = std::chrono::seconds{30};  ///< for the view to settle
  static constexpr Duration kTryEvery = std::chrono::seconds{1};
  static constexpr unsigned kTriesMax = 10;  ///< peers that refuse or cannot be reached

  NodeStartSeeds(Loop& loop, zmq::context_t& context, const Config& config, BootId client_boot,
                 TimePoint now);
  ~NodeStartSeeds();

  /// Each turn. `settled`: the view is stable, with another healthy peer. `pick`: an address of the
  /// service's answer; without one it is the own address. What is returned is for the log, once.
  [[nodiscard]] std::optional<observe::StartSeeds> on_tick(
      TimePoint now, bool settled, const std::function<std::optional<Address>()>& pick);
  [[nodiscard]] TimePoint next_deadline() const;
  void give_up();  ///< this peer leaves
  [[nodiscard]] bool done() const { return state_ == State::done; }

 private:
  enum class State : std::uint8_t { waiting, pausing, seeding, done };
  void try_at(TimePoint now, Address to);
  [[nodiscard]] std::optional<observe::StartSeeds> failed(TimePoint now, const std::string& why);
  [[nodiscard]] std::optional<observe::StartSeeds> finish(std::string error);
  void hang_up();
  void watch();
  void unwatch();

  Loop& loop_;
  const Address own_;
  const std::uint16_t port_;
  const std::uint32_t count_;
  SeedClient client_;
  std::uint64_t sockets_ = 0;  // SeedClient::sockets_made() when they were watched
  State state_ = State::waiting;
  TimePoint next_at_;  // waiting, pausing: go on then
  unsigned tries_ = 0;
  Address to_;
  std::uint32_t safe_ = 0;
  std::array<int, 2> watched_{-1, -1};
};

}  // namespace podring
