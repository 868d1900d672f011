#include "http/socket_io.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace podring::http {
namespace {

using namespace std::chrono_literals;

constexpr auto kStopLook = 200ms;
constexpr auto kStopGrace = 400ms;
constexpr int kTotalFactor = 5;  // a reader that takes a little now and then is cut at last

// Waits for `events`, at most until `until` and at most kStopLook.
bool is_ready(int fd, short events, SocketIo::Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SocketIo::Clock::now());
  const auto wait = std::clamp<std::chrono::milliseconds>(left, 0ms, kStopLook);
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, static_cast<int>(wait.count())) > 0;
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

ReadResult SocketIo::read(std::span<char> into, Clock::time_point until) {
  while (true) {
    const auto count = ::recv(fd_, into.data(), into.size(), MSG_DONTWAIT);
    if (count > 0) {
      return {ReadOutcome::bytes, static_cast<std::size_t>(count)};
    }
    if (count == 0 || !would_block()) {
      return {ReadOutcome::closed, 0};
    }
    if (stop_) {
      return {ReadOutcome::stopped, 0};
    }
    if (Clock::now() >= until) {
      return {ReadOutcome::timed_out, 0};
    }
    static_cast<void>(is_ready(fd_, POLLIN, until));
  }
}

bool SocketIo::write(std::string_view bytes) {
  const auto start = Clock::now();
  auto until = start + write_timeout_;
  bool stopping = false;
  while (!bytes.empty() && !gone_) {
    const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      if (!stopping) {
        until = std::min(Clock::now(), start + kTotalFactor * write_timeout_) + write_timeout_;
      }
      continue;
    }
    if (!would_block()) {
      gone_ = true;
      break;
    }
    if (stop_ && !stopping) {
      stopping = true;
      until = std::min(until, Clock::now() + kStopGrace);
    }
    if (Clock::now() >= until) {
      gone_ = true;
      cut_ = !stopping;
      break;
    }
    static_cast<void>(is_ready(fd_, POLLOUT, until));
  }
  return !gone_;
}

bool SocketIo::open() {
  if (stop_ || gone_) {
    return false;
  }
  char byte = 0;
  const auto count = ::recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
  gone_ = count == 0 || (count < 0 && !would_block());
  return !gone_;
}

}  // namespace podring::http
