// A Backend whose answers the test sets. Seeds are answered at once, inside seed(), or kept for the
// test to tell what becomes of them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "http/backend.h"

namespace podring::http {

class FakeBackend : public Backend {
 public:
  enum class Fate : std::uint8_t {
    completed,       ///< accepted, safe, completed with a trace
    expired,         ///< accepted, safe, expired
    expired_unsafe,  ///< accepted, expired
    safe,            ///< accepted, safe
    accepted,        ///< accepted and no more
    kept,            ///< nothing: in `kept()` for the test
    begun,           ///< begin() and no more
    delivered,       ///< completed, and each pod of the ring has said yes
    refused_there,   ///< completed, and each pod of the ring has said no
    ring_full,
    leaving,
    too_large,
    bad_request,
  };

  FakeBackend();

  // What the test sets and asks.
  void set_fate(Fate fate) { fate_ = fate; }
  void set_ring(RingView ring);
  void change_ring(const std::function<void(RingView&)>& change);
  void add_message(MessageView message);
  void add_event(const std::string& type, const std::string& json);
  void forget_events();  ///< as a feed does at its bound
  void set_loop_idle(std::chrono::milliseconds idle) { loop_idle_ms_ = idle.count(); }
  void set_ready(bool ready) { ready_ = ready; }
  void set_throwing(bool throwing) { throwing_ = throwing; }
  [[nodiscard]] std::vector<SeedOrder> orders() const;
  [[nodiscard]] std::vector<std::shared_ptr<SeedTicket>> kept() const;
  /// Waits until seed() was called so often in all.
  [[nodiscard]] bool wait_for_orders(std::size_t count) const;
  [[nodiscard]] std::map<std::string, std::uint64_t> sheds() const;
  /// Waits until `what` was told.
  [[nodiscard]] bool wait_for_shed(const std::string& what) const;
  void tell(SeedTicket& ticket, Fate fate, std::uint32_t count);

  // Backend.
  void seed(const SeedOrder& order, std::shared_ptr<SeedTicket> ticket) override;
  [[nodiscard]] std::shared_ptr<const RingView> ring() const override;
  [[nodiscard]] std::vector<MessageView> messages(std::size_t limit) const override;
  [[nodiscard]] std::optional<MessageView> message(EnvelopeId id) const override;
  [[nodiscard]] FeedSnapshot feed_snapshot() const override;
  [[nodiscard]] FeedBatch feed_after(std::uint64_t after, std::size_t max,
                                     std::chrono::milliseconds wait) const override;
  [[nodiscard]] Health health() const override;
  [[nodiscard]] Readiness readiness() const override;
  [[nodiscard]] std::string metrics_text() const override;
  void http_shed(std::string_view what, std::uint64_t count) override;

  static constexpr BootId kBoot{0x0123'4567'89ab'cdefULL};

 private:
  void fail_if_told() const;

  std::atomic<Fate> fate_{Fate::completed};
  std::atomic<std::int64_t> loop_idle_ms_{3};
  std::atomic<bool> ready_{true};
  std::atomic<bool> throwing_{false};

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::shared_ptr<const RingView> ring_;
  std::deque<MessageView> messages_;
  std::deque<FeedItem> items_;
  std::uint64_t last_number_ = 0;
  std::uint64_t counter_ = 0;
  std::vector<SeedOrder> orders_;
  std::vector<std::shared_ptr<SeedTicket>> kept_;
  std::map<std::string, std::uint64_t> sheds_;
};

}  // namespace podring::http
