// Seeds that came by HTTP: what becomes of each is told to its ticket, and not before the log line
// that says the same is written. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "core/peer.h"
#include "http/backend.h"
#include "observe/node_events.h"

namespace podring {

class NodeSeeds {
 public:
  /// Ids that are followed at one time; beyond it the oldest are forgotten: who waits for them is
  /// answered 504, and the ring goes on with them.
  static constexpr std::size_t kFollowedMax = 65'536;

  void seed(Now now, Peer& peer, const http::SeedOrder& order,
            const std::shared_ptr<http::SeedTicket>& ticket);
  void note(const Event& event);
  /// What the program of this pod said at hop 0, which no envelope carries.
  void note(const observe::ProgramAnswered& answered);
  /// All lines with log tickets up to this one are written.
  void on_logged(LogTicket up_to);
  /// Live ones that were forgotten at the bound, since the last call.
  [[nodiscard]] std::uint64_t take_forgotten() { return std::exchange(forgotten_, 0); }

 private:
  struct News {
    LogTicket after = 0;
    EnvelopeId id;
    http::SeedEnd end;  ///< End::none: it is safe
  };
  struct Followed {
    std::weak_ptr<http::SeedTicket> ticket;
    bool receipt = false;  ///< its end is told here
    std::optional<VisitOutcome> at_origin;
  };
  void follow(EnvelopeId first, std::uint32_t count,
              const std::shared_ptr<http::SeedTicket>& ticket, bool receipt);
  void tell(News&& news);

  std::map<std::uint64_t, Followed> followed_;  // by counter of an own id
  std::deque<News> news_;                       // oldest first
  LogTicket last_ticket_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace podring
