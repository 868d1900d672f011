#include "observe/logger.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <type_traits>
#include <variant>

namespace podring::observe {
namespace {

constexpr auto kDroppedToldEvery = std::chrono::seconds{1};

void ignore_broken_pipes() {
  struct sigaction present {};
  if (sigaction(SIGPIPE, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) {
    std::signal(SIGPIPE, SIG_IGN);
  }
}

WallTime wall_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

}  // namespace

Logger::Logger(const Identity& self, LogSettings settings, int output, int errors)
    : settings_{settings}, format_{self}, output_{output}, pod_{self.pod}, errors_{errors} {
  ignore_broken_pipes();
}

template <typename AnyEvent>
void Logger::append(Now now, Level level, const AnyEvent& event) {
  if (output_.closed()) {
    ++lost_;
    return;
  }
  std::string& out = output_.backlog();
  if (settings_.format == LogFormat::json) {
    format_.json(out, now.wall, level, seq_, event);
  } else {
    format_.text(out, now.wall, level, event);
  }
  ++seq_;
  ++lines_;
}

template <typename AnyEvent>
void Logger::log_one(Now now, Level level, Shedding shedding, const AnyEvent& event) {
  if (level < settings_.level) return;
  const std::size_t backlog = output_.backlog_bytes();
  if (shedding == Shedding::early && backlog >= settings_.backlog_bytes) {
    ++dropped_;
    return;
  }
  if (shedding != Shedding::never && backlog >= settings_.backlog_bytes_max) {
    ++seq_;
    ++lost_;
    return;
  }
  append(now, level, event);
}

void Logger::log(Now now, const Event& event) {
  const Level level = level_of(event);
  if (const auto* change = std::get_if<ViewChanged>(&event)) {
    const std::size_t parts = view_parts(*change);
    for (std::size_t part = 1; part <= parts; ++part) {
      log_one(now, level, Shedding::at_last, ViewPart{change, part, parts});
    }
    return;
  }
  const LogTicket ticket = ticket_of(event);
  const bool early = level == Level::debug || std::holds_alternative<Visited>(event);
  log_one(now, level,
          early         ? Shedding::early
          : ticket == 0 ? Shedding::at_last
                        : Shedding::never,
          event);
  if (ticket != 0) output_.mark(ticket);
}

void Logger::log(Now now, const NodeEvent& event) {
  const Level level = level_of(event);
  log_one(now, level, level == Level::debug ? Shedding::early : Shedding::at_last, event);
}

void Logger::flush(Now now) {
  tell_dropped(now);
  output_.flush(now.steady);
  if (output_.closed() && !closed_told_) {
    closed_told_ = true;
    std::string detail = "standard output is closed: ";
    detail += output_.error() == 0 ? "its reader is gone" : std::strerror(output_.error());
    detail += "; messages go on, their log lines are lost";
    write_error_line(Level::error, "log_closed", detail, pod_, errors_);
  }
}

/// Once there is room again, and at most once a second.
void Logger::tell_dropped(Now now) {
  if (dropped_ == dropped_told_ || output_.closed()) return;
  if (output_.backlog_bytes() >= settings_.backlog_bytes / 2) return;
  if (dropped_told_ > 0 && now.steady - dropped_told_at_ < kDroppedToldEvery) return;
  log_one(now, Level::warn, Shedding::at_last, DroppedLines{dropped_ - dropped_told_, dropped_});
  dropped_told_ = dropped_;
  dropped_told_at_ = now.steady;
}

TimePoint Logger::next_deadline() const {
  if (output_.closed()) return closed_told_ ? TimePoint::max() : TimePoint::min();
  const bool untold =
      dropped_ != dropped_told_ && output_.backlog_bytes() < settings_.backlog_bytes / 2;
  const TimePoint told_at = untold ? dropped_told_at_ + kDroppedToldEvery : TimePoint::max();
  return std::min(told_at, output_.retry_at());
}

bool Logger::flush_blocking(Now now, std::chrono::milliseconds at_most) {
  if (dropped_ != dropped_told_ && !output_.closed()) {
    log_one(now, Level::warn, Shedding::at_last, DroppedLines{dropped_ - dropped_told_, dropped_});
    dropped_told_ = dropped_;
  }
  return output_.flush_blocking(at_most);
}

LogCounters Logger::counters() const {
  return {.lines = lines_,
          .lines_dropped = dropped_,
          .lines_lost = lost_ + output_.lines_lost(),
          .bytes = output_.bytes_written(),
          .backlog_bytes = output_.backlog_bytes()};
}

void write_error_line(Level level, std::string_view event, std::string_view detail,
                      std::string_view pod, int errors) {
  const std::string line = LineFormat::error_line(wall_now(), level, event, detail, pod);
  pollfd entry{errors, POLLOUT, 0};
  if (poll(&entry, 1, 0) != 1) return;
  // At most PIPE_BUF bytes: whole, and without waiting.
  while (write(errors, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

}  // namespace podring::observe
