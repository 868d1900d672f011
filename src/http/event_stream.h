// GET /events: server-sent events, a snapshot first. Event ids are `<boot>:<n>`, so that a
// Last-Event-ID of another pod or another start is told from one's own.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/backend.h"
#include "http/message.h"

namespace podring::http {

class EventStream {
 public:
  using Clock = std::chrono::steady_clock;

  struct Times {
    std::chrono::milliseconds heartbeat{10'000};  ///< after so long without a word
    std::chrono::milliseconds look{250};          ///< how often the outlet is looked at
  };

  EventStream(const Backend& backend, const Times& times) : backend_{backend}, times_{times} {}

  /// Writes until the outlet closes.
  void run(Outlet& outlet, std::string_view last_event_id);

 private:
  /// The number to go on after, when the feed still has what follows it.
  [[nodiscard]] std::optional<std::uint64_t> resume_at(std::string_view last_event_id) const;
  bool write(std::string_view text);
  bool write_snapshot();
  bool write_items(const FeedBatch& batch);
  bool write_ring_if_news();

  const Backend& backend_;
  const Times times_;
  Outlet* outlet_ = nullptr;
  std::string boot_;
  std::uint64_t after_ = 0;
  std::shared_ptr<const RingView> ring_told_;
  Clock::time_point ring_told_at_{};
  Clock::time_point written_at_{};
};

}  // namespace podring::http
