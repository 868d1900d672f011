// The log: one line per event on standard output, in JSON or in words for people. Owned by the loop
// thread, which it never blocks: lines wait in a backlog while the output takes nothing.
//
//   for (const Event& event : outputs.events) logger.log(now, event);
//   logger.flush(now);                                  // once a turn: one write for all of it
//   peer.on_logged(now, logger.written_up_to());        // when it has grown
//   ... poll logger.want_write_fd() for POLLOUT, wake at logger.next_deadline(), then flush() again
//
// What is shed: `received` and debug lines, when the backlog is full. They take no `seq`, are
// counted, and a `dropped_lines` line tells of them. All others wait; beyond `backlog_bytes_max`
// those without a ticket are counted as lost. When the output is closed for good (its reader is
// gone) nobody can be told any more: that is said once on standard error, lines are counted as
// lost, and tickets count as written, so that a pod without a log reader does not clog the ring.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/events.h"
#include "core/types.h"
#include "observe/level.h"
#include "observe/line_format.h"
#include "observe/line_output.h"
#include "observe/node_events.h"

namespace podring::observe {

enum class LogFormat : std::uint8_t { json, text };

struct LogSettings {
  LogFormat format = LogFormat::json;
  Level level = Level::info;                    ///< lines below it are not written
  std::size_t backlog_bytes = 4 * 1024 * 1024;  ///< `received` and debug lines are dropped beyond
  /// Beyond, all lines without a ticket are lost: they take their `seq`, so that the hole shows.
  std::size_t backlog_bytes_max = 64 * 1024 * 1024;
};

/// All since start; copied for the metrics.
struct LogCounters {
  std::uint64_t lines = 0;          ///< taken for output
  std::uint64_t lines_dropped = 0;  ///< `received` and debug lines shed at the bound
  std::uint64_t lines_lost = 0;     ///< the output was closed, or too much waited for it
  std::uint64_t bytes = 0;          ///< written
  std::uint64_t backlog_bytes = 0;  ///< present
};

class Logger {
 public:
  /// `output` stays open and is not changed: no O_NONBLOCK is set on it. `errors` takes a line when
  /// `output` is closed for good. Ignores SIGPIPE, unless the program handles it.
  Logger(const Identity& self, LogSettings settings, int output = 1, int errors = 2);

  void log(Now now, const Event& event);
  void log(Now now, const NodeEvent& event);
  /// Writes what the output takes without waiting. Call it at the end of each turn, and when the
  /// output is writable.
  void flush(Now now);
  /// The descriptor to be polled for POLLOUT; -1 while nothing waits for it.
  [[nodiscard]] int want_write_fd() const { return output_.want_write_fd(); }
  /// When flush() is due without POLLOUT: an output that failed (disk full) is tried again, and
  /// dropped lines are told of. TimePoint::max(): nothing is due.
  [[nodiscard]] TimePoint next_deadline() const;
  /// All lines with tickets up to this one are written (or cannot be any more: output closed).
  [[nodiscard]] LogTicket written_up_to() const { return output_.written_up_to(); }
  /// For the exit: waits for the output at most so long. True when nothing is left.
  bool flush_blocking(Now now, std::chrono::milliseconds at_most);
  [[nodiscard]] LogCounters counters() const;

 private:
  /// What may become of a line when the backlog is full.
  enum class Shedding : std::uint8_t { early, at_last, never };
  template <typename AnyEvent>
  void log_one(Now now, Level level, Shedding shedding, const AnyEvent& event);
  template <typename AnyEvent>
  void append(Now now, Level level, const AnyEvent& event);
  void tell_dropped(Now now);

  LogSettings settings_;
  LineFormat format_;
  LineOutput output_;
  std::string pod_;
  int errors_;
  std::uint64_t seq_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_told_ = 0;
  TimePoint dropped_told_at_{};
  bool closed_told_ = false;
};

/// One JSON line on standard error, from any thread, without waiting: for what happens before there
/// is a logger, or when it cannot write. `pod` may be empty.
void write_error_line(Level level, std::string_view event, std::string_view detail,
                      std::string_view pod = {}, int errors = 2);

}  // namespace podring::observe
