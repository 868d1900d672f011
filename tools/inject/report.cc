#include "inject/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "http/json_text.h"
#include "terminal/text.h"

namespace podring::inject {
namespace {

using terminal::Colour, terminal::grouped, terminal::padded, terminal::painted, terminal::printable,
    terminal::shown;

std::string_view stage_name(Stage stage) {
  return stage == Stage::accepted ? "accepted" : stage == Stage::safe ? "safe" : "completed";
}

/// "12:00:00.123456", UTC.
std::string clock_of(WallTime at) {
  const auto seconds = static_cast<std::time_t>(at.micros / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 48> text;
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%06d", parts.tm_hour, parts.tm_min,
                parts.tm_sec, static_cast<int>(at.micros % 1'000'000));
  return text.data();
}

/// One row a visit, oldest first. Times are those of the pods' own clocks.
std::string trace_table(const Told& told, bool colour) {
  constexpr std::size_t kTraceFirst = kTraceFirstKept;
  std::size_t width = 3;
  for (const auto& [pod, at] : told.trace) {
    width = std::max(width, terminal::columns_of(printable(pod)));
  }
  std::string out = painted(padded("hop", 6, true) + "  " + padded("pod", width) + "  " +
                                padded("arrived (UTC)", 15) + "  since the hop before",
                            Colour::bold, colour) +
                    "\n";
  std::size_t hop = 0;
  for (std::size_t i = 0; i < told.trace.size(); ++i, ++hop) {
    if (i == kTraceFirst && told.trace_omitted > 0) {
      out += padded("...", 6, true) + "  " +
             painted(grouped(told.trace_omitted) + " hops that the trace does not hold",
                     Colour::dim, colour) +
             "\n";
      hop += told.trace_omitted;
    }
    const auto& [pod, at] = told.trace[i];
    out += padded(std::to_string(hop), 6, true) + "  " + padded(printable(pod), width) + "  " +
           clock_of(at);
    if (i > 0 && !(i == kTraceFirst && told.trace_omitted > 0)) {
      const auto since = at.micros - told.trace[i - 1].second.micros;
      out += "  " + std::string{since < 0 ? "-" : "+"} +
             shown(std::chrono::microseconds{std::abs(since)});
    }
    out += "\n";
  }
  out += padded(std::to_string(hop), 6, true) + "  " +
         painted(std::string{to_string(told.fate) == "expired" ? "expired" : "completed"} +
                     " at the pod after these",
                 Colour::dim, colour) +
         "\n";
  return out;
}

Colour colour_of(Fate fate) {
  return fate == Fate::reached                            ? Colour::green
         : fate == Fate::expired || fate == Fate::refused ? Colour::red
                                                          : Colour::yellow;
}

std::string words_of(Fate fate, Stage wait) {
  switch (fate) {
    case Fate::reached:
      return std::string{stage_name(wait)};
    case Fate::expired:
      return "expired";
    case Fate::refused:
      return "refused";
    case Fate::timed_out:
      return "not " + std::string{stage_name(wait)} + " in time; it may still go on";
    case Fate::unknown:
      break;
  }
  return "unknown: it may have been taken, and nobody is left to tell";
}

std::string one_message(const Options& options, const Told& told, bool colour) {
  std::string out = painted(words_of(told.fate, options.wait), colour_of(told.fate), colour);
  if (!told.id.empty()) out += "  " + told.id;
  out += "  " + shown(told.latency) + "\n";
  if (!told.trace.empty()) out += trace_table(told, colour);
  return out;
}

std::string many_messages(const Options& options, const Tally& tally, const RunFacts& facts,
                          bool colour) {
  const std::uint64_t reached = tally.of(Fate::reached);
  const double seconds = std::max(std::chrono::duration<double>(facts.took).count(), 1e-6);
  std::string out =
      painted(grouped(reached) + " of " + grouped(options.count) + " " +
                  std::string{stage_name(options.wait)},
              reached == options.count ? Colour::green : Colour::yellow, colour) +
      " in " + shown(facts.took) + " (" +
      grouped(static_cast<std::uint64_t>(std::llround(static_cast<double>(reached) / seconds))) +
      " a second)\n";
  if (const auto latency = tally.latencies()) {
    out += "latency  min " + shown(latency->min) + "  p50 " + shown(latency->p50) + "  p90 " +
           shown(latency->p90) + "  p99 " + shown(latency->p99) + "  max " + shown(latency->max) +
           "\n";
  }
  for (const Fate fate : {Fate::refused, Fate::expired, Fate::timed_out, Fate::unknown}) {
    if (tally.of(fate) == 0) continue;
    out += painted(grouped(tally.of(fate)) + " " + words_of(fate, options.wait), colour_of(fate),
                   colour) +
           "\n";
  }
  if (tally.ended() < options.count)
    out += grouped(options.count - tally.ended()) + " were not tried\n";
  if (tally.retries() > 0)
    out += grouped(tally.retries()) + " times tried again, the ring was full or busy\n";
  return out;
}

}  // namespace

Exit exit_of(const Options& options, const Tally& tally, const RunFacts& facts) {
  if (facts.interrupted) return Exit::interrupted;
  if (!facts.gave_up.empty()) return Exit::unreachable;
  return tally.of(Fate::reached) == options.count ? Exit::done : Exit::not_all;
}

std::string report_text(const Options& options, const Tally& tally, const RunFacts& facts,
                        bool colour) {
  if (!facts.gave_up.empty()) return {};
  std::string out = options.count == 1 && tally.told().size() == 1
                        ? one_message(options, tally.told().front(), colour)
                        : many_messages(options, tally, facts, colour);
  for (const auto& [reason, times] : tally.reasons()) {
    out += "  " + (times > 1 ? grouped(times) + " x " : std::string{}) + printable(reason) + "\n";
  }
  return out;
}

std::string report_json(const Options& options, const Tally& tally, const RunFacts& facts) {
  const auto us = [](Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  };
  http::JsonText json;
  json.open_object().field("count", options.count).field("wait", stage_name(options.wait));
  for (const Fate fate :
       {Fate::reached, Fate::expired, Fate::refused, Fate::timed_out, Fate::unknown}) {
    json.field(to_string(fate), tally.of(fate));
  }
  json.field("not_tried", options.count - tally.ended()).field("retries", tally.retries());
  json.field("took_us", us(facts.took)).field("interrupted", facts.interrupted);
  if (!facts.gave_up.empty()) json.field("error", facts.gave_up);
  json.key("latency_us");
  if (const auto latency = tally.latencies()) {
    json.open_object()
        .field("min", us(latency->min))
        .field("p50", us(latency->p50))
        .field("p90", us(latency->p90))
        .field("p99", us(latency->p99))
        .field("max", us(latency->max))
        .close_object();
  } else {
    json.null();
  }
  json.key("reasons").open_object();
  for (const auto& [reason, times] : tally.reasons()) json.field(reason, times);
  json.close_object().key("messages").open_array();
  for (const Told& told : tally.told()) {
    json.open_object().field("id", told.id).field("fate", to_string(told.fate));
    json.field("latency_us", us(told.latency));
    if (!told.trace.empty()) {
      json.key("trace").open_array();
      for (const auto& [pod, at] : told.trace) json.value(pod);
      json.close_array().key("at_us").open_array();
      for (const auto& [pod, at] : told.trace) json.value(at.micros);
      json.close_array();
    }
    if (told.trace_omitted > 0) json.field("trace_omitted", told.trace_omitted);
    json.close_object();
  }
  json.close_array().field("messages_omitted", tally.ended() - tally.told().size());
  return json.close_object().take() + "\n";
}

}  // namespace podring::inject
