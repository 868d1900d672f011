// In the place of src/lane/rules.h: the same functions, each of which is wrong when its fault is
// planted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/lane_offer.h"
#include "lane/packet.h"
#include "planted/fault.h"

namespace podring::lane::rules {

using planted::LaneFault;

[[nodiscard]] inline bool is(LaneFault fault) { return planted::current_in_lane() == fault; }

[[nodiscard]] inline bool is_known_token(const LaneToken& token, const LaneToken& own) {
  return token == own || is(LaneFault::any_token);
}
[[nodiscard]] inline bool is_taken(bool well_formed, const Payload& payload) {
  return well_formed || (is(LaneFault::damaged_taken) && !payload.frames.empty());
}
[[nodiscard]] inline bool is_read(bool fresh, std::uint64_t number,
                                  const std::vector<PacketRange>& ranges) {
  return fresh || is(LaneFault::repeats_taken) ||
         (is(LaneFault::short_memory) && number + 8 < ranges.front().last);
}
[[nodiscard]] inline std::vector<PacketRange> acked(const std::vector<PacketRange>& ranges) {
  if (!is(LaneFault::acks_unreceived)) return ranges;
  return {PacketRange{0, ranges.front().last}};
}
[[nodiscard]] inline bool opens(bool proven, bool failed_before) {
  if (is(LaneFault::unproven_lane)) return true;
  return proven && !(failed_before && is(LaneFault::never_used_again));
}
[[nodiscard]] inline bool is_left() { return !is(LaneFault::never_left); }
[[nodiscard]] inline bool is_black_hole(bool larger_ones_vanish) {
  return larger_ones_vanish && !is(LaneFault::black_hole_unnoticed);
}
[[nodiscard]] inline bool reports_lost() { return !is(LaneFault::lost_without_frames); }
[[nodiscard]] inline bool reports_under_way() { return !is(LaneFault::left_without_frames); }
[[nodiscard]] inline std::size_t in_flight_max(std::size_t room) {
  return is(LaneFault::room_ignored) ? SIZE_MAX : room;
}
[[nodiscard]] inline std::size_t in_flight_after_giving_up(std::size_t in_flight) {
  return is(LaneFault::room_leaks) ? in_flight : 0;
}

}  // namespace podring::lane::rules
