// Waits for descriptors, time and posted work, on one thread. Knows nothing of the ring.
//
// watch() a descriptor and its callback runs in dispatch() when it is ready; post() work from any
// thread and it runs in the next dispatch(). A turn is wait(), reading the clock, dispatch(), so
// that callbacks know what time it is. Callbacks may watch, unwatch and post.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/types.h"

namespace podring {

/// A descriptor that closes itself.
class OwnFd {
 public:
  explicit OwnFd(int fd = -1) : fd_{fd} {}
  ~OwnFd();
  OwnFd(OwnFd&& other) noexcept : fd_{other.fd_} { other.fd_ = -1; }
  OwnFd& operator=(OwnFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }
  /// The caller's from now on.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

class Loop {
 public:
  using Ready = std::function<void(std::uint32_t events)>;  ///< EPOLLIN, EPOLLOUT, ...
  using Work = std::function<void()>;
  static constexpr std::size_t kPostedMax = 4096;  ///< beyond: post() says false

  Loop();  ///< throws std::system_error when the process has no descriptors left
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Level-triggered. Watching a descriptor again changes its events and callback.
  void watch(int fd, std::uint32_t events, Ready ready);
  void unwatch(int fd);

  /// From any thread. False when kPostedMax wait already: the caller still has its work, and tells
  /// whoever sent it.
  [[nodiscard]] bool post(Work work);
  /// From any thread: the present or next wait() returns at once.
  void wake();

  /// Waits at most `timeout` (zero: looks only; before Linux 5.11 rounded up to milliseconds) for
  /// anything to do.
  void wait(Duration timeout);
  /// Runs what was ready and what was posted, each at most once.
  void dispatch();

 private:
  struct Watched {
    int fd = -1;
    std::uint32_t generation = 0;
    std::uint32_t events = 0;
    Ready ready;
  };
  static constexpr std::size_t kReadyAtOnce = 64;
  void run_posted();

  OwnFd epoll_;
  OwnFd wake_;
  std::unordered_map<int, std::shared_ptr<Watched>> watched_;
  std::uint32_t next_generation_ = 1;
  std::array<epoll_event, kReadyAtOnce> ready_;
  std::size_t ready_count_ = 0;
  bool waits_finely_ = true;  // the kernel has epoll_pwait2()
  std::mutex mutex_;
  std::vector<Work> posted_;  // guarded by mutex_
  std::vector<Work> running_;
  std::atomic<bool> woken_{false};
};

}  // namespace podring
