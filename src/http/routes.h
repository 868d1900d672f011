// What each path of the two ports answers. No socket here: requests and replies are plain values.
#pragma once

#include <chrono>
#include <functional>

#include "http/backend.h"
#include "http/broadcasting.h"
#include "http/message.h"
#include "http/seeding.h"
#include "http/stats.h"

namespace podring::http {

struct RouteLimits {
  std::size_t streams = 8;
  std::chrono::milliseconds heartbeat{10'000};
  std::chrono::milliseconds loop_stalled{10'000};
  Seeding::Limits seeding{};
  bool broadcast = false;  ///< POST /broadcast is open to everybody who reaches the port
};

enum class Caller : std::uint8_t { anybody, program };  ///< `program`: by the application port

/// The front port. Thread-safe.
class FrontRoutes {
 public:
  FrontRoutes(Backend& backend, Stats& stats, const RouteLimits& limits,
              const std::function<bool()>& stop)
      : backend_{backend},
        stats_{stats},
        limits_{limits},
        seeding_{backend, stats, limits.seeding, stop},
        broadcasting_{backend, stats, {limits.seeding.waiting, limits.seeding.loop_timeout}, stop} {
  }

  [[nodiscard]] Reply handle(const Request& request, Caller caller = Caller::anybody);

 private:
  [[nodiscard]] Reply get_messages(const Request& request) const;
  [[nodiscard]] Reply get_message(std::string_view id) const;
  [[nodiscard]] Reply get_ring() const;
  [[nodiscard]] Reply get_events(const Request& request);

  Backend& backend_;
  Stats& stats_;
  const RouteLimits limits_;
  Seeding seeding_;
  Broadcasting broadcasting_;
};

/// The admin port. Thread-safe; nothing here waits for the loop.
class AdminRoutes {
 public:
  using Loads = std::function<std::pair<ServerLoad, ServerLoad>()>;  ///< front, admin

  AdminRoutes(const Backend& backend, const Stats& stats, std::chrono::milliseconds loop_stalled,
              Loads loads)
      : backend_{backend}, stats_{stats}, loop_stalled_{loop_stalled}, loads_{std::move(loads)} {}

  [[nodiscard]] Reply handle(const Request& request) const;

 private:
  [[nodiscard]] Reply get_healthz() const;
  [[nodiscard]] Reply get_readyz() const;
  [[nodiscard]] Reply get_metrics() const;

  const Backend& backend_;
  const Stats& stats_;
  const std::chrono::milliseconds loop_stalled_;
  const Loads loads_;
};

}  // namespace podring::http
