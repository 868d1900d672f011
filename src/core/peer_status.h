// What one peer tells all the others about itself, and its form inside `status` frames
// (proto-docs/wire-protocol.md, section 9). For people and programs that look at the ring from any
// peer; no peer decides anything by it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"

namespace podring {

inline constexpr std::size_t kSuspectsTold = 16;

/// One lane of the link to the successor.
struct LaneStatus {
  enum class State : std::uint8_t { probing, open, failed };
  State state = State::open;
  std::uint32_t sent = 0;              ///< packets that wanted an ack, in the last minute
  std::uint32_t lost = 0;              ///< of them
  std::optional<Duration> round_trip;  ///< smoothed; told in microseconds
  Duration jitter{};                   ///< mean deviation of that; the same
  std::uint32_t path_mtu = 0;          ///< bytes of payload in the largest packet
  friend bool operator==(const LaneStatus&, const LaneStatus&) = default;
};
/// Both of them; nullopt: there is none, or an older release does not tell.
struct LaneStatuses {
  std::optional<LaneStatus> zmq;
  std::optional<LaneStatus> udp;
  friend bool operator==(const LaneStatuses&, const LaneStatuses&) = default;
};

struct PeerStatus {
  Identity identity;
  std::string release;  ///< 0..64 bytes
  Duration uptime{};    ///< told in seconds
  bool leaving = false;
  std::uint32_t view_size = 1;
  std::uint64_t digest = 0;
  std::uint32_t queue = 0;  ///< envelopes the successor has not got yet
  std::uint32_t held = 0;   ///< in custody
  std::optional<Address> successor;
  std::optional<Address> predecessor;
  std::optional<Duration> round_trip;  ///< to the successor, smoothed; told in microseconds
  std::uint32_t handed_on = 0;         ///< hand-overs of the last minute, without repeats
  std::uint32_t retries = 0;           ///< hand-overs sent again in the last minute
  LaneStatuses lanes;
  std::vector<Address> suspects;  ///< ascending, at most kSuspectsTold
  std::uint32_t suspect_count = 0;
  friend bool operator==(const PeerStatus&, const PeerStatus&) = default;
};

/// True when something changed that others are to hear of at once.
[[nodiscard]] bool differs_at_a_glance(const PeerStatus& a, const PeerStatus& b);

/// One peer's status on its way: which telling it is, and how old.
struct ToldStatus {
  PeerStatus status;
  std::uint64_t version = 0;  ///< grows with each telling of one boot id, from 1
  Duration age{};             ///< since its peer told it; in milliseconds on the wire
  bool brief = false;         ///< only boot, address, leaving and suspects were told
};

/// Appends one entry; `told.brief` says which form.
void append_status(Bytes& out, const ToldStatus& told);
/// All entries, one after another; nullopt when one is not well formed.
[[nodiscard]] std::optional<std::vector<ToldStatus>> read_statuses(ByteView bytes);

}  // namespace podring
