// Bytes <-> frames and envelopes, as proto-docs/wire-protocol.md says. The only part that knows
// msgpack.
//
// Reading never allocates from a length that the bytes claim, and never throws: what is not well
// formed is `false`, and the caller counts it. An AnyFrame is reused from frame to frame, so a
// relay costs no allocation once its vectors have grown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/envelope.h"
#include "core/lane_offer.h"
#include "core/types.h"

namespace podring {

inline constexpr std::uint32_t kMagic = 0x706f6472;  // "podr"
inline constexpr std::size_t kFrameBytesMax = 320 * 1024;
inline constexpr std::size_t kRangesMax = 4096;
inline constexpr std::size_t kNameBytesMax = 253;
inline constexpr std::size_t kReasonBytesMax = 512;
inline constexpr std::uint32_t kSeedCountMax = 1000;
inline constexpr std::size_t kStatusBytesMax = 64 * 1024;  ///< of what a `status` frame carries

enum class FrameType : std::uint8_t {
  hello = 1,
  relay,
  ack,
  seed,
  seeded,
  refuse,
  leaving,
  ping,
  pong,
  status
};
enum class Role : std::uint8_t { peer = 0, client = 1 };
/// What a peer says of an envelope that was handed to it, each more than the one before.
enum class AckLevel : std::uint8_t { received = 0, safe = 1, final = 2 };
enum class Stage : std::uint8_t { accepted = 0, safe = 1, completed = 2, expired = 3 };
enum class RefuseCode : std::uint8_t {
  wrong_ring = 1,
  no_common_version,
  wrong_address,
  no_session,
  ring_full,
  leaving,
  too_large,
  bad_request,
  too_many
};
[[nodiscard]] const char* to_string(RefuseCode code);

struct HelloFrame {
  bool answer = false;
  std::uint8_t version_min = 1;
  std::uint8_t version_max = 1;
  Role role = Role::peer;
  std::string ring;
  Identity identity;
  Address dialled;
  bool leaving = false;
  std::uint64_t credit_envelopes = 0;
  std::uint64_t credit_bytes = 0;
  std::optional<LaneOffer> lane;  ///< ext "lane"; the transport's, the core never looks at it
  bool takes_status = false;      ///< in ext: `status` frames may be sent to it
};
struct RelayFrame {
  std::uint64_t floor = 0;
  std::uint64_t first = 0;
  std::vector<ByteView> envelopes;  ///< point into the frame that was read
};
struct SequenceRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  ///< inclusive
  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};
struct AckRange {
  AckLevel level = AckLevel::received;
  SequenceRange range;
  std::uint8_t replica_count = 0;  ///< 0..1: at most copies - 2
  std::uint64_t replica = 0;       ///< its site
  friend bool operator==(const AckRange&, const AckRange&) = default;
};
struct AckFrame {
  std::uint64_t credit_envelopes = 0;
  std::uint64_t credit_bytes = 0;
  std::vector<AckRange> ranges;
  std::uint64_t number = 0;  ///< ext "n": grows with each ack of the session; 0: not given
};
struct SeedFrame {
  std::uint64_t request = 0;
  std::uint32_t count = 1;
  std::string message;
  LimitKind limit_kind = LimitKind::hops;
  std::uint32_t limit = 0;       ///< 0: the receiver's default hops
  std::uint64_t ttl_ms = 0;      ///< 0: the receiver's default
  Stage wait = Stage::accepted;  ///< accepted, safe or completed
};
struct SeededFrame {
  std::uint64_t request = 0;
  Stage stage = Stage::accepted;
  EnvelopeId first;
  std::uint32_t count = 1;
  std::uint32_t trace_omitted = 0;
  std::vector<std::pair<std::string, WallTime>> trace;
};
struct RefuseFrame {
  RefuseCode code = RefuseCode::bad_request;
  std::string reason;
  std::uint64_t request = 0;
};
struct PingFrame {
  std::uint64_t token = 0;
  std::uint64_t floor = 0;
  std::vector<SequenceRange> asks;
};
struct PongFrame {
  std::uint64_t token = 0;
  std::uint64_t credit_envelopes = 0;
  std::uint64_t credit_bytes = 0;
};

struct StatusFrame {
  ByteView told;  ///< what peer_status.h writes; points into the frame that was read
};

/// The frame that was read last: `type` says which member is meant.
struct AnyFrame {
  FrameType type = FrameType::hello;
  std::uint8_t version = 1;
  std::uint64_t session = 0;
  HelloFrame hello;
  RelayFrame relay;
  AckFrame ack;
  SeedFrame seed;
  SeededFrame seeded;
  RefuseFrame refuse;
  PingFrame ping;
  PongFrame pong;
  StatusFrame status;
};
[[nodiscard]] bool read_frame(ByteView bytes, AnyFrame& frame);
/// The type alone, of a frame that may be malformed further on; nullopt: it is no frame.
[[nodiscard]] std::optional<FrameType> frame_type(ByteView bytes);

/// Version and session of a frame that is about to be written.
struct FrameHeader {
  std::uint8_t version = 1;
  std::uint64_t session = 0;
};
[[nodiscard]] Bytes write_frame(FrameHeader header, const HelloFrame& frame);
[[nodiscard]] Bytes write_frame(FrameHeader header, const AckFrame& frame);
[[nodiscard]] Bytes write_frame(FrameHeader header, const SeedFrame& frame);
[[nodiscard]] Bytes write_frame(FrameHeader header, const SeededFrame& frame);
[[nodiscard]] Bytes write_frame(FrameHeader header, const RefuseFrame& frame);
[[nodiscard]] Bytes write_frame(FrameHeader header, const PingFrame& frame);
[[nodiscard]] Bytes write_frame(FrameHeader header, const PongFrame& frame);
[[nodiscard]] Bytes write_frame(FrameHeader header, const StatusFrame& frame);
[[nodiscard]] Bytes write_leaving(FrameHeader header);
/// A relay frame around envelopes that were written one after another by append_envelope().
[[nodiscard]] Bytes write_relay(FrameHeader header, std::uint64_t floor, std::uint64_t first,
                                std::size_t envelope_count, ByteView envelopes);

/// What changes when an envelope is handed on.
struct HandOver {
  std::uint32_t hop = 0;
  std::uint32_t lap = 0;
  std::uint32_t time_left_ms = 0;
  bool append_entry = true;  ///< false for an ended envelope: its way home is no visit
  std::string_view pod{};    ///< the sender's own trace entry
  WallTime arrived{};
};
/// Appends the envelope as handed on, as a bin with its length. Cost does not depend on the trace's
/// length but for one memcpy; a trace over its bound is cut (see trace_is_cut).
void append_envelope(Bytes& out, const Envelope& envelope, const HandOver& hand_over);
/// True when append_envelope() will cut entries out of the trace's middle.
[[nodiscard]] bool trace_is_cut(const Envelope& envelope, const HandOver& hand_over);

/// Reads one envelope. `envelope` keeps its capacity. The trace entries are not walked.
[[nodiscard]] bool read_envelope(ByteView bytes, Envelope& envelope);
/// A new envelope with an empty trace; `head` is taken as it is.
[[nodiscard]] Envelope make_envelope(const EnvelopeHead& head, std::string_view message);
/// Bytes that an envelope would have after `hops` more entries with names of this length.
[[nodiscard]] std::size_t encoded_bytes_after(const Envelope& envelope, std::size_t hops,
                                              std::size_t name_bytes);
/// Walks the trace; true when every entry is well formed.
[[nodiscard]] bool trace_is_well_formed(const Envelope& envelope);

}  // namespace podring
