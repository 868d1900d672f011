// Events as lines: the JSON object of the log and of the live feed, and text for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.h"
#include "core/types.h"
#include "observe/level.h"
#include "observe/node_events.h"

namespace podring::observe {

inline constexpr std::size_t kLineBytesMax = 16 * 1024 - 1;  ///< line break included
inline constexpr std::size_t kViewAddressesPerLine = 300;    ///< 300 IPv6 addresses: 13 KiB
inline constexpr std::size_t kConfigValueBytesMax = 256;

struct DroppedLines {       ///< the logger's own event
  std::uint64_t count = 0;  ///< since the last line of this kind
  std::uint64_t total = 0;  ///< since start
};

/// A part of a view change: one of more than kViewAddressesPerLine addresses takes several lines.
struct ViewPart {
  const ViewChanged* change = nullptr;
  std::size_t part = 1;  ///< from 1
  std::size_t parts = 1;
};
[[nodiscard]] std::size_t view_parts(const ViewChanged& change);

[[nodiscard]] std::string_view event_name(const Event& event);
[[nodiscard]] std::string_view event_name(const NodeEvent& event);
[[nodiscard]] Level level_of(const Event& event);
[[nodiscard]] Level level_of(const NodeEvent& event);
[[nodiscard]] LogTicket ticket_of(const Event& event);  ///< 0: none

/// Keeps what is the same in every line, so that a line costs no allocation but for the growth of
/// the string it is appended to.
class LineFormat {
 public:
  explicit LineFormat(const Identity& self);

  /// Appends a log line with its line break, at most kLineBytesMax bytes.
  void json(std::string& out, WallTime at, Level level, std::uint64_t seq, const Event& event);
  void json(std::string& out, WallTime at, Level level, std::uint64_t seq, const NodeEvent& event);
  void json(std::string& out, WallTime at, Level level, std::uint64_t seq, const ViewPart& part);
  void json(std::string& out, WallTime at, Level level, std::uint64_t seq, DroppedLines dropped);
  /// The same in words. `received` is exactly the line that the README shows; all others begin with
  /// the time.
  void text(std::string& out, WallTime at, Level level, const Event& event);
  void text(std::string& out, WallTime at, Level level, const NodeEvent& event);
  void text(std::string& out, WallTime at, Level level, const ViewPart& part);
  void text(std::string& out, WallTime at, Level level, DroppedLines dropped);
  /// The object of the live feed: without level, seq and line break.
  void feed(std::string& out, WallTime at, const Event& event);
  void feed(std::string& out, WallTime at, const NodeEvent& event);
  /// A line for standard error, below PIPE_BUF: where there is no log to write it to. `pod` may be
  /// empty.
  [[nodiscard]] static std::string error_line(WallTime at, Level level, std::string_view event,
                                              std::string_view detail, std::string_view pod);

 private:
  /// A log line when `level` is given, else an object of the feed.
  template <typename AnyEvent>
  void json_line(std::string& out, WallTime at, std::string_view name, const AnyEvent& event,
                 const Level* level, std::uint64_t seq);
  template <typename AnyEvent>
  void text_line(std::string& out, WallTime at, Level level, std::string_view name,
                 const AnyEvent& event);
  void append_time(std::string& out, WallTime at);

  Identity self_;
  std::string who_;  ///< ,"pod":"...","boot":"..."
  std::int64_t second_ = INT64_MIN;
  std::string second_text_;
  std::vector<TraceEntry> trace_;  ///< scratch
};

}  // namespace podring::observe
