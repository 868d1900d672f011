// The wrong rules that the simulator must notice: one of them can be planted in a process that is
// built with them (tests/planted). Every other build has none.
#pragma once

#include <cstdint>

namespace podring::planted {

/// What is wrong with the core (tests/planted/core/rules.h).
enum class Fault : std::uint8_t {
  none,
  duplicate_acked_as_safe,
  release_one_step_early,  ///< released at `received`
  self_hand_over_counts,   ///< the own site counts as a further one
  no_merge,                ///< an id that comes back does not take the held one's place
  wrong_lap_boundary,      ///< [x, y) in place of (x, y]
  accept_equal_lap,        ///< >= for >
  no_reack,                ///< a repeated sequence number is not answered
  full_peer_acks,          ///< says received and drops
  custody_gates_sending,   ///< held envelopes count against the queue
  bubble_rule_off,
  held_ids_forgotten,
  never_resend,
  no_reroute_of_received,  ///< a dead session hands back only what was not received
  end_acked_before_logged,
  stale_session_acks,  ///< an ack for a dead session is believed
  places_never_shrink,
  program_not_waited_for,  ///< an envelope goes on before its program has answered
  every_answer_is_yes,     ///< what the program did not take is called delivered
  any_address_believed,    ///< a hello may name any address, and replace any session
  strangers_relay,         ///< who is no member may hand over anything
};

/// What is wrong with the lane (tests/planted/lane/rules.h).
enum class LaneFault : std::uint8_t {
  none,
  any_token,             ///< a datagram is taken without looking at its token
  damaged_taken,         ///< of what is not well formed, the beginning is taken
  unproven_lane,         ///< open as soon as anything has come
  never_left,            ///< stays open when nothing comes back any more
  never_used_again,      ///< a lane that failed once is never opened
  left_without_frames,   ///< what is under way when the lane is left is forgotten
  lost_without_frames,   ///< frames of a lost datagram are not handed back
  room_ignored,          ///< the receiver's stated room bounds nothing
  room_leaks,            ///< what is handed back counts as in flight for ever
  acks_unreceived,       ///< an ack has no gaps
  repeats_taken,         ///< a number that has come before is read again
  short_memory,          ///< only the newest 8 numbers are known to have come
  black_hole_unnoticed,  ///< datagrams that the path does not take any more are sent on and on
};

/// From here on this process works by the wrong rule. False: this build has no wrong rules.
[[nodiscard]] bool plant(Fault fault);
[[nodiscard]] bool plant(LaneFault fault);
// Those that are planted.
[[nodiscard]] Fault current();
[[nodiscard]] LaneFault current_in_lane();

}  // namespace podring::planted
