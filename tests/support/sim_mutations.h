// The deliberate mutations of the protocol by name.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "core/peer.h"

namespace podring::sim {

struct NamedMutation {
  const char* name;
  Mutation mutation;
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
};

[[nodiscard]] inline std::optional<Mutation> mutation_named(std::string_view name) {
  if (name == "none") return Mutation::none;
  for (const NamedMutation& known : kMutations) {
    if (name == known.name) return known.mutation;
  }
  return std::nullopt;
}

}  // namespace podring::sim
