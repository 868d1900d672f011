// One line of a log, as far as it matters here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.h"
#include "core/types.h"

namespace podring::verify {

enum class LineKind : std::uint8_t {
  started,
  stopped,
  received,
  seeded,
  safe,
  completed,
  expired,
  view,
  peer_health,
  link_up,
  dropped_lines,
  held_at_exit,
  detour,
  duplicate,
  shed,
  other,
};

/// A hash over the names of a trace, which grows with it: two traces are the same when they are.
struct TraceHash {
  std::uint64_t value = 0x9e3779b97f4a7c15ULL;
  void append(std::string_view name);
  friend bool operator==(const TraceHash&, const TraceHash&) = default;
};

/// Only the fields of its kind are set. Texts are good until the next line is read.
struct LogLine {
  LineKind kind = LineKind::other;
  std::string_view event;
  std::string_view pod;
  BootId boot;
  std::uint64_t seq = 0;
  WallTime ts;
  // received, seeded, safe, ends, detour, duplicate, held_at_exit
  EnvelopeId id;
  std::uint32_t hop = 0;
  std::uint32_t lap = 0;
  std::uint64_t count = 0;
  LimitKind limit_kind = LimitKind::hops;
  std::uint32_t limit = 0;  ///< 0: not told
  TraceHash trace;
  std::uint64_t trace_names = 0;
  std::uint64_t trace_omitted = 0;
  std::string_view last_name;
  std::string_view sender;
  bool has_detours = false;
  // view
  std::vector<Address> added;
  std::vector<Address> removed;
  std::uint64_t digest = 0;
  std::uint64_t part = 1;
  std::uint64_t parts = 1;
  // peer_health, link_up
  std::optional<Address> peer;
  std::string_view peer_pod;
  BootId peer_boot;
  PeerHealth::State state = PeerHealth::State::up;
  // started
  std::optional<Address> address;
  bool hops_logged = true;
  bool info_logged = true;
  // shed
  std::string_view what;
};

enum class ReadResult : std::uint8_t {
  line,
  foreign,  ///< not a line of podring's log: something else printed it
  words,    ///< --log-format text: made for people
  damaged,  ///< begins as a line and is not well formed: cut, or written over
};

class LineReader {
 public:
  LineReader();
  ~LineReader();
  /// Finds the object behind a prefix, as `kubectl logs --prefix`, containerd's log files and
  /// docker compose write them. `text` must have 64 readable bytes behind it; `capacity` counts
  /// all from its start.
  [[nodiscard]] ReadResult read(std::string_view text, std::size_t capacity, LogLine& line);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

/// RFC 3339 with any number of decimals, UTC; nullopt when it is not that.
[[nodiscard]] std::optional<WallTime> parse_time(std::string_view text);

}  // namespace podring::verify
