// POST /broadcast: a message or a request for the program of every pod of the view, and a line for
// each pod that says what its program said.
//
// One lap is seeded and its end waited for; then what the receipt tells is compared with the view.
// While a pod is missing (it came later, was passed over, or its program was away) and there is
// time, another lap with the same key follows; a peer whose program said yes to the key says so
// again without asking. A pod that joins after the last comparison is not missed: it started later.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "http/backend.h"
#include "http/message.h"
#include "http/seed_body.h"
#include "http/stats.h"

namespace podring::http {

class Broadcasting {
 public:
  struct Limits {
    std::size_t waiting = 16;  ///< with the requests that wait for safe or completed
    std::chrono::milliseconds loop_timeout{1'000};
    std::chrono::milliseconds pause_first{100};  ///< between laps; doubles
    std::chrono::milliseconds pause_max{2'000};
  };
  Broadcasting(Backend& backend, Stats& stats, const Limits& limits, std::function<bool()> stop)
      : backend_{backend}, stats_{stats}, limits_{limits}, stop_{std::move(stop)} {}

  /// Thread-safe; waits as long as the request asks.
  [[nodiscard]] Reply post(const Request& request);

 private:
  using Clock = std::chrono::steady_clock;
  /// What is known of one pod, by name.
  struct Pod {
    std::optional<Address> address;    ///< in the view now
    std::optional<VisitRecord> visit;  ///< the best that was told
  };
  struct Run {
    SeedBody body;
    Clock::time_point until;
    std::map<std::string, Pod> pods;
    std::vector<Address> nameless;  ///< of the view: nothing is known but the address
    std::vector<EnvelopeId> ids;
    std::uint32_t answers_omitted = 0;
    std::string trouble;           ///< why the last lap told nothing
    std::optional<Reply> refusal;  ///< of the last lap
  };
  void seed_lap(Run& run);
  void look_at_view(Run& run) const;
  void take(Run& run, const SeedEnd& end) const;
  [[nodiscard]] static bool is_settled(const Run& run);
  void rest(std::chrono::milliseconds pause, Clock::time_point until) const;
  [[nodiscard]] static Reply answer(const Run& run);

  Backend& backend_;
  Stats& stats_;
  const Limits limits_;
  const std::function<bool()> stop_;
};

}  // namespace podring::http
