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
    std::chrono::milliseconds messages{1'000};    ///< how often messages are told whole
  };
  /// What the reader asked for in the query.
  struct Choices {
    /// Events about single messages per second; those beyond it are left out and counted in a
    /// `skipped` event. Neither set: all of them.
    std::optional<std::uint32_t> rate;
    /// So many of the latest messages are told whole, with the times of their traces, when there is
    /// news of them. 0: none.
    std::size_t messages = 0;
  };

  EventStream(const Backend& backend, const Times& times, const Choices& choices)
      : backend_{backend}, times_{times}, choices_{choices} {}

  /// Writes until the outlet closes.
  void run(Outlet& outlet, std::string_view last_event_id);

 private:
  /// The number to go on after, when the feed still has what follows it.
  [[nodiscard]] std::optional<std::uint64_t> resume_at(std::string_view last_event_id) const;
  bool write(std::string_view text);
  bool write_snapshot();
  bool write_items(const FeedBatch& batch);
  [[nodiscard]] bool may_tell(const FeedItem& item);
  bool write_skipped();
  bool write_ring_if_news();
  bool write_messages_if_news();

  const Backend& backend_;
  const Times times_;
  const Choices choices_;
  Outlet* outlet_ = nullptr;
  std::string boot_;
  std::uint64_t after_ = 0;
  std::shared_ptr<const RingView> ring_told_;
  Clock::time_point ring_told_at_{};
  Clock::time_point written_at_{};
  Clock::time_point second_from_{};   // of the rate
  std::uint32_t told_in_second_ = 0;  // against the rate
  std::uint64_t skipped_ = 0;         // not told of yet
  std::uint64_t skipped_visits_ = 0;  // of them
  WallTime messages_told_;            // news up to here
  Clock::time_point messages_told_at_{};
};

}  // namespace podring::http
