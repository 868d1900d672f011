// What the front end did and what it turned away, counted by every HTTP thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace podring::http {

/// One server's numbers at one moment.
struct ServerLoad {
  std::uint64_t threads_busy = 0;
  std::uint64_t connections_queued = 0;
};

class Stats {
 public:
  /// Statuses that are counted apart; anything else counts as the last one, 500.
  static constexpr std::array kStatuses{200, 202, 204, 400, 404, 405, 408, 411, 413,
                                        415, 417, 429, 431, 501, 503, 504, 500};

  void answered(int status);

  // Turned away at a bound; all since start.
  std::atomic<std::uint64_t> connections_refused{0};  ///< beyond the queue; answered 503
  std::atomic<std::uint64_t> requests_timed_out{0};   ///< not complete in time; 408 or just closed
  std::atomic<std::uint64_t> waiting_refused{0};      ///< 429: enough requests wait
  std::atomic<std::uint64_t> streams_refused{0};      ///< 503: enough event streams are open
  std::atomic<std::uint64_t> streams_cut{0};          ///< their reader was too slow
  std::atomic<std::uint64_t> replies_cut{0};          ///< the same, of any other answer
  std::atomic<std::uint64_t> keys_forgotten{0};       ///< before their 10 minutes, at a bound
  std::atomic<std::uint64_t> loop_timeouts{0};  ///< 503: the loop did not begin a seed in time
  std::atomic<std::uint64_t> failures{0};       ///< 500, or just closed: an error of ours
  // Present.
  std::atomic<std::uint64_t> waiting{0};
  std::atomic<std::uint64_t> streams{0};

  /// The bounds above by name, for log lines and metrics.
  [[nodiscard]] std::array<std::pair<std::string_view, std::uint64_t>, 9> sheds() const;
  /// Prometheus text of the `podring_http_*` families.
  [[nodiscard]] std::string metrics_text(ServerLoad front, ServerLoad admin) const;

 private:
  std::array<std::atomic<std::uint64_t>, kStatuses.size()> answers_{};
};

/// Counts one in while it lives, if there is room below `max`.
class Pass {
 public:
  Pass(std::atomic<std::uint64_t>& taken, std::uint64_t max) : taken_{taken} {
    auto seen = taken_.load();
    while (seen < max && !taken_.compare_exchange_weak(seen, seen + 1)) {
    }
    granted_ = seen < max;
  }
  ~Pass() {
    if (granted_) {
      taken_.fetch_sub(1);
    }
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  [[nodiscard]] bool granted() const { return granted_; }

 private:
  std::atomic<std::uint64_t>& taken_;
  bool granted_ = false;
};

}  // namespace podring::http
