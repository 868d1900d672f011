#include "verify_logs/log_line.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <chrono>
#include <functional>
#include <utility>

namespace podring::verify {
namespace {

namespace od = simdjson::ondemand;

constexpr std::array kKinds{
    std::pair{std::string_view{"received"}, LineKind::received},
    std::pair{std::string_view{"seeded"}, LineKind::seeded},
    std::pair{std::string_view{"safe"}, LineKind::safe},
    std::pair{std::string_view{"completed"}, LineKind::completed},
    std::pair{std::string_view{"expired"}, LineKind::expired},
    std::pair{std::string_view{"view"}, LineKind::view},
    std::pair{std::string_view{"peer_health"}, LineKind::peer_health},
    std::pair{std::string_view{"link_up"}, LineKind::link_up},
    std::pair{std::string_view{"detour"}, LineKind::detour},
    std::pair{std::string_view{"duplicate"}, LineKind::duplicate},
    std::pair{std::string_view{"started"}, LineKind::started},
    std::pair{std::string_view{"stopped"}, LineKind::stopped},
    std::pair{std::string_view{"dropped_lines"}, LineKind::dropped_lines},
    std::pair{std::string_view{"held_at_exit"}, LineKind::held_at_exit},
    std::pair{std::string_view{"shed"}, LineKind::shed},
};

LineKind kind_of(std::string_view event) {
  for (const auto& [name, kind] : kKinds) {
    if (name == event) return kind;
  }
  return LineKind::other;
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, 16);
  if (read.ec != std::errc{} || read.ptr != end || text.size() != 16) return std::nullopt;
  return value;
}

std::optional<EnvelopeId> parse_id(std::string_view text) {
  if (text.size() < 18 || text[16] != '-') return std::nullopt;
  const auto boot = parse_hex(text.substr(0, 16));
  std::uint64_t counter = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + 17, end, counter);
  if (!boot || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return EnvelopeId{BootId{*boot}, counter};
}

/// Thrown within read() only: a field of a known name has a value it cannot have.
struct BadValue {};

template <typename T>
T needed(std::optional<T> value) {
  if (!value) throw BadValue{};
  return *value;
}

std::uint32_t small(std::uint64_t value) {
  if (value > UINT32_MAX) throw BadValue{};
  return static_cast<std::uint32_t>(value);
}

void read_trace(od::array names, LogLine& line) {
  for (auto value : names) {
    const std::string_view name = value.get_string();
    line.trace.append(name);
    line.last_name = name;
    ++line.trace_names;
  }
}

void read_addresses(od::array values, std::vector<Address>& addresses) {
  for (auto value : values) {
    addresses.push_back(needed(parse_address(std::string_view{value.get_string()})));
  }
}

void read_configuration(od::object configuration, LogLine& line) {
  for (auto flag : configuration) {
    const std::string_view name = flag.unescaped_key();
    if (name != "--log-hops" && name != "--log-level") continue;
    od::object entry = flag.value();
    const std::string_view value = entry["value"].get_string();
    if (name == "--log-hops") line.hops_logged = value != "false";
    if (name == "--log-level") line.info_logged = value == "debug" || value == "info";
  }
}

void read_field(std::string_view key, od::value value, LogLine& line) {
  switch (key.size()) {
    case 2:
      if (key == "ts") {
        line.ts = needed(parse_time(std::string_view{value.get_string()}));
      } else if (key == "id") {
        line.id = needed(parse_id(std::string_view{value.get_string()}));
      }
      return;
    case 3:
      if (key == "hop") {
        line.hop = small(value.get_uint64());
      } else if (key == "lap") {
        line.lap = small(value.get_uint64());
      } else if (key == "pod") {
        line.pod = value.get_string();
      } else if (key == "seq") {
        line.seq = value.get_uint64();
      }
      return;
    case 4:
      if (key == "boot") {
        line.boot.value = needed(parse_hex(std::string_view{value.get_string()}));
      } else if (key == "hops") {
        line.limit = small(value.get_uint64());
      } else if (key == "laps") {
        line.limit = small(value.get_uint64());
        line.limit_kind = LimitKind::laps;
      } else if (key == "part") {
        line.part = value.get_uint64();
      } else if (key == "peer" && line.kind != LineKind::other) {
        line.peer = parse_address(std::string_view{value.get_string()});
      } else if (key == "what") {
        line.what = value.get_string();
      }
      return;
    case 5:
      if (key == "event") {
        line.event = value.get_string();
        line.kind = kind_of(line.event);
      } else if (key == "trace") {
        read_trace(value.get_array(), line);
      } else if (key == "count" && line.kind != LineKind::other) {
        line.count = value.get_uint64();
      } else if (key == "added") {
        read_addresses(value.get_array(), line.added);
      } else if (key == "parts") {
        line.parts = value.get_uint64();
      } else if (key == "state") {
        const std::string_view state = value.get_string();
        line.state = state == "down"      ? PeerHealth::State::down
                     : state == "leaving" ? PeerHealth::State::leaving
                                          : PeerHealth::State::up;
      }
      return;
    default:
      if (key == "sender_pod_ip") {
        line.sender = value.get_string();
      } else if (key == "detours") {
        line.has_detours = true;
      } else if (key == "trace_omitted") {
        line.trace_omitted = value.get_uint64();
      } else if (key == "removed") {
        read_addresses(value.get_array(), line.removed);
      } else if (key == "digest") {
        line.digest = needed(parse_hex(std::string_view{value.get_string()}));
      } else if (key == "peer_pod") {
        line.peer_pod = value.get_string();
      } else if (key == "peer_boot") {
        line.peer_boot.value = needed(parse_hex(std::string_view{value.get_string()}));
      } else if (key == "address" && line.kind == LineKind::started) {
        line.address = needed(parse_address(std::string_view{value.get_string()}));
      } else if (key == "configuration") {
        read_configuration(value.get_object(), line);
      }
  }
}

/// Where the object begins: at once, or behind a prefix that has no brace.
std::string_view object_in(std::string_view text) {
  const std::size_t at = text.find('{');
  return at == std::string_view::npos ? std::string_view{} : text.substr(at);
}

void clear(LogLine& line) {
  std::vector<Address> added = std::move(line.added);
  std::vector<Address> removed = std::move(line.removed);
  line = LogLine{};
  added.clear();
  removed.clear();
  line.added = std::move(added);
  line.removed = std::move(removed);
}

}  // namespace

void TraceHash::append(std::string_view name) {
  value = (value ^ std::hash<std::string_view>{}(name)) * 0xff51afd7ed558ccdULL;
  value ^= value >> 32;
}

std::optional<WallTime> parse_time(std::string_view text) {
  // 2026-01-31T09:41:07.123456Z
  const auto number = [&](std::size_t at, std::size_t digits) -> std::optional<int> {
    int value = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  if (text.size() < 20 || text.back() != 'Z' || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T' || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto year = number(0, 4);
  const auto month = number(5, 2);
  const auto day = number(8, 2);
  const auto hour = number(11, 2);
  const auto minute = number(14, 2);
  const auto second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  std::int64_t micros = 0;
  if (text[19] == '.') {
    std::int64_t unit = 100'000;
    for (std::size_t i = 20; i + 1 < text.size(); ++i, unit /= 10) {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      micros += unit * (text[i] - '0');
    }
  }
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  return WallTime{(((days * 24 + *hour) * 60 + *minute) * 60 + *second) * 1'000'000 + micros};
}

struct LineReader::Parser {
  od::parser parser;
};

LineReader::LineReader() : parser_{std::make_unique<Parser>()} {}
LineReader::~LineReader() = default;

ReadResult LineReader::read(std::string_view text, std::size_t capacity, LogLine& line) {
  const std::string_view object = object_in(text);
  if (object.empty()) return ReadResult::foreign;
  if (text.find("received JSON from pod '") <
      static_cast<std::size_t>(object.data() - text.data())) {
    return ReadResult::words;
  }
  if (object.size() < 2 || object[1] != '"') return ReadResult::foreign;
  capacity -= static_cast<std::size_t>(object.data() - text.data());
  clear(line);
  bool has_seq = false;
  bool looks_own = object.substr(0, 7) == "{\"ts\":\"";
  try {
    od::document document = parser_->parser.iterate(
        simdjson::padded_string_view{object.data(), object.size(), capacity});
    for (auto field : document.get_object()) {
      const std::string_view key = field.unescaped_key();
      has_seq |= key == "seq";
      read_field(key, field.value(), line);
    }
    const char* behind = nullptr;  // nothing but blanks may follow
    if (document.current_location().get(behind) == simdjson::SUCCESS) return ReadResult::damaged;
  } catch (const simdjson::simdjson_error&) {
    return looks_own ? ReadResult::damaged : ReadResult::foreign;
  } catch (const BadValue&) {
    return looks_own ? ReadResult::damaged : ReadResult::foreign;
  }
  // Standard error's lines have no seq: they are no part of the log.
  if (line.event.empty() || line.boot.value == 0 || !has_seq) return ReadResult::foreign;
  return ReadResult::line;
}

}  // namespace podring::verify
