#include "observe/line_format.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <type_traits>

#include "observe/event_fields.h"
#include "observe/line_fields.h"

namespace podring::observe {
namespace {

/// Room for what follows a message and its trace: sender, counts, 32 detours.
constexpr std::size_t kTailReserve = 1400;
constexpr std::size_t kEscapedPerByteMax = 6;
constexpr std::size_t kOutcomesInLine = 200;  // of an end
constexpr std::size_t kOutcomeBytes = 24;     // "1234":"timed_out 503",
constexpr std::int64_t kMicros = 1'000'000;

template <typename AnyEvent>
constexpr bool kHasTrace = std::is_same_v<AnyEvent, Visited> || std::is_same_v<AnyEvent, Ended>;

void write_started(auto& out, const Identity& self, const Started& event) {
  out.address("address", self.address);
  out.text("uid", self.uid);
  out.text("node", self.node);
  out.text("version", event.version);
  out.text("ring", event.ring);
  const std::size_t count = std::max<std::size_t>(event.configuration.size(), 1);
  out.configuration(event.configuration, std::min<std::size_t>(kConfigValueBytesMax, 8192 / count));
}

/// The cut for an envelope in a line that has `used` bytes already.
template <typename SizeOf>
Cut cut_of(const Envelope& envelope, std::string_view message, const std::vector<TraceEntry>& trace,
           std::size_t used, std::size_t separator, SizeOf size_of) {
  const std::size_t trace_bytes = envelope.tail.size() - envelope.trace_at;
  const std::size_t room = kLineBytesMax - std::min(kLineBytesMax, used + kTailReserve);
  if ((message.size() + trace_bytes) * kEscapedPerByteMax <= room) {  // whatever is in it
    return {std::string::npos, trace.size(), 0};
  }
  return cut_to(room, message.empty() ? 0 : size_of(message), trace, envelope.trace_omitted > 0,
                separator, size_of);
}

void write_visit(JsonFields& out, std::string& line, std::size_t start, const Visited& event,
                 const std::vector<TraceEntry>& trace) {
  const Envelope& envelope = event.envelope;
  const std::string_view message = envelope.message();
  out.id("id", envelope.head.id);
  out.number("hop", envelope.head.hop);
  out.number("lap", envelope.head.lap);
  const Cut cut = cut_of(envelope, message, trace, line.size() - start, 3, json_size);
  line.append(",\"message\":\"");
  const std::size_t shown = append_json(line, message, cut.message_bytes_max);
  line.push_back('"');
  if (shown < message.size()) out.number("message_bytes", message.size());
  out.trace(trace, cut, envelope.trace_omitted);
  out.address("sender_pod_ip", event.sender);
  out.detours(envelope.detours);
}

template <typename Fields>
void write_end(Fields& out, const std::string& line, std::size_t start, const Ended& event,
               const std::vector<TraceEntry>& trace) {
  const Envelope& envelope = event.envelope;
  out.id("id", envelope.head.id);
  out.number("hop", envelope.head.hop);
  out.number("lap", envelope.head.lap);
  const std::vector<VisitOutcome> outcomes = annotations_of(envelope).outcomes;
  const std::size_t told = std::min(outcomes.size(), kOutcomesInLine);  // the newest
  const Cut cut =
      cut_of(envelope, {}, trace, line.size() - start + told * kOutcomeBytes, 3, json_size);
  out.trace(trace, cut, envelope.trace_omitted);
  out.detours(envelope.detours);
  out.outcomes(std::span{outcomes}.last(told));
}

}  // namespace

std::size_t view_parts(const ViewChanged& change) {
  const std::size_t addresses = change.added.size() + change.removed.size();
  return std::max<std::size_t>(1, (addresses + kViewAddressesPerLine - 1) / kViewAddressesPerLine);
}

std::string_view event_name(const Event& event) {
  return std::visit([](const auto& one) { return name_of(one); }, event);
}
std::string_view event_name(const NodeEvent& event) {
  return std::visit([](const auto& one) { return name_of(one); }, event);
}
Level level_of(const Event& event) {
  return std::visit([](const auto& one) { return level_of_one(one); }, event);
}
Level level_of(const NodeEvent& event) {
  return std::visit([](const auto& one) { return level_of_one(one); }, event);
}

LogTicket ticket_of(const Event& event) {
  if (const auto* safe = std::get_if<SafeConfirmed>(&event)) return safe->ticket;
  if (const auto* ended = std::get_if<Ended>(&event)) return ended->ticket;
  return 0;
}

LineFormat::LineFormat(const Identity& self) : self_{self} {
  who_ = ",\"pod\":\"";
  append_json(who_, self.pod);
  who_ += "\",\"boot\":\"";
  append_hex(who_, self.boot.value);
  who_ += '"';
}

/// RFC 3339 with microseconds; the part up to the second is made once a second.
void LineFormat::append_time(std::string& out, WallTime at) {
  std::int64_t second = at.micros / kMicros;
  std::int64_t micros = at.micros % kMicros;
  if (micros < 0) {
    micros += kMicros;
    --second;
  }
  if (second != second_) {
    const std::time_t seconds = second;
    std::tm parts{};
    std::array<char, 40> text{};
    gmtime_r(&seconds, &parts);
    second_text_.assign(text.data(),
                        std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &parts));
    second_ = second;
  }
  out.append(second_text_);
  std::array<char, 7> digits{'0', '0', '0', '0', '0', '0', 'Z'};
  for (std::size_t i = 6; i-- > 0; micros /= 10) digits[i] = static_cast<char>('0' + micros % 10);
  out.append(digits.data(), digits.size());
}

std::string LineFormat::error_line(WallTime at, Level level, std::string_view event,
                                   std::string_view detail, std::string_view pod) {
  std::string line = "{\"ts\":\"";
  LineFormat{Identity{}}.append_time(line, at);
  line.append("\",\"level\":\"").append(to_string(level)).push_back('"');
  JsonFields fields{line};
  fields.text("event", event);
  if (!pod.empty()) fields.text("pod", pod);
  fields.text("detail", detail, 2 * kTextBytesMax);
  return line += "}\n";
}

template <typename AnyEvent>
void LineFormat::json_line(std::string& out, WallTime at, std::string_view name,
                           const AnyEvent& event, const Level* level, std::uint64_t seq) {
  const std::size_t start = out.size();
  out.append("{\"ts\":\"");
  append_time(out, at);
  if (level != nullptr) out.append("\",\"level\":\"").append(to_string(*level));
  out.append("\",\"event\":\"").append(name).push_back('"');
  out.append(who_);
  JsonFields fields{out};
  if (level != nullptr) fields.number("seq", seq);
  if constexpr (kHasTrace<AnyEvent>) trace_into(event.envelope, trace_);
  if constexpr (std::is_same_v<AnyEvent, Visited>) {
    write_visit(fields, out, start, event, trace_);
  } else if constexpr (std::is_same_v<AnyEvent, Ended>) {
    write_end(fields, out, start, event, trace_);
  } else if constexpr (std::is_same_v<AnyEvent, Started>) {
    write_started(fields, self_, event);
  } else {
    write_fields(fields, event);
  }
  out.push_back('}');
  if (level != nullptr) out.push_back('\n');
}

template <typename AnyEvent>
void LineFormat::text_line(std::string& out, WallTime at, Level level, std::string_view name,
                           const AnyEvent& event) {
  const std::size_t start = out.size();
  if constexpr (kHasTrace<AnyEvent>) trace_into(event.envelope, trace_);
  if constexpr (std::is_same_v<AnyEvent, Visited>) {
    const Envelope& envelope = event.envelope;
    const std::string_view message = envelope.message();
    out.append("received JSON from pod '");
    append_plain(out, self_.pod);
    out.append("': {Message:");
    const Cut cut = cut_of(envelope, message, trace_, out.size() - start, 1, plain_size);
    const std::size_t shown = append_plain(out, message, cut.message_bytes_max);
    if (shown < message.size()) {
      out.append("... (");
      append_number(out, message.size());
      out.append(" bytes)");
    }
    out.append(" Trace:[");
    TextFields{out}.names(trace_, cut, envelope.trace_omitted);
    out.append("] SenderPodIP:");
    append_address(out, event.sender);
    out.append("}\n");
    return;
  }
  append_time(out, at);
  out.push_back(' ');
  out.append(to_string(level)).push_back(' ');
  out.append(name);
  TextFields fields{out};
  if constexpr (std::is_same_v<AnyEvent, Ended>) {
    write_end(fields, out, start, event, trace_);
  } else if constexpr (std::is_same_v<AnyEvent, Started>) {
    fields.text("pod", self_.pod);
    fields.hex("boot", self_.boot.value);
    write_started(fields, self_, event);
  } else if constexpr (!std::is_same_v<AnyEvent, Visited>) {
    write_fields(fields, event);
  }
  out.push_back('\n');
}

void LineFormat::json(std::string& out, WallTime at, Level level, std::uint64_t seq,
                      const Event& event) {
  std::visit([&](const auto& one) { json_line(out, at, name_of(one), one, &level, seq); }, event);
}
void LineFormat::json(std::string& out, WallTime at, Level level, std::uint64_t seq,
                      const NodeEvent& event) {
  std::visit([&](const auto& one) { json_line(out, at, name_of(one), one, &level, seq); }, event);
}
void LineFormat::json(std::string& out, WallTime at, Level level, std::uint64_t seq,
                      const ViewPart& part) {
  json_line(out, at, name_of(*part.change), part, &level, seq);
}
void LineFormat::json(std::string& out, WallTime at, Level level, std::uint64_t seq,
                      DroppedLines dropped) {
  json_line(out, at, "dropped_lines", dropped, &level, seq);
}

void LineFormat::text(std::string& out, WallTime at, Level level, const Event& event) {
  std::visit([&](const auto& one) { text_line(out, at, level, name_of(one), one); }, event);
}
void LineFormat::text(std::string& out, WallTime at, Level level, const NodeEvent& event) {
  std::visit([&](const auto& one) { text_line(out, at, level, name_of(one), one); }, event);
}
void LineFormat::text(std::string& out, WallTime at, Level level, const ViewPart& part) {
  text_line(out, at, level, name_of(*part.change), part);
}
void LineFormat::text(std::string& out, WallTime at, Level level, DroppedLines dropped) {
  text_line(out, at, level, "dropped_lines", dropped);
}

void LineFormat::feed(std::string& out, WallTime at, const Event& event) {
  std::visit([&](const auto& one) { json_line(out, at, name_of(one), one, nullptr, 0); }, event);
}
void LineFormat::feed(std::string& out, WallTime at, const NodeEvent& event) {
  std::visit([&](const auto& one) { json_line(out, at, name_of(one), one, nullptr, 0); }, event);
}

}  // namespace podring::observe
