// POST /messages: from the request's body to a seed in the loop's hands, and its fate as an answer.
#pragma once

#include <chrono>
#include <functional>

#include "http/backend.h"
#include "http/key_table.h"
#include "http/message.h"
#include "http/seed_body.h"
#include "http/stats.h"

namespace podring::http {

/// Its media type is application/json.
[[nodiscard]] bool is_json_request(const Request& request);
[[nodiscard]] Reply not_json_reply();  ///< 415
/// What a client is told when the core has refused its seed.
[[nodiscard]] Reply refusal_reply(const SeedTicket& ticket);

class Seeding {
 public:
  struct Limits {
    std::size_t waiting = 16;  ///< requests that wait for safe or completed
    std::chrono::milliseconds loop_timeout{1'000};
    KeyTable::Limits keys{};
  };

  Seeding(Backend& backend, Stats& stats, const Limits& limits, std::function<bool()> stop)
      : backend_{backend},
        stats_{stats},
        limits_{limits},
        stop_{std::move(stop)},
        keys_{limits.keys} {}

  /// Thread-safe; waits as long as the request asks.
  [[nodiscard]] Reply post(const Request& request);

 private:
  struct Posted {
    std::shared_ptr<SeedTicket> ticket;
    bool repeated = false;  ///< an earlier request with the same key has seeded
  };
  [[nodiscard]] Posted post_seed(const SeedBody& body);
  void forget_key(const SeedBody& body, const Posted& posted);
  [[nodiscard]] Reply answer(const SeedBody& body, const Posted& posted);

  Backend& backend_;
  Stats& stats_;
  const Limits limits_;
  const std::function<bool()> stop_;
  KeyTable keys_;
};

}  // namespace podring::http
