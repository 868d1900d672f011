// The live feed: the latest events, numbered, for streams that follow them (GET /events).
//
// The loop thread stages each turn's events, brings what snapshots show up to date, and then
// publishes; so a snapshot read after number() holds everything up to that number. Nothing is
// formatted while nobody has asked for a while; a stream that comes back later finds a gap and
// takes a new snapshot.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.h"
#include "core/types.h"
#include "observe/line_format.h"

namespace podring::observe {

/// Numbers grow by one, from 1, per process.
struct FeedEvent {
  std::uint64_t number = 0;
  std::string type;  ///< the log line's `event`
  std::string json;  ///< the log line's object without level and seq; no line break
};
struct FeedEvents {
  bool gap = false;  ///< what followed `after` is no longer kept, or `after` was never given out
  std::vector<FeedEvent> events;  ///< in order, without holes
};

struct FeedLimits {
  std::size_t events = 8192;                  ///< kept; the oldest goes first
  std::size_t bytes = 4 * 1024 * 1024;        ///< of their JSON
  Duration awake = std::chrono::seconds{30};  ///< formatted so long after somebody asked
};

class Feed {
 public:
  explicit Feed(const Identity& self, FeedLimits limits = {});

  // Loop thread. Stage before Recents::take(), which moves the envelopes out of the events.
  void stage(Now now, const Event& event);
  void stage(Now now, const NodeEvent& event);
  /// For what is no log line, such as news of the ring. `json`: one object without line breaks.
  void stage(Now now, std::string_view type, std::string_view json);
  /// Once a turn, after everything that snapshots show is up to date.
  void publish();

  // Any thread.
  /// The number of the latest event; wakes the feed. Read it before what the snapshot shows.
  [[nodiscard]] std::uint64_t number();
  /// Events after number `after`, at most `count`; waits up to `wait` for the first one.
  [[nodiscard]] FeedEvents after(std::uint64_t after, std::size_t count,
                                 std::chrono::milliseconds wait);
  /// Ends all waiting, now and later: the program stops.
  void close();
  [[nodiscard]] bool awake() const { return awake_.load(std::memory_order_relaxed); }
  /// Times a stream had to start again because it was too slow or came too late; since start.
  [[nodiscard]] std::uint64_t gaps() const { return gaps_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] bool begin(Now now);
  void finish(std::string_view type);
  void forget_oldest();
  void ask();

  LineFormat format_;
  FeedLimits limits_;
  // Loop thread only.
  std::vector<FeedEvent> staged_;  ///< the first staged_count_ are used; the others keep capacity
  std::size_t staged_count_ = 0;
  bool missed_ = false;  ///< something happened while asleep in this turn
  TimePoint asked_at_{};
  std::atomic<bool> asked_{false};
  std::atomic<bool> awake_{false};
  std::atomic<std::uint64_t> gaps_{0};

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable published_;
  std::vector<FeedEvent> ring_;  ///< slot number % size
  std::uint64_t last_ = 0;       ///< number of the latest event
  std::uint64_t first_ = 1;      ///< number of the oldest one kept; last_ + 1: none
  std::size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace podring::observe
