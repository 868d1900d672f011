// Bytes to a descriptor that may take them late, in part, or never; without blocking and without
// changing the descriptor, which other processes may share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.h"
#include "core/types.h"

namespace podring::observe {

/// Files are written directly. A pipe or terminal is written through an open file description of
/// our own with O_NONBLOCK where /proc allows it, otherwise in pieces of at most PIPE_BUF, which do
/// not block when poll() says that it is writable. Sockets are written with MSG_DONTWAIT.
class LineOutput {
 public:
  explicit LineOutput(int fd);
  ~LineOutput();
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  /// The backlog, to append whole lines to.
  [[nodiscard]] std::string& backlog() { return backlog_; }
  [[nodiscard]] std::size_t backlog_bytes() const { return backlog_.size() - head_; }
  /// What was appended so far must be written before `ticket` is. Tickets grow.
  void mark(LogTicket ticket);
  void flush(TimePoint now);
  [[nodiscard]] int want_write_fd() const;
  [[nodiscard]] TimePoint retry_at() const { return retry_at_; }
  [[nodiscard]] LogTicket written_up_to() const { return written_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] int error() const { return error_; }  ///< errno of the last failure; 0: none
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }
  /// Lines of the backlog that were thrown away because the output is closed.
  [[nodiscard]] std::uint64_t lines_lost() const { return lines_lost_; }
  bool flush_blocking(std::chrono::milliseconds at_most);

 private:
  enum class Kind : std::uint8_t { direct, own, shared, socket };
  struct Mark {
    std::uint64_t end = 0;  ///< in bytes since start
    LogTicket ticket = 0;
  };
  void write_some(TimePoint now);
  void took(std::size_t bytes);
  void close_for_good();
  [[nodiscard]] bool writable() const;

  int fd_ = -1;
  int own_fd_ = -1;
  Kind kind_ = Kind::direct;
  std::string backlog_;
  std::size_t head_ = 0;
  std::uint64_t bytes_written_ = 0;  ///< also: the stream position of backlog_[head_]
  std::uint64_t lines_lost_ = 0;
  std::vector<Mark> marks_;
  std::size_t marks_head_ = 0;
  LogTicket written_ = 0;
  TimePoint retry_at_ = TimePoint::max();
  bool blocked_ = false;
  bool closed_ = false;
  int error_ = 0;
};

}  // namespace podring::observe
