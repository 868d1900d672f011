// What HTTP threads see of the node: snapshots that the loop publishes, and commands posted to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/backend.h"
#include "net/loop.h"
#include "observe/feed.h"
#include "observe/metrics.h"
#include "observe/recents.h"

namespace podring {

class NodeBackend final : public http::Backend {
 public:
  /// What the loop does with what is posted, on the loop thread.
  struct Commands {
    std::function<void(const http::SeedOrder&, const std::shared_ptr<http::SeedTicket>&)> seed;
    std::function<void(std::string what, std::uint64_t count)> shed;
  };
  NodeBackend(Loop& loop, const observe::Recents& recents, observe::Feed& feed, Commands commands);

  // Loop thread.
  void publish(std::shared_ptr<const http::RingView> ring,
               std::shared_ptr<const observe::MetricsSnapshot> metrics);
  void set_readiness(http::Readiness readiness);
  void turned(TimePoint now) { turned_.store(now, std::memory_order_relaxed); }

  // Any thread.
  void seed(const http::SeedOrder& order, std::shared_ptr<http::SeedTicket> ticket) override;
  [[nodiscard]] std::shared_ptr<const http::RingView> ring() const override;
  [[nodiscard]] std::vector<http::MessageView> messages(std::size_t limit) const override;
  [[nodiscard]] std::optional<http::MessageView> message(EnvelopeId id) const override;
  [[nodiscard]] http::FeedSnapshot feed_snapshot() const override;
  [[nodiscard]] http::FeedBatch feed_after(std::uint64_t after, std::size_t max,
                                           std::chrono::milliseconds wait) const override;
  [[nodiscard]] http::Health health() const override;
  [[nodiscard]] http::Readiness readiness() const override;
  [[nodiscard]] std::string metrics_text() const override;
  void http_shed(std::string_view what, std::uint64_t count) override;

 private:
  Loop& loop_;
  const observe::Recents& recents_;
  observe::Feed& feed_;
  const Commands commands_;
  std::atomic<TimePoint> turned_;
  mutable std::mutex mutex_;  // guards all below
  std::shared_ptr<const http::RingView> ring_;
  std::shared_ptr<const observe::MetricsSnapshot> metrics_;
  http::Readiness readiness_;
};

}  // namespace podring
