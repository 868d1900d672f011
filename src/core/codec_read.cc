// Reading frames, envelopes and traces: bytes from anywhere become values, or are refused.
//
// It does not go through msgpack-cxx: its unpacker builds a tree, and one envelope a hop has 250 ns
// in all, so the few shapes that frames have are read in place, front to back. The tests read
// everything with msgpack-cxx as well and compare.
#include "core/codec.h"

#include <cstring>

#include "core/codec_shape.h"
#include "core/msgpack_io.h"

namespace podring {
namespace {

constexpr std::size_t kUidBytesMax = 128;

void read_identity(Reader& in, Identity& identity) {
  identity.pod = in.str_up_to(kNameBytesMax);
  identity.uid = in.str_up_to(kUidBytesMax);
  identity.node = in.str_up_to(kNameBytesMax);
  identity.address = in.address();
}

/// An offer of another shape than this is one that is not understood here: none.
std::optional<LaneOffer> read_lane(ByteView value) {
  Reader in{value};
  LaneOffer offer;
  const std::size_t size = in.array();
  if (size != 5 && size != 6) return std::nullopt;
  offer.port = in.uint_up_to<std::uint16_t>(UINT16_MAX);
  offer.lane = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  const ByteView token = in.bin();
  offer.datagram_max = in.uint_up_to<std::uint32_t>(kDatagramLimit);
  offer.window = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  if (size == 6) {
    const ByteView key = in.bin();
    if (key.size() != sizeof(RingKeyId::bytes)) return std::nullopt;
    std::memcpy(offer.key.emplace().bytes.data(), key.data(), key.size());
  }
  if (!in.at_end() || offer.port == 0 || token.size() != offer.token.bytes.size() ||
      offer.datagram_max < kDatagramBase || offer.window < kDatagramBase) {
    return std::nullopt;
  }
  std::memcpy(offer.token.bytes.data(), token.data(), token.size());
  return offer;
}

void read(Reader& in, HelloFrame& frame) {
  frame.lane.reset();
  frame.answer = in.boolean();
  frame.version_min = in.uint_up_to<std::uint8_t>(255);
  frame.version_max = in.uint_up_to<std::uint8_t>(255);
  frame.role = in.uint_up_to<Role>(1);
  frame.ring = in.str_up_to(kNameBytesMax);
  read_identity(in, frame.identity);
  frame.dialled = in.address();
  frame.identity.boot = {in.uint()};
  frame.leaving = in.boolean();
  frame.credit_envelopes = in.uint();
  frame.credit_bytes = in.uint();
  if (frame.identity.boot.value == 0 || frame.identity.pod.empty() || frame.version_min == 0 ||
      frame.version_max < frame.version_min) {
    in.fail();
  }
}

void read(Reader& in, RelayFrame& frame) {
  frame.floor = in.uint();
  frame.first = in.uint();
  frame.envelopes.clear();
  const std::size_t count = in.array();
  for (std::size_t i = 0; i < count && in.ok(); ++i) frame.envelopes.push_back(in.bin());
  if (frame.floor > frame.first || frame.first > UINT64_MAX - kFrameBytesMax) in.fail();
}

SequenceRange read_range(Reader& in) {
  SequenceRange range;
  range.first = in.uint();
  range.last = in.uint();
  if (range.last < range.first) in.fail();
  return range;
}

void read(Reader& in, AckFrame& frame) {
  frame.number = 0;
  frame.credit_envelopes = in.uint();
  frame.credit_bytes = in.uint();
  frame.ranges.clear();
  const std::size_t count = in.array();
  if (count > kRangesMax) in.fail();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const std::size_t items = in.array();
    AckRange range;
    range.level = in.uint_up_to<AckLevel>(2);
    range.range = read_range(in);
    if (items < 3 || items > 4) in.fail();
    if (items == 4) {
      range.replica_count = 1;
      range.replica = in.uint();
    }
    frame.ranges.push_back(range);
  }
}

void read(Reader& in, SeedFrame& frame) {
  frame.request = in.uint();
  frame.count = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  frame.message = in.str_up_to(kEnvelopeBytesMax);
  frame.limit_kind = in.uint_up_to<LimitKind>(1);
  frame.limit = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  frame.ttl_ms = in.uint();
  frame.wait = in.uint_up_to<Stage>(2);
}

void read_entries(Reader& in, std::size_t count, auto&& take) {
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    if (in.array() != 2) in.fail();
    const ByteView pod = in.str_up_to(kNameBytesMax);
    const auto at = in.uint_up_to<std::int64_t>(INT64_MAX);
    if (in.ok()) take(TraceEntry{pod, WallTime{at}});
  }
}

void read(Reader& in, SeededFrame& frame) {
  frame.request = in.uint();
  frame.stage = in.uint_up_to<Stage>(3);
  frame.first.boot = {in.uint()};
  frame.first.counter = in.uint();
  frame.count = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  frame.trace_omitted = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  frame.trace.clear();
  read_entries(in, in.array(),
               [&](const TraceEntry& entry) { frame.trace.emplace_back(entry.pod, entry.at); });
}

void read(Reader& in, RefuseFrame& frame) {
  const auto code = in.uint_up_to<std::uint8_t>(255);
  frame.code = static_cast<RefuseCode>(code);
  frame.reason = in.str_up_to(kReasonBytesMax);
  frame.request = in.uint();
  if (code < 1 || code > 9) in.fail();
}

void read(Reader& in, PingFrame& frame) {
  frame.token = in.uint();
  frame.floor = in.uint();
  frame.asks.clear();
  const std::size_t count = in.array();
  if (count > kRangesMax) in.fail();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    if (in.array() != 2) in.fail();
    frame.asks.push_back(read_range(in));
  }
}

void read(Reader& in, PongFrame& frame) {
  frame.token = in.uint();
  frame.credit_envelopes = in.uint();
  frame.credit_bytes = in.uint();
}

}  // namespace

const char* to_string(RefuseCode code) {
  switch (code) {
    case RefuseCode::wrong_ring:
      return "wrong_ring";
    case RefuseCode::no_common_version:
      return "no_common_version";
    case RefuseCode::wrong_address:
      return "wrong_address";
    case RefuseCode::no_session:
      return "no_session";
    case RefuseCode::ring_full:
      return "ring_full";
    case RefuseCode::leaving:
      return "leaving";
    case RefuseCode::too_large:
      return "too_large";
    case RefuseCode::bad_request:
      return "bad_request";
    case RefuseCode::too_many:
      return "too_many";
  }
  return "unknown";
}

/// One branch for each type of frame and each key of an extension.
bool read_frame(ByteView bytes, AnyFrame& frame) {
  if (bytes.size() > kFrameBytesMax) return false;
  Reader in{bytes};
  const std::size_t fields = in.array();
  if (in.uint() != kMagic) return false;
  frame.version = in.uint_up_to<std::uint8_t>(255);
  const auto type = in.uint_up_to<std::uint8_t>(10);
  frame.session = in.uint();
  if (!in.ok() || type == 0 || fields != kFrameFields[type]) return false;
  frame.type = static_cast<FrameType>(type);
  const bool versionless = frame.type == FrameType::hello || frame.type == FrameType::refuse;
  if (versionless && frame.version != 1) return false;
  switch (frame.type) {
    case FrameType::hello:
      read(in, frame.hello);
      break;
    case FrameType::relay:
      read(in, frame.relay);
      break;
    case FrameType::ack:
      read(in, frame.ack);
      break;
    case FrameType::seed:
      read(in, frame.seed);
      break;
    case FrameType::seeded:
      read(in, frame.seeded);
      break;
    case FrameType::refuse:
      read(in, frame.refuse);
      break;
    case FrameType::leaving:
      break;
    case FrameType::ping:
      read(in, frame.ping);
      break;
    case FrameType::pong:
      read(in, frame.pong);
      break;
    case FrameType::status:
      frame.status.told = in.bin();
      if (frame.status.told.size() > kStatusBytesMax) in.fail();
      break;
  }
  if (frame.type == FrameType::hello) frame.hello.takes_status = false;
  in.ext([&frame](ByteView key, ByteView value) {
    if (frame.type == FrameType::hello && key == kLaneKey) {
      frame.hello.lane = read_lane(value);
    } else if (frame.type == FrameType::hello && key == kTakesStatus) {
      frame.hello.takes_status = Reader{value}.boolean();
    } else if (frame.type == FrameType::ack && key == kAckNumberKey) {
      frame.ack.number = Reader{value}.uint();
    }
  });
  return in.at_end();
}

std::optional<FrameType> frame_type(ByteView bytes) {
  Reader in{bytes};
  in.array();
  if (in.uint() != kMagic) return std::nullopt;
  in.uint();
  const auto type = in.uint_up_to<std::uint8_t>(10);
  return in.ok() && type != 0 ? std::optional{static_cast<FrameType>(type)} : std::nullopt;
}

/// The fields in their order, each with its bound: reading them in one place keeps the order in
/// sight.
bool read_envelope(ByteView bytes, Envelope& envelope) {
  if (bytes.size() > kEnvelopeBytesMax) return false;
  Reader in{bytes};
  const std::size_t fields = in.array();
  if (fields < kHeadFields) return false;
  EnvelopeHead& head = envelope.head;
  head.id.boot = {in.uint()};
  head.id.counter = in.uint();
  head.origin = in.address();
  head.hop = in.uint_up_to<std::uint32_t>(UINT32_MAX - 2);
  head.lap = in.uint_up_to<std::uint32_t>(UINT32_MAX - 2);
  head.limit_kind = in.uint_up_to<LimitKind>(1);
  head.limit =
      in.uint_up_to<std::uint32_t>(head.limit_kind == LimitKind::hops ? kHopsMax : kLapsMax);
  head.copies = in.uint_up_to<std::uint8_t>(3);
  head.copies_on = in.uint_up_to<CopiesOn>(1);
  head.receipt = (in.uint_up_to<std::uint8_t>(255) & 1) != 0;
  head.ended = in.uint_up_to<End>(2);
  head.time_left_ms = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  const std::size_t detours = in.array();
  if (detours > kDetoursKept) in.fail();
  envelope.detours.clear();
  for (std::size_t i = 0; i < detours && in.ok(); ++i) {
    if (in.array() != 2) in.fail();
    const auto hop = in.uint_up_to<std::uint32_t>(UINT32_MAX);
    const auto attempt = in.uint_up_to<std::uint32_t>(UINT32_MAX);
    envelope.detours.push_back({hop, attempt});
  }
  envelope.trace_omitted = in.uint_up_to<std::uint32_t>(UINT32_MAX / 2);
  const std::size_t tail_at = in.offset();
  const ByteView message = in.str();
  const std::size_t message_end = in.offset();
  in.ext();
  const std::size_t trace_at = in.offset();
  const std::size_t entries = fields - kHeadFields;
  if (!in.ok() || head.copies == 0 || head.limit == 0 || head.id.boot.value == 0 ||
      head.id.counter == 0)
    return false;
  if (head.origin.is_unspecified()) return false;
  if (entries > in.remaining() / 3 || (entries == 0) != (in.remaining() == 0)) return false;
  envelope.tail.assign(bytes.substr(tail_at));
  envelope.message_at = static_cast<std::uint32_t>(message_end - tail_at - message.size());
  envelope.message_bytes = static_cast<std::uint32_t>(message.size());
  envelope.trace_at = static_cast<std::uint32_t>(trace_at - tail_at);
  envelope.trace_count = static_cast<std::uint32_t>(entries);
  return true;
}

bool trace_is_well_formed(const Envelope& envelope) {
  Reader in{ByteView{envelope.tail}.substr(envelope.trace_at)};
  read_entries(in, envelope.trace_count, [](const TraceEntry&) {});
  return in.at_end();
}

std::vector<TraceEntry> trace_of(const Envelope& envelope) {
  std::vector<TraceEntry> trace;
  trace.reserve(envelope.trace_count);
  trace_into(envelope, trace);
  return trace;
}

void trace_into(const Envelope& envelope, std::vector<TraceEntry>& trace) {
  trace.clear();
  Reader in{ByteView{envelope.tail}.substr(envelope.trace_at)};
  read_entries(in, envelope.trace_count, [&](const TraceEntry& entry) { trace.push_back(entry); });
}

/// An entry ends with its microseconds, and those since 1970 take a uint 64: nine bytes.
std::optional<WallTime> last_arrival(const Envelope& envelope) {
  constexpr std::size_t kBytes = 9;
  const ByteView tail{envelope.tail};
  if (envelope.trace_count == 0 || tail.size() < envelope.trace_at + kBytes) return std::nullopt;
  Reader in{tail.substr(tail.size() - kBytes)};
  const auto micros = in.uint_up_to<std::int64_t>(INT64_MAX);
  if (!in.at_end()) return std::nullopt;
  return WallTime{micros};
}

}  // namespace podring
