#include "net/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "core/check.h"

namespace podring {
namespace {

constexpr Duration kWaitMax = std::chrono::seconds{10};

std::system_error failed(const char* what) { return {errno, std::generic_category(), what}; }

/// Both fit into epoll's 64 bits: a late event of a descriptor that was unwatched (and perhaps
/// closed and opened again) in the same wait() is told apart by its generation.
std::uint64_t key_of(int fd, std::uint32_t generation) {
  return (std::uint64_t{generation} << 32) | static_cast<std::uint32_t>(fd);
}

}  // namespace

OwnFd::~OwnFd() {
  if (fd_ >= 0) ::close(fd_);
}

Loop::Loop() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
  if (epoll_.get() < 0) throw failed("epoll_create1");
  wake_ = OwnFd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (wake_.get() < 0) throw failed("eventfd");
  watch(wake_.get(), EPOLLIN, [this](std::uint32_t) {
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);
  });
}

Loop::~Loop() = default;

void Loop::watch(int fd, std::uint32_t events, Ready ready) {
  const auto found = watched_.find(fd);
  if (found != watched_.end() && found->second->events == events) {
    found->second->ready = std::move(ready);
    return;
  }
  auto entry = std::make_shared<Watched>(Watched{fd, next_generation_++, events, std::move(ready)});
  epoll_event event{};
  event.events = events;
  event.data.u64 = key_of(fd, entry->generation);
  // ENOENT: it was closed without unwatch(), which removed it, and another one has its number.
  const int operation = found == watched_.end() ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0 &&
      (errno != ENOENT || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)) {
    throw failed("epoll_ctl");
  }
  watched_[fd] = std::move(entry);
}

void Loop::unwatch(int fd) {
  if (watched_.erase(fd) == 0) return;
  epoll_event event{};  // kernels before 2.6.9 want one
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &event);
}

bool Loop::post(Work work) {
  {
    const std::lock_guard lock{mutex_};
    if (posted_.size() >= kPostedMax) return false;
    posted_.push_back(std::move(work));
  }
  wake();
  return true;
}

void Loop::wake() {
  if (woken_.exchange(true)) return;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void Loop::wait(Duration timeout) {
  const Duration at_most = std::clamp(timeout, Duration{}, kWaitMax);
  int count = -1;
  if (waits_finely_) {
    const auto ns = std::chrono::nanoseconds{at_most}.count();
    const timespec time{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    count = ::epoll_pwait2(epoll_.get(), ready_.data(), kReadyAtOnce, &time, nullptr);
    // EPERM: as some container runtimes answer what they do not know.
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) waits_finely_ = false;
  }
  if (!waits_finely_) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
    count = ::epoll_wait(epoll_.get(), ready_.data(), kReadyAtOnce, static_cast<int>(ms));
  }
  PODRING_CHECK(count >= 0 || errno == EINTR);
  ready_count_ = static_cast<std::size_t>(std::max(count, 0));
}

void Loop::dispatch() {
  const std::size_t count = std::exchange(ready_count_, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t key = ready_[i].data.u64;
    const auto found = watched_.find(static_cast<int>(key & UINT32_MAX));
    if (found == watched_.end() || found->second->generation != key >> 32) continue;
    const std::shared_ptr<Watched> entry = found->second;  // it may unwatch itself
    entry->ready(ready_[i].events);
  }
  run_posted();
}

void Loop::run_posted() {
  if (!woken_.exchange(false)) return;
  {
    const std::lock_guard lock{mutex_};
    std::swap(running_, posted_);
  }
  for (Work& work : running_) work();
  running_.clear();
}

}  // namespace podring
