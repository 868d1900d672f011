// The deliberate mutations of the protocol by name.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "core/peer.h"
#include "lane/mutation.h"

namespace podring::sim {

/// One of the core's or one of the lane's.
struct AnyMutation {
  constexpr AnyMutation() = default;
  constexpr AnyMutation(Mutation of_core) : core{of_core} {}
  constexpr AnyMutation(lane::Mutation of_lane) : lane{of_lane} {}
  Mutation core = Mutation::none;
  lane::Mutation lane = lane::Mutation::none;
};

struct NamedMutation {
  const char* name;
  AnyMutation mutation;
};

inline constexpr std::array kMutations{
    NamedMutation{"duplicate_acked_as_safe", Mutation::duplicate_acked_as_safe},
    NamedMutation{"release_one_step_early", Mutation::release_one_step_early},
    NamedMutation{"self_hand_over_counts", Mutation::self_hand_over_counts},
    NamedMutation{"no_merge", Mutation::no_merge},
    NamedMutation{"wrong_lap_boundary", Mutation::wrong_lap_boundary},
    NamedMutation{"accept_equal_lap", Mutation::accept_equal_lap},
    NamedMutation{"no_reack", Mutation::no_reack},
    NamedMutation{"full_peer_acks", Mutation::full_peer_acks},
    NamedMutation{"custody_gates_sending", Mutation::custody_gates_sending},
    NamedMutation{"bubble_rule_off", Mutation::bubble_rule_off},
    NamedMutation{"held_ids_forgotten", Mutation::held_ids_forgotten},
    NamedMutation{"never_resend", Mutation::never_resend},
    NamedMutation{"no_reroute_of_received", Mutation::no_reroute_of_received},
    NamedMutation{"end_acked_before_logged", Mutation::end_acked_before_logged},
    NamedMutation{"stale_session_acks", Mutation::stale_session_acks},
    NamedMutation{"places_never_shrink", Mutation::places_never_shrink},
    NamedMutation{"program_not_waited_for", Mutation::program_not_waited_for},
    NamedMutation{"every_answer_is_yes", Mutation::every_answer_is_yes},
    NamedMutation{"any_token", lane::Mutation::any_token},
    NamedMutation{"damaged_taken", lane::Mutation::damaged_taken},
    NamedMutation{"unproven_lane", lane::Mutation::unproven_lane},
    NamedMutation{"never_left", lane::Mutation::never_left},
    NamedMutation{"never_used_again", lane::Mutation::never_used_again},
    NamedMutation{"left_without_frames", lane::Mutation::left_without_frames},
    NamedMutation{"lost_without_frames", lane::Mutation::lost_without_frames},
    NamedMutation{"room_ignored", lane::Mutation::room_ignored},
    NamedMutation{"room_leaks", lane::Mutation::room_leaks},
    NamedMutation{"acks_unreceived", lane::Mutation::acks_unreceived},
    NamedMutation{"repeats_taken", lane::Mutation::repeats_taken},
    NamedMutation{"short_memory", lane::Mutation::short_memory},
    NamedMutation{"black_hole_unnoticed", lane::Mutation::black_hole_unnoticed},
};

[[nodiscard]] inline std::optional<AnyMutation> mutation_named(std::string_view name) {
  if (name == "none") return AnyMutation{};
  for (const NamedMutation& known : kMutations) {
    if (name == known.name) return known.mutation;
  }
  return std::nullopt;
}

}  // namespace podring::sim
