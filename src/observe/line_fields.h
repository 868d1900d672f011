// Writes named values of one line, as JSON or as name=value for people. The two have the same
// functions, so that each event is described once (event_fields.h). Only line_format.cc includes
// it.
#pragma once

#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/annotations.h"
#include "core/envelope.h"
#include "core/types.h"
#include "observe/escape.h"
#include "observe/node_events.h"

namespace podring::observe {

inline constexpr std::size_t kTextBytesMax = 1024;  ///< of one text value, escaped

inline void append_number(std::string& out, std::integral auto number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

inline void append_hex(std::string& out, std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  char digits[16];
  for (int i = 15; i >= 0; --i, value >>= 4) digits[i] = kDigits[value & 0xf];
  out.append(digits, sizeof digits);
}

inline void append_id(std::string& out, EnvelopeId id) {
  append_hex(out, id.boot.value);
  out.push_back('-');
  append_number(out, id.counter);
}

inline void append_address(std::string& out, Address address) {
  if (!address.is_v4()) {
    out.append(to_string(address));
    return;
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    append_number(out, static_cast<unsigned>((address.low >> shift) & 0xff));
    if (shift > 0) out.push_back('.');
  }
}

/// What of a message and its trace goes into a line that has `room` bytes for both.
struct Cut {
  std::size_t message_bytes_max = std::string::npos;  ///< escaped
  std::size_t first = 0;                              ///< names at the front of the trace
  std::size_t last = 0;                               ///< and at its end
};

template <typename SizeOf>
Cut cut_to(std::size_t room, std::size_t message_size, const std::vector<TraceEntry>& trace,
           bool has_gap, std::size_t separator, SizeOf size_of) {
  std::size_t trace_size = 0;
  for (const TraceEntry& entry : trace) trace_size += size_of(entry.pod) + separator;
  if (message_size + trace_size <= room) return {std::string::npos, trace.size(), 0};
  const std::size_t left_by_message = room - std::min(message_size, room);
  const std::size_t trace_room = std::min(trace_size, std::max(room / 2, left_by_message));
  Cut cut;
  cut.message_bytes_max = room - trace_room;
  if (trace_size <= trace_room) {
    cut.first = trace.size();
    return cut;
  }
  std::size_t used = 0;
  const auto take = [&](const TraceEntry& entry, std::size_t used_max) {
    const std::size_t size = size_of(entry.pod) + separator;
    if (used + size > used_max) return false;
    used += size;
    return true;
  };
  while (cut.first < std::min(trace.size(), kTraceFirstKept) &&
         take(trace[cut.first], trace_room / 2)) {
    ++cut.first;
  }
  // Where entries are missing already, there must not be a second gap.
  const std::size_t last_max = trace.size() - (has_gap ? kTraceFirstKept : cut.first);
  while (cut.last < last_max && take(trace[trace.size() - 1 - cut.last], trace_room)) ++cut.last;
  return cut;
}

class JsonFields {
 public:
  explicit JsonFields(std::string& out) : out_{out} {}

  void text(std::string_view name, std::string_view value, std::size_t bytes_max = kTextBytesMax) {
    key(name);
    quote(value, bytes_max);
  }
  void number(std::string_view name, std::integral auto value) {
    key(name);
    append_number(out_, value);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    out_.append(value ? "true" : "false");
  }
  void nothing(std::string_view name) {
    key(name);
    out_.append("null");
  }
  void hex(std::string_view name, std::uint64_t value) {
    key(name);
    out_.push_back('"');
    append_hex(out_, value);
    out_.push_back('"');
  }
  void id(std::string_view name, EnvelopeId value) {
    key(name);
    out_.push_back('"');
    append_id(out_, value);
    out_.push_back('"');
  }
  void address(std::string_view name, Address value) {
    key(name);
    out_.push_back('"');
    append_address(out_, value);
    out_.push_back('"');
  }
  void addresses(std::string_view name, std::span<const Address> values) {
    key(name);
    char separator = '[';
    for (const Address value : values) {
      out_.push_back(std::exchange(separator, ','));
      out_.push_back('"');
      append_address(out_, value);
      out_.push_back('"');
    }
    out_.append(values.empty() ? "[]" : "]");
  }
  void trace(const std::vector<TraceEntry>& trace, const Cut& cut, std::uint64_t omitted) {
    key("trace");
    out_.push_back('[');
    for (std::size_t i = 0; i < cut.first; ++i) entry(trace[i].pod, i > 0);
    for (std::size_t i = trace.size() - cut.last; i < trace.size(); ++i) {
      entry(trace[i].pod, cut.first > 0 || i > trace.size() - cut.last);
    }
    out_.push_back(']');
    omitted += trace.size() - cut.first - cut.last;
    if (omitted > 0) number("trace_omitted", omitted);
  }
  void detours(const std::vector<DetourEntry>& detours) {
    if (detours.empty()) return;
    key("detours");
    char separator = '[';
    for (const DetourEntry& detour : detours) {
      out_.push_back(std::exchange(separator, ','));
      out_.append("{\"hop\":");
      append_number(out_, detour.hop);
      out_.append(",\"try\":");
      append_number(out_, detour.attempt);
      out_.push_back('}');
    }
    out_.push_back(']');
  }
  void outcomes(std::span<const VisitOutcome> outcomes) {
    if (outcomes.empty()) return;
    key("outcomes");
    char separator = '{';
    for (const VisitOutcome& visit : outcomes) {
      out_.push_back(std::exchange(separator, ','));
      out_.push_back('"');
      append_number(out_, visit.hop);
      out_.append("\":\"").append(to_string(visit.outcome));
      if (visit.status != 0 && visit.outcome != Outcome::delivered) {
        out_.push_back(' ');
        append_number(out_, visit.status);
      }
      out_.push_back('"');
    }
    out_.push_back('}');
  }
  void configuration(const std::vector<ConfigValue>& values, std::size_t value_bytes_max) {
    key("configuration");
    char separator = '{';
    for (const ConfigValue& value : values) {
      out_.push_back(std::exchange(separator, ','));
      quote(value.name, 64);
      out_.append(":{\"value\":");
      quote(value.value, value_bytes_max);
      out_.append(",\"source\":");
      quote(value.source, 32);
      out_.push_back('}');
    }
    out_.append(values.empty() ? "{}" : "}");
  }

 private:
  void key(std::string_view name) { out_.append(",\"").append(name).append("\":"); }
  void quote(std::string_view value, std::size_t bytes_max) {
    out_.push_back('"');
    append_json(out_, value, bytes_max);
    out_.push_back('"');
  }
  void entry(std::string_view pod, bool separated) {
    out_.append(separated ? ",\"" : "\"");
    append_json(out_, pod);
    out_.push_back('"');
  }

  std::string& out_;
};

/// The same for people: ` name=value`, quoted where it has blanks.
class TextFields {
 public:
  explicit TextFields(std::string& out) : out_{out} {}

  void text(std::string_view name, std::string_view value, std::size_t bytes_max = kTextBytesMax) {
    key(name);
    quote(value, bytes_max);
  }
  void number(std::string_view name, std::integral auto value) {
    key(name);
    append_number(out_, value);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    out_.append(value ? "yes" : "no");
  }
  void nothing(std::string_view name) {
    key(name);
    out_.append("none");
  }
  void hex(std::string_view name, std::uint64_t value) {
    key(name);
    append_hex(out_, value);
  }
  void id(std::string_view name, EnvelopeId value) {
    key(name);
    append_id(out_, value);
  }
  void address(std::string_view name, Address value) {
    key(name);
    append_address(out_, value);
  }
  void addresses(std::string_view name, std::span<const Address> values) {
    key(name);
    out_.push_back('[');
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out_.push_back(' ');
      append_address(out_, values[i]);
    }
    out_.push_back(']');
  }
  void trace(const std::vector<TraceEntry>& trace, const Cut& cut, std::uint64_t omitted) {
    out_.append(" trace=[");
    names(trace, cut, omitted);
    out_.push_back(']');
  }
  /// The names with blanks between; a gap shows as "(3 omitted)".
  void names(const std::vector<TraceEntry>& trace, const Cut& cut, std::uint64_t omitted) {
    omitted += trace.size() - cut.first - cut.last;
    const bool has_own_gap = omitted > 0 && cut.first == trace.size();
    const std::size_t gap_at = has_own_gap ? std::min(trace.size(), kTraceFirstKept) : cut.first;
    bool blank = false;
    for (std::size_t i = 0; i <= trace.size(); ++i) {
      if (omitted > 0 && i == gap_at) {
        out_.append(blank ? " (" : "(");
        append_number(out_, omitted);
        out_.append(" omitted)");
        blank = true;
      }
      if (i == trace.size() || (i >= cut.first && i < trace.size() - cut.last)) continue;
      if (blank) out_.push_back(' ');
      append_plain(out_, trace[i].pod);
      blank = true;
    }
  }
  void detours(const std::vector<DetourEntry>& detours) {
    if (detours.empty()) return;
    key("detours");
    out_.push_back('[');
    for (std::size_t i = 0; i < detours.size(); ++i) {
      out_.append(i > 0 ? " hop " : "hop ");
      append_number(out_, detours[i].hop);
      out_.append(" try ");
      append_number(out_, detours[i].attempt);
    }
    out_.push_back(']');
  }
  void outcomes(std::span<const VisitOutcome> outcomes) {
    if (outcomes.empty()) return;
    key("outcomes");
    char separator = '[';
    for (const VisitOutcome& visit : outcomes) {
      out_.push_back(std::exchange(separator, ' '));
      append_number(out_, visit.hop);
      out_.append(":").append(to_string(visit.outcome));
    }
    out_.push_back(']');
  }
  void configuration(const std::vector<ConfigValue>& values, std::size_t value_bytes_max) {
    for (const ConfigValue& value : values) {
      out_.push_back(' ');
      append_plain(out_, value.name, 64);
      out_.push_back('=');
      quote(value.value, value_bytes_max);
    }
  }

 private:
  void key(std::string_view name) {
    out_.push_back(' ');
    out_.append(name).push_back('=');
  }
  void quote(std::string_view value, std::size_t bytes_max) {
    const bool plain = !value.empty() && value.find_first_of(" \"=") == std::string_view::npos;
    if (!plain) out_.push_back('"');
    append_plain(out_, value, bytes_max);
    if (!plain) out_.push_back('"');
  }

  std::string& out_;
};

}  // namespace podring::observe
