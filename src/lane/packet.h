// A datagram of a lane as bytes: header, acks of datagrams, probes, frames.
//
// proto-docs/datagrams.md section 2. Reading allocates nothing; what is not well formed is `false`,
// and the whole datagram is dropped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/lane_offer.h"
#include "core/types.h"

namespace podring::lane {

inline constexpr std::size_t kHeaderBytes = 32;
// Of the header: a token, or the proof of a sealed datagram.
inline constexpr std::size_t kProofAt = 8;
inline constexpr std::size_t kProofBytes = 16;
inline constexpr std::size_t kNumberBytes = 8;    ///< at the header's end
inline constexpr std::size_t kFrameOverhead = 3;  ///< type and length in front of each frame
inline constexpr std::size_t kAckRangesMax = 16;
/// Of an ack chunk; what is beyond kAckRangesMax is not written.
[[nodiscard]] constexpr std::size_t ack_bytes_of(std::size_t ranges) {
  return 6 + 16 * (ranges < kAckRangesMax ? ranges : kAckRangesMax);
}

/// In front of every datagram, in plain text.
struct Header {
  std::uint32_t lane = 0;  ///< the receiver's number
  LaneToken token;         ///< the receiver's; of a sealed datagram the proof
  std::uint64_t number = 0;
  bool sealed = false;
};
/// nullopt: not a datagram of a lane, or of a version that is not spoken here.
[[nodiscard]] std::optional<Header> read_header(ByteView datagram);

struct PacketRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  ///< inclusive
  friend bool operator==(const PacketRange&, const PacketRange&) = default;
};
struct PacketAck {
  Duration
      delay{};  ///< from the arrival of the largest number to the sending of this; microseconds
  std::vector<PacketRange> ranges;  ///< newest first, 1..kAckRangesMax, apart from one another
};

/// The payload that was read last. Reused, so that reading allocates nothing.
struct Payload {
  std::optional<PacketAck> ack;
  std::vector<std::uint64_t> probes;   ///< to be answered
  std::vector<std::uint64_t> answers;  ///< to probes
  std::vector<ByteView> frames;        ///< point into the datagram
  bool ack_eliciting = false;          ///< it has probes or frames
};
[[nodiscard]] bool read_payload(ByteView bytes, Payload& payload);

/// Appends to `out`, which begins with the header.
void write_header(Bytes& out, const Header& header);
void mark_sealed(Bytes& datagram);  ///< in the header; seal.h does the rest
void write_ack(Bytes& out, Duration delay, const std::vector<PacketRange>& ranges);
void write_probe(Bytes& out, std::uint64_t challenge);
void write_answer(Bytes& out, std::uint64_t challenge);
void write_lane_frame(Bytes& out, ByteView frame);  ///< at most 65,535 bytes

}  // namespace podring::lane
