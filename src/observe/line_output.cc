#include "observe/line_output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace podring::observe {
namespace {

constexpr auto kRetryEvery = std::chrono::milliseconds{200};
constexpr std::size_t kPieceMax = 256 * 1024;     // one write, where it cannot block
constexpr std::size_t kMovedAtLeast = 64 * 1024;  // written bytes at the front before they are cut
constexpr std::size_t kCapacityKept = 1024 * 1024;  // of an empty backlog

}  // namespace

LineOutput::LineOutput(int fd) : fd_{fd} {
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    error_ = errno;
    closed_ = true;
    return;
  }
  if (S_ISSOCK(info.st_mode)) {
    kind_ = Kind::socket;
  } else if (S_ISFIFO(info.st_mode) || isatty(fd) == 1) {
    // An open file description of our own: O_NONBLOCK on the shared one would be seen by everybody
    // who inherited it. /proc may be missing, or the pipe may belong to another user.
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    own_fd_ = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    kind_ = own_fd_ >= 0 ? Kind::own : Kind::shared;
  }
}

LineOutput::~LineOutput() {
  if (own_fd_ >= 0) close(own_fd_);
}

void LineOutput::mark(LogTicket ticket) {
  if (closed_ || backlog_bytes() == 0) {
    written_ = std::max(written_, ticket);
    return;
  }
  marks_.push_back({bytes_written_ + backlog_bytes(), ticket});
}

int LineOutput::want_write_fd() const {
  if (closed_ || backlog_bytes() == 0 || retry_at_ != TimePoint::max()) return -1;
  return own_fd_ >= 0 ? own_fd_ : fd_;
}

bool LineOutput::writable() const {
  pollfd entry{own_fd_ >= 0 ? own_fd_ : fd_, POLLOUT, 0};
  return poll(&entry, 1, 0) == 1;  // POLLERR too: then write() says what it is
}

void LineOutput::flush(TimePoint now) {
  if (retry_at_ != TimePoint::max() && now < retry_at_) return;
  retry_at_ = TimePoint::max();
  write_some(now);
}

void LineOutput::write_some(TimePoint now) {
  while (!closed_ && backlog_bytes() > 0) {
    const char* const data = backlog_.data() + head_;
    std::size_t piece = std::min(backlog_bytes(), kPieceMax);
    ssize_t done = 0;
    switch (kind_) {
      case Kind::direct:
        done = write(fd_, data, piece);
        break;
      case Kind::own:
        done = write(own_fd_, data, piece);
        break;
      case Kind::shared:
        if (!writable()) return;
        piece = std::min(piece, std::size_t{PIPE_BUF});
        done = write(fd_, data, piece);
        break;
      case Kind::socket:
        done = send(fd_, data, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
    }
    if (done >= 0) {
      error_ = 0;
      took(static_cast<std::size_t>(done));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    error_ = errno;
    if (errno == EPIPE || errno == EBADF || errno == ECONNRESET || errno == ENOTCONN) {
      close_for_good();
    } else {
      retry_at_ = now + kRetryEvery;  // disk full and the like: it may end
    }
    return;
  }
}

void LineOutput::took(std::size_t bytes) {
  head_ += bytes;
  bytes_written_ += bytes;
  while (marks_head_ < marks_.size() && marks_[marks_head_].end <= bytes_written_) {
    written_ = marks_[marks_head_++].ticket;
  }
  if (marks_head_ == marks_.size()) {
    marks_.clear();
    marks_head_ = 0;
  } else if (marks_head_ > 4096 && marks_head_ * 2 > marks_.size()) {
    marks_.erase(marks_.begin(), marks_.begin() + static_cast<std::ptrdiff_t>(marks_head_));
    marks_head_ = 0;
  }
  if (head_ == backlog_.size()) {
    backlog_.clear();
    head_ = 0;
    if (backlog_.capacity() > kCapacityKept) backlog_.shrink_to_fit();
  } else if (head_ > kMovedAtLeast && head_ * 2 > backlog_.size()) {
    backlog_.erase(0, head_);
    head_ = 0;
  }
}

void LineOutput::close_for_good() {
  closed_ = true;
  lines_lost_ += static_cast<std::uint64_t>(
      std::count(backlog_.begin() + static_cast<std::ptrdiff_t>(head_), backlog_.end(), '\n'));
  backlog_.clear();
  head_ = 0;
  if (!marks_.empty()) written_ = std::max(written_, marks_.back().ticket);
  marks_.clear();
  marks_head_ = 0;
}

bool LineOutput::flush_blocking(std::chrono::milliseconds at_most) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + at_most;
  while (true) {
    retry_at_ = TimePoint::max();
    write_some(TimePoint{});
    if (closed_ || backlog_bytes() == 0) return !closed_;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) return false;
    // A failing output (disk full) is always "writable": ask it again now and then only.
    const bool failing = retry_at_ != TimePoint::max();
    pollfd entry{own_fd_ >= 0 ? own_fd_ : fd_, static_cast<short>(failing ? 0 : POLLOUT), 0};
    const auto wait = failing ? std::min(left, std::chrono::milliseconds{kRetryEvery}) : left;
    poll(&entry, 1, static_cast<int>(wait.count()));
  }
}

}  // namespace podring::observe
