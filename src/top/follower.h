// Follows a pod's stream on a thread of its own, and comes back when the connection is lost.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "app/http_url.h"
#include "net/loop_clock.h"
#include "top/model.h"
#include "top/screen.h"
#include "top/stream.h"

namespace podring::top {

class Follower {
 public:
  explicit Follower(const HttpUrl& server);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  struct Seen {
    Model model;
    Connection connection;
    TimePoint now;
  };
  /// A copy of what is known now. Call it at least every few seconds: visits are counted by it.
  [[nodiscard]] Seen seen();
  /// Grows with each event and each change of the connection.
  [[nodiscard]] std::uint64_t changes() const;
  /// Why nothing came, once the first connection has ended without a snapshot.
  [[nodiscard]] std::optional<std::string> failed() const;
  [[nodiscard]] bool has_ring() const;

 private:
  void run();
  void lose(const std::string& why);
  [[nodiscard]] bool take(const SentEvent& event);

  Stream stream_;
  mutable std::mutex mutex_;
  std::condition_variable stop_;
  // All below is guarded by mutex_.
  bool stopped_ = false;
  LoopClock clock_;
  Model model_;
  Connection connection_;
  std::string unreadable_;  ///< why take() ended a connection
  std::uint64_t changes_ = 0;
  std::optional<std::string> failed_;
  std::thread thread_;  // the last: it uses all else
};

/// The sentence about an event that Model::take() refuses.
[[nodiscard]] std::string unreadable_event(const SentEvent& event);

}  // namespace podring::top
