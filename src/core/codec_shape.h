// The shape of frames and envelopes, as their reader and their writer share it: numbers of fields
// and names of extensions. Only codec_read.cc and codec_write.cc include it.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace podring {

inline constexpr std::size_t kHeadFields = 16;  // of an envelope's array, before the trace entries
inline constexpr std::string_view kLaneKey = "lane";
inline constexpr std::string_view kAckNumberKey = "n";
inline constexpr std::string_view kTakesStatus = "status";  // key in the ext of `hello`

/// Array lengths: the four common fields, the type's own, ext.
inline constexpr std::array<std::size_t, 11> kFrameFields{0, 19, 8, 8, 12, 12, 8, 5, 8, 8, 6};

}  // namespace podring
