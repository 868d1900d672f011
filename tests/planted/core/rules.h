// In the place of src/core/rules.h: the same functions, each of which is wrong when its fault is
// planted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/annotations.h"
#include "core/codec.h"
#include "core/id_memory.h"
#include "core/ring.h"
#include "planted/fault.h"

namespace podring::rules {

using planted::Fault;

[[nodiscard]] inline bool is(Fault fault) { return planted::current() == fault; }

[[nodiscard]] inline bool adds_lap(Address x, Address y, Address origin) {
  if (!is(Fault::wrong_lap_boundary)) return passes(x, y, origin);
  return x < y ? x <= origin && origin < y : x <= origin || origin < y;
}
[[nodiscard]] inline bool is_later_lap(std::uint32_t lap_plus_one, std::uint32_t remembered) {
  return lap_plus_one > remembered || (is(Fault::accept_equal_lap) && lap_plus_one == remembered);
}
[[nodiscard]] inline bool is_remembered(const Remembered& record) {
  return !is(Fault::held_ids_forgotten) || record.held == Remembered::kNotHeld;
}
[[nodiscard]] inline bool merges(const Remembered& record) {
  return record.held != Remembered::kNotHeld && !is(Fault::no_merge);
}
[[nodiscard]] inline bool duplicate_is_settled(const Remembered& record) {
  return record.held == Remembered::kNotHeld || is(Fault::duplicate_acked_as_safe);
}
[[nodiscard]] inline std::optional<AckLevel> level_of_dropped() {
  return is(Fault::full_peer_acks) ? std::optional{AckLevel::received} : std::nullopt;
}
[[nodiscard]] inline std::optional<AckLevel> level_of_unwritten_end() {
  return is(Fault::end_acked_before_logged) ? std::optional{AckLevel::final} : std::nullopt;
}
[[nodiscard]] inline bool is_acked_again(bool acked) { return acked && !is(Fault::no_reack); }
[[nodiscard]] inline bool is_of_session(std::uint64_t its, std::uint64_t session) {
  return its == session || is(Fault::stale_session_acks);
}
[[nodiscard]] inline bool speaks_for(Address source, Address claimed) {
  return source == claimed || is(Fault::any_address_believed);
}
[[nodiscard]] inline bool may_replace(bool is_live, bool same_source) {
  return !is_live || same_source || is(Fault::any_address_believed);
}
[[nodiscard]] inline bool may_relay(bool is_member, bool is_its_own) {
  return is_member || is_its_own || is(Fault::strangers_relay);
}
[[nodiscard]] inline bool is_further_site(std::uint64_t site, std::uint64_t own) {
  return site != own || is(Fault::self_hand_over_counts);
}
[[nodiscard]] inline std::uint8_t replicas_kept(std::uint8_t count) {
  return is(Fault::places_never_shrink) ? count : std::uint8_t{0};
}
[[nodiscard]] inline bool releases(AckLevel level) {
  return level != AckLevel::received || is(Fault::release_one_step_early);
}
[[nodiscard]] inline bool is_sent_again(bool received) {
  return !received && !is(Fault::never_resend);
}
[[nodiscard]] inline bool is_rerouted(bool received) {
  return !received || !is(Fault::no_reroute_of_received);
}
[[nodiscard]] inline bool sent_counts(bool received) {
  return !received || is(Fault::custody_gates_sending);
}
[[nodiscard]] inline std::size_t bubble() { return is(Fault::bubble_rule_off) ? 0 : 1; }

[[nodiscard]] inline bool waits_for_program(bool seeded_here) {
  return !seeded_here && !is(Fault::program_not_waited_for);
}
[[nodiscard]] inline Outcome reported_outcome(Outcome said) {
  return is(Fault::every_answer_is_yes) ? Outcome::delivered : said;
}

}  // namespace podring::rules
