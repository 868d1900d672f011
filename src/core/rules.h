// The rules on which the promise rests (proto-docs/delivery.md), each a function of its own: one
// place to read them. Each has a named test; the simulator is built a second time with a header in
// the place of this one in which one rule at a time is wrong, and must notice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/annotations.h"
#include "core/codec.h"
#include "core/id_memory.h"
#include "core/ring.h"

namespace podring::rules {

// ---- which copies are accepted (section 3)

/// A hand-over from x to y counts one lap more.
[[nodiscard]] constexpr bool adds_lap(Address x, Address y, Address origin) {
  return passes(x, y, origin);
}
/// Only a later lap is accepted; anything else is a duplicate.
[[nodiscard]] constexpr bool is_later_lap(std::uint32_t lap_plus_one, std::uint32_t remembered) {
  return lap_plus_one > remembered;
}
/// What is remembered counts, held or not.
[[nodiscard]] constexpr bool is_remembered(const Remembered&) { return true; }
/// An id is held once: the later copy takes the earlier one's place.
[[nodiscard]] constexpr bool merges(const Remembered& record) {
  return record.held != Remembered::kNotHeld;
}
/// A duplicate is answered with the level of what it duplicates, once that was released.
[[nodiscard]] constexpr bool duplicate_is_settled(const Remembered& record) {
  return record.held == Remembered::kNotHeld;
}

// ---- what is acknowledged, and when (section 2)

/// What was dropped for want of credit is not acknowledged: its sender keeps it.
[[nodiscard]] constexpr std::optional<AckLevel> level_of_dropped() { return std::nullopt; }
/// An end is acknowledged once its line is written, and as nothing before.
[[nodiscard]] constexpr std::optional<AckLevel> level_of_unwritten_end() { return std::nullopt; }
/// What was acknowledged is acknowledged again to whoever sends again, or asks.
[[nodiscard]] constexpr bool is_acked_again(bool acked) { return acked; }
/// An ack speaks of the numbers of its own session.
[[nodiscard]] constexpr bool is_of_session(std::uint64_t its, std::uint64_t session) {
  return its == session;
}

// ---- who counts as a replica, and what that allows (section 2)

/// This peer's own site is never a further one.
[[nodiscard]] constexpr bool is_further_site(std::uint64_t site, std::uint64_t own) {
  return site != own;
}
/// The successor's last ack replaces what it said of replicas before.
[[nodiscard]] constexpr std::uint8_t replicas_kept(std::uint8_t) { return 0; }
/// Custody ends when the successor says that enough replicas hold it, or that it has ended.
[[nodiscard]] constexpr bool releases(AckLevel level) { return level != AckLevel::received; }

// ---- what is sent again (section 4)

[[nodiscard]] constexpr bool is_sent_again(bool received) { return !received; }
/// A dead session's envelopes are handed on elsewhere, received or not.
[[nodiscard]] constexpr bool is_rerouted(bool /*received*/) { return true; }

// ---- what counts against the queue (section 6)

/// What was sent leaves the queue when the successor has it: custody bounds nothing.
[[nodiscard]] constexpr bool sent_counts(bool received) { return !received; }
/// A seed leaves so many slots free, so that a full ring can move.
[[nodiscard]] constexpr std::size_t bubble() { return 1; }

// ---- who is believed (section 10)

/// A hello speaks for the address that it comes from, and for no other.
[[nodiscard]] constexpr bool speaks_for(Address source, Address claimed) {
  return source == claimed;
}
/// A live session of a process is replaced by a hello from the same source alone.
[[nodiscard]] constexpr bool may_replace(bool is_live, bool same_source) {
  return !is_live || same_source;
}
/// Who is no member, and was none lately, hands over its own messages and no others.
[[nodiscard]] constexpr bool may_relay(bool is_member, bool is_its_own) {
  return is_member || is_its_own;
}

// ---- what a program's answer is needed for

/// An envelope goes on when the program beside this pod has answered. A seed does not wait: its
/// client waits for `safe`, and its lap brings it here again.
[[nodiscard]] constexpr bool waits_for_program(bool seeded_here) { return !seeded_here; }
/// What is told of a visit is what the program said.
[[nodiscard]] constexpr Outcome reported_outcome(Outcome said) { return said; }

}  // namespace podring::rules
