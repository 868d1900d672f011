// The rules by which a lane loses nothing that it is not reported to have lost
// (proto-docs/datagrams.md), each a function of its own. As with the core's: the simulator is built
// a second time with a header in the place of this one in which one rule at a time is wrong, and
// must notice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/lane_offer.h"
#include "lane/packet.h"

namespace podring::lane::rules {

/// Only who knows this session's token is listened to.
[[nodiscard]] inline bool is_known_token(const LaneToken& token, const LaneToken& own) {
  return token == own;
}
/// Of what is not well formed nothing is taken.
[[nodiscard]] inline bool is_taken(bool well_formed, const Payload&) { return well_formed; }
/// A number that has come before is not read again.
[[nodiscard]] inline bool is_read(bool fresh, std::uint64_t, const std::vector<PacketRange>&) {
  return fresh;
}
/// An ack has the gaps of what has not come.
[[nodiscard]] inline const std::vector<PacketRange>& acked(const std::vector<PacketRange>& ranges) {
  return ranges;
}
/// A lane is open when an answer to its probe has proven both directions, again after a failure.
[[nodiscard]] constexpr bool opens(bool proven, bool /*failed_before*/) { return proven; }
/// A lane on which nothing comes back is left.
[[nodiscard]] constexpr bool is_left() { return true; }
/// Where only larger datagrams vanish, smaller ones are used.
[[nodiscard]] constexpr bool is_black_hole(bool larger_ones_vanish) { return larger_ones_vanish; }
/// What was in a lost datagram is reported, and so is what was under way when the lane is left.
[[nodiscard]] constexpr bool reports_lost() { return true; }
[[nodiscard]] constexpr bool reports_under_way() { return true; }
/// No more is in flight than the receiver says that it has room for; what is given up is not.
[[nodiscard]] constexpr std::size_t in_flight_max(std::size_t room) { return room; }
[[nodiscard]] constexpr std::size_t in_flight_after_giving_up(std::size_t) { return 0; }

}  // namespace podring::lane::rules
