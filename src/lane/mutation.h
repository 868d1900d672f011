// What a deliberate mutation of the lane breaks; for the simulator's own test only.
#pragma once

#include <cstdint>

namespace podring::lane {

enum class Mutation : std::uint8_t {
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

}  // namespace podring::lane
