// Each event's name, level and fields, once, for every format. proto-docs/log-lines.md is the same
// for readers; a test compares the two. Only line_format.cc includes it.
#pragma once

#include <chrono>
#include <string_view>

#include "observe/line_fields.h"
#include "observe/line_format.h"

namespace podring::observe {

[[nodiscard]] inline std::int64_t micros_of(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}
[[nodiscard]] inline std::int64_t millis_of(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// ---- names
inline std::string_view name_of(const Visited&) { return "received"; }
inline std::string_view name_of(const Seeded&) { return "seeded"; }
inline std::string_view name_of(const SafeConfirmed&) { return "safe"; }
inline std::string_view name_of(const Ended& event) {
  return event.end == End::expired ? "expired" : "completed";
}
inline std::string_view name_of(const ReceiptArrived&) { return "receipt"; }
inline std::string_view name_of(const DetourTaken&) { return "detour"; }
inline std::string_view name_of(const DuplicateDropped&) { return "duplicate"; }
inline std::string_view name_of(const LinkUp&) { return "link_up"; }
inline std::string_view name_of(const LinkDown&) { return "link_down"; }
inline std::string_view name_of(const SuccessorChanged&) { return "successor"; }
inline std::string_view name_of(const PeerHealth&) { return "peer_health"; }
inline std::string_view name_of(const ViewChanged&) { return "view"; }
inline std::string_view name_of(const HelloRefused&) { return "hello_refused"; }
inline std::string_view name_of(const Shed&) { return "shed"; }
inline std::string_view name_of(const LeavingStarted&) { return "leaving"; }
inline std::string_view name_of(const HeldAtExit&) { return "held_at_exit"; }
inline std::string_view name_of(const Started&) { return "started"; }
inline std::string_view name_of(const Ready&) { return "ready"; }
inline std::string_view name_of(const Stopped&) { return "stopped"; }
inline std::string_view name_of(const StartSeeds&) { return "start_seeds"; }
inline std::string_view name_of(const NamesAnswered&) { return "dns"; }
inline std::string_view name_of(const FrontEndShed&) { return "shed"; }
inline std::string_view name_of(const LoopLagged&) { return "lag"; }
inline std::string_view name_of(const TransportTrouble&) { return "transport"; }
inline std::string_view name_of(const LaneChanged&) { return "lane"; }
inline std::string_view name_of(const LaneMeasured&) { return "lane_measured"; }
inline std::string_view name_of(const ProgramAnswered& event) {
  return event.visit.outcome == Outcome::delivered ? "delivered" : "delivery_failed";
}
inline std::string_view name_of(const ProgramAway&) { return "program"; }
inline std::string_view name_of(const Warned&) { return "warning"; }

// ---- levels
/// Late ones may make more arrive in a period than were expected in it.
inline std::uint64_t missing_of(const LaneCounts& counts) {
  return counts.expected > counts.received ? counts.expected - counts.received : 0;
}
template <typename AnyEvent>
Level level_of_one(const AnyEvent&) {
  return Level::info;
}
inline Level level_of_one(const LinkDown& event) {
  return event.reason == LinkDownReason::idle ? Level::info : Level::warn;
}
inline Level level_of_one(const SuccessorChanged& event) {
  return event.successor ? Level::info : Level::warn;
}
inline Level level_of_one(const HelloRefused&) { return Level::warn; }
inline Level level_of_one(const Shed&) { return Level::warn; }
inline Level level_of_one(const HeldAtExit&) { return Level::error; }
inline Level level_of_one(const Stopped& event) {
  return event.exit_code != 0 ? Level::error : event.grace_over ? Level::warn : Level::info;
}
inline Level level_of_one(const StartSeeds& event) {
  return event.error.empty() ? Level::info : Level::warn;
}
inline Level level_of_one(const NamesAnswered& event) {
  return event.outcome == NamesAnswered::Outcome::unknown ? Level::warn : Level::info;
}
inline Level level_of_one(const FrontEndShed&) { return Level::warn; }
inline Level level_of_one(const LoopLagged&) { return Level::warn; }
inline Level level_of_one(const TransportTrouble&) { return Level::warn; }
inline Level level_of_one(const LaneChanged& event) {
  return event.open ? Level::info : Level::warn;
}
inline Level level_of_one(const LaneMeasured& event) {
  // A few may go missing anywhere; what stays above 1 % is to be looked at.
  constexpr std::uint64_t kFew = 3;
  const auto much = [](std::uint64_t lost, std::uint64_t of) {
    return lost >= kFew && lost * 100 >= of;
  };
  const LaneCounts& counts = event.counts;
  const std::uint64_t missing = missing_of(counts);
  return much(counts.lost, counts.sent) || much(missing, counts.expected) ? Level::warn
                                                                          : Level::info;
}
inline Level level_of_one(const ProgramAnswered& event) {
  return event.visit.outcome == Outcome::delivered ? Level::info : Level::warn;
}
inline Level level_of_one(const ProgramAway& event) {
  return event.away ? Level::warn : Level::info;
}
inline Level level_of_one(const Warned&) { return Level::warn; }

// ---- words
inline std::string_view word_of(End end) {
  return end == End::completed ? "completed" : end == End::expired ? "expired" : "running";
}
inline std::string_view word_of(LinkDownReason reason) {
  switch (reason) {
    case LinkDownReason::broken:
      return "broken";
    case LinkDownReason::silent:
      return "silent";
    case LinkDownReason::no_session:
      return "no_session";
    case LinkDownReason::refused:
      return "refused";
    case LinkDownReason::idle:
      return "idle";
  }
  return "broken";
}
inline std::string_view word_of(PeerHealth::State state) {
  switch (state) {
    case PeerHealth::State::up:
      return "up";
    case PeerHealth::State::down:
      return "down";
    case PeerHealth::State::leaving:
      return "leaving";
  }
  return "up";
}
inline std::string_view word_of(Shed::What what) {
  switch (what) {
    case Shed::What::transit_full:
      return "transit_full";
    case Shed::What::transit_over_queue:
      return "transit_over_queue";
    case Shed::What::ids_forgotten:
      return "ids_forgotten";
    case Shed::What::session_evicted:
      return "session_evicted";
    case Shed::What::trace_trimmed:
      return "trace_trimmed";
    case Shed::What::seeds_waiting:
      return "seeds_waiting";
    case Shed::What::envelopes_refused:
      return "envelopes_refused";
  }
  return "transit_full";
}
inline std::string_view word_of(NamesAnswered::Outcome outcome) {
  switch (outcome) {
    case NamesAnswered::Outcome::answer:
      return "answer";
    case NamesAnswered::Outcome::empty:
      return "empty";
    case NamesAnswered::Outcome::unknown:
      return "unknown";
  }
  return "unknown";
}

// ---- fields. Visited and Ended are in line_format.cc: they are cut to the line's bound.
template <typename Fields>
void write_fields(Fields& out, const Seeded& event) {
  out.id("id", event.first);
  out.number("count", event.count);
  out.number(event.limit_kind == LimitKind::hops ? "hops" : "laps", event.limit);
  out.address("sender_pod_ip", event.sender);
}
template <typename Fields>
void write_fields(Fields& out, const SafeConfirmed& event) {
  out.id("id", event.id);
}
template <typename Fields>
void write_fields(Fields& out, const ReceiptArrived& event) {
  out.id("id", event.envelope.head.id);
  out.text("end", word_of(event.end));
  out.number("hop", event.envelope.head.hop);
}
template <typename Fields>
void write_fields(Fields& out, const DetourTaken& event) {
  out.id("id", event.id);
  out.number("hop", event.hop);
  out.number("try", event.attempt);
  out.address("from_successor", event.from_successor);
}
template <typename Fields>
void write_fields(Fields& out, const DuplicateDropped& event) {
  out.id("id", event.id);
  out.number("lap", event.lap);
  out.address("sender_pod_ip", event.sender);
  out.flag("held", event.held);
}
template <typename Fields>
void write_fields(Fields& out, const LinkUp& event) {
  out.address("peer", event.peer);
  out.text("peer_pod", event.identity.pod);
  out.text("peer_node", event.identity.node);
  out.hex("peer_boot", event.identity.boot.value);
  out.number("session", event.session);
  out.number("version", event.version);
}
template <typename Fields>
void write_fields(Fields& out, const LinkDown& event) {
  out.address("peer", event.peer);
  out.text("reason", word_of(event.reason));
  if (!event.detail.empty()) out.text("detail", event.detail);
  out.number("handed_back", event.handed_back);
}
template <typename Fields>
void write_fields(Fields& out, const SuccessorChanged& event) {
  if (event.successor) {
    out.address("successor", *event.successor);
  } else {
    out.nothing("successor");
  }
}
template <typename Fields>
void write_fields(Fields& out, const PeerHealth& event) {
  out.address("peer", event.peer);
  out.text("state", word_of(event.state));
}
template <typename Fields>
void write_fields(Fields& out, const ViewPart& part) {
  const ViewChanged& change = *part.change;
  const std::size_t from = (part.part - 1) * kViewAddressesPerLine;
  const auto slice = [&](const std::vector<Address>& addresses, std::size_t offset) {
    const std::size_t begin = std::min(std::max(from, offset) - offset, addresses.size());
    const std::size_t end =
        std::min(std::max(from + kViewAddressesPerLine, offset) - offset, addresses.size());
    return std::span{addresses}.subspan(begin, end - begin);
  };
  out.addresses("added", slice(change.added, 0));
  out.addresses("removed", slice(change.removed, change.added.size()));
  out.hex("digest", change.digest);
  out.number("size", change.size);
  if (part.parts > 1) {
    out.number("part", part.part);
    out.number("parts", part.parts);
  }
}
template <typename Fields>
void write_fields(Fields& out, const ViewChanged& event) {
  write_fields(out, ViewPart{&event, 1, view_parts(event)});
}
template <typename Fields>
void write_fields(Fields& out, const HelloRefused& event) {
  out.text("reason", event.reason);
  out.text("ring", event.ring);
  out.address("peer", event.identity.address);
  out.text("peer_pod", event.identity.pod);
  out.hex("peer_boot", event.identity.boot.value);
}
template <typename Fields>
void write_fields(Fields& out, const Shed& event) {
  out.text("what", word_of(event.what));
  out.number("count", event.count);
}
template <typename Fields>
void write_fields(Fields&, const LeavingStarted&) {}
template <typename Fields>
void write_fields(Fields& out, const HeldAtExit& event) {
  out.id("id", event.id);
}

template <typename Fields>
void write_fields(Fields& out, const Ready& event) {
  out.number("after_us", micros_of(event.after));
}
template <typename Fields>
void write_fields(Fields& out, const Stopped& event) {
  out.text("reason", event.reason);
  out.number("exit_code", event.exit_code);
  out.number("held", event.held);
  out.flag("grace_over", event.grace_over);
}
template <typename Fields>
void write_fields(Fields& out, const StartSeeds& event) {
  out.address("to", event.to);
  out.number("count", event.count);
  if (!event.error.empty()) out.text("error", event.error);
}
template <typename Fields>
void write_fields(Fields& out, const NamesAnswered& event) {
  out.text("outcome", word_of(event.outcome));
  out.text("name", event.name);
  if (!event.detail.empty()) out.text("detail", event.detail);
  out.number("addresses", event.addresses);
  if (event.ttl_s) out.number("ttl_s", *event.ttl_s);
  if (event.answer_age) out.number("answer_age_ms", millis_of(*event.answer_age));
}
template <typename Fields>
void write_fields(Fields& out, const FrontEndShed& event) {
  out.text("what", event.what);
  out.number("count", event.count);
}
template <typename Fields>
void write_fields(Fields& out, const LoopLagged& event) {
  out.number("late_us", micros_of(event.late));
}
template <typename Fields>
void write_fields(Fields& out, const TransportTrouble& event) {
  out.text("what", event.what);
  out.text("detail", event.detail);
}
template <typename Fields>
void write_fields(Fields& out, const LaneChanged& event) {
  out.address("peer", event.peer);
  out.flag("outgoing", event.outgoing);
  out.flag("open", event.open);
  if (event.round_trip) out.number("round_trip_us", micros_of(*event.round_trip));
  out.number("sent", event.sent);
  out.number("lost", event.lost);
  if (!event.detail.empty()) out.text("detail", event.detail);
}
template <typename Fields>
void write_fields(Fields& out, const LaneMeasured& event) {
  out.address("peer", event.peer);
  out.text("link", event.link);
  out.text("lane", event.lane);
  out.flag("open", event.open);
  if (event.round_trip) {
    out.number("round_trip_us", micros_of(*event.round_trip));
    out.number("jitter_us", micros_of(event.jitter));
  }
  out.number("path_mtu", event.path_mtu);
  out.number("sent", event.counts.sent);
  out.number("lost", event.counts.lost);
  if (event.counts.expected > 0) {
    out.number("received", event.counts.received);
    out.number("missing", missing_of(event.counts));
  }
  out.number("over_ms", millis_of(event.over));
}
template <typename Fields>
void write_fields(Fields& out, const ProgramAnswered& event) {
  out.id("id", event.id);
  out.number("hop", event.visit.hop);
  if (event.visit.outcome != Outcome::delivered) {
    out.text("outcome", to_string(event.visit.outcome));
  }
  out.number("attempt", event.attempts);
  if (event.visit.status != 0) out.number("status", event.visit.status);
  out.number("ms", millis_of(event.took));
  if (event.known) out.flag("known", true);
  if (event.visit.outcome != Outcome::delivered) out.text("detail", event.detail);
}
template <typename Fields>
void write_fields(Fields& out, const ProgramAway& event) {
  out.flag("away", event.away);
  out.text("target", event.target);
}
template <typename Fields>
void write_fields(Fields& out, const Warned& event) {
  out.text("detail", event.detail);
}
template <typename Fields>
void write_fields(Fields& out, const DroppedLines& event) {
  out.number("count", event.count);
  out.number("total", event.total);
}

}  // namespace podring::observe
