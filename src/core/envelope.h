// A message in circulation: its rules, where it is on its way, its text and its trace.
//
// The head is decoded; the tail stays as it came off the wire and is only ever appended to, so that
// handing on costs the same at hop 10 and at hop 1,000.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace podring {

enum class LimitKind : std::uint8_t { hops = 0, laps = 1 };

/// How an envelope ends; a copy that is dropped as a duplicate does not.
enum class End : std::uint8_t { none = 0, completed = 1, expired = 2 };

inline constexpr std::uint32_t kHopsMax = 10'000;
inline constexpr std::uint32_t kLapsMax = 1'000;
inline constexpr std::size_t kEnvelopeBytesMax = 256 * 1024;  ///< encoded, trace included
inline constexpr std::size_t kExtensionBytesMax = 4096;       ///< of its extension map
inline constexpr std::size_t kTraceFirstKept = 16;  ///< entries kept at the start of a long trace
inline constexpr std::size_t kTraceLastKept = 496;  ///< and at its end
inline constexpr std::size_t kDetoursKept = 32;     ///< newest; older ones are dropped

struct TraceEntry {
  std::string_view pod;
  WallTime at;  ///< when the envelope arrived there
};

struct DetourEntry {
  std::uint32_t hop = 0;      ///< the hop number of the hand-over that was tried again
  std::uint32_t attempt = 0;  ///< 2 for the second sending, and so on
  friend bool operator==(const DetourEntry&, const DetourEntry&) = default;
};

/// The part that changes from hop to hop, and the rules that were set where the seed was taken.
struct EnvelopeHead {
  EnvelopeId id;
  Address origin;         ///< address of the peer that took the seed; laps are counted from it
  std::uint32_t hop = 0;  ///< 0 at the origin
  std::uint32_t lap = 0;  ///< hand-overs that reached or passed `origin`
  LimitKind limit_kind = LimitKind::hops;
  std::uint32_t limit = 10;
  std::uint8_t copies = 2;  ///< 1..3
  CopiesOn copies_on = CopiesOn::peers;
  bool receipt = false;   ///< the end travels on to the origin
  End ended = End::none;  ///< set only on the way from the end to the origin
  std::uint32_t time_left_ms = 600'000;
  friend bool operator==(const EnvelopeHead&, const EnvelopeHead&) = default;
};

/// A plain value. `tail` holds, encoded one after another as in proto-docs/wire-protocol.md section
/// 5: message, extension map, then the trace entries; the offsets say where each begins.
struct Envelope {
  EnvelopeHead head;
  std::string tail;
  std::uint32_t message_at = 0;  ///< first byte of the message text in `tail`
  std::uint32_t message_bytes = 0;
  std::uint32_t trace_at = 0;        ///< first trace entry in `tail`; they run to its end
  std::uint32_t trace_count = 0;     ///< entries present
  std::uint32_t trace_omitted = 0;   ///< entries cut out after the first kTraceFirstKept
  std::vector<DetourEntry> detours;  ///< at most kDetoursKept

  [[nodiscard]] std::string_view message() const {
    return std::string_view{tail}.substr(message_at, message_bytes);
  }
};

/// The trace, oldest first. Stops at the first entry that is not well formed (a peer's bug).
[[nodiscard]] std::vector<TraceEntry> trace_of(const Envelope& envelope);
/// The same into `trace`, which keeps its capacity.
void trace_into(const Envelope& envelope, std::vector<TraceEntry>& trace);
/// When the envelope arrived at the peer before this one, read from the trace's end, whatever its
/// length. nullopt at hop 0.
[[nodiscard]] std::optional<WallTime> last_arrival(const Envelope& envelope);

}  // namespace podring
