// The deliberate mutations of the protocol by name.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "planted/fault.h"

namespace podring::sim {

/// One of the core's or one of the lane's.
struct AnyMutation {
  constexpr AnyMutation() = default;
  constexpr AnyMutation(planted::Fault of_core) : core{of_core} {}
  constexpr AnyMutation(planted::LaneFault of_lane) : lane{of_lane} {}
  planted::Fault core = planted::Fault::none;
  planted::LaneFault lane = planted::LaneFault::none;
};

struct NamedMutation {
  const char* name;
  AnyMutation mutation;
};

inline constexpr std::array kMutations{
    NamedMutation{"duplicate_acked_as_safe", planted::Fault::duplicate_acked_as_safe},
    NamedMutation{"release_one_step_early", planted::Fault::release_one_step_early},
    NamedMutation{"self_hand_over_counts", planted::Fault::self_hand_over_counts},
    NamedMutation{"no_merge", planted::Fault::no_merge},
    NamedMutation{"wrong_lap_boundary", planted::Fault::wrong_lap_boundary},
    NamedMutation{"accept_equal_lap", planted::Fault::accept_equal_lap},
    NamedMutation{"no_reack", planted::Fault::no_reack},
    NamedMutation{"full_peer_acks", planted::Fault::full_peer_acks},
    NamedMutation{"custody_gates_sending", planted::Fault::custody_gates_sending},
    NamedMutation{"bubble_rule_off", planted::Fault::bubble_rule_off},
    NamedMutation{"held_ids_forgotten", planted::Fault::held_ids_forgotten},
    NamedMutation{"never_resend", planted::Fault::never_resend},
    NamedMutation{"no_reroute_of_received", planted::Fault::no_reroute_of_received},
    NamedMutation{"end_acked_before_logged", planted::Fault::end_acked_before_logged},
    NamedMutation{"stale_session_acks", planted::Fault::stale_session_acks},
    NamedMutation{"places_never_shrink", planted::Fault::places_never_shrink},
    NamedMutation{"program_not_waited_for", planted::Fault::program_not_waited_for},
    NamedMutation{"every_answer_is_yes", planted::Fault::every_answer_is_yes},
    NamedMutation{"any_address_believed", planted::Fault::any_address_believed},
    NamedMutation{"strangers_relay", planted::Fault::strangers_relay},
    NamedMutation{"any_token", planted::LaneFault::any_token},
    NamedMutation{"damaged_taken", planted::LaneFault::damaged_taken},
    NamedMutation{"unproven_lane", planted::LaneFault::unproven_lane},
    NamedMutation{"never_left", planted::LaneFault::never_left},
    NamedMutation{"never_used_again", planted::LaneFault::never_used_again},
    NamedMutation{"left_without_frames", planted::LaneFault::left_without_frames},
    NamedMutation{"lost_without_frames", planted::LaneFault::lost_without_frames},
    NamedMutation{"room_ignored", planted::LaneFault::room_ignored},
    NamedMutation{"room_leaks", planted::LaneFault::room_leaks},
    NamedMutation{"acks_unreceived", planted::LaneFault::acks_unreceived},
    NamedMutation{"repeats_taken", planted::LaneFault::repeats_taken},
    NamedMutation{"short_memory", planted::LaneFault::short_memory},
    NamedMutation{"black_hole_unnoticed", planted::LaneFault::black_hole_unnoticed},
};

[[nodiscard]] inline std::optional<AnyMutation> mutation_named(std::string_view name) {
  if (name == "none") return AnyMutation{};
  for (const NamedMutation& known : kMutations) {
    if (name == known.name) return known.mutation;
  }
  return std::nullopt;
}

}  // namespace podring::sim
