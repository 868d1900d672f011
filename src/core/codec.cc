#include "core/codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "core/msgpack_io.h"

// Writing goes through msgpack-cxx. Reading does not: its unpacker builds a tree, and one envelope
// a hop has 250 ns in all, so the few shapes that frames have are read in place, front to back. The
// tests read everything with msgpack-cxx as well and compare.

namespace podring {
namespace {

constexpr std::size_t kHeadFields = 16;  // of an envelope's array, before the trace entries
constexpr std::string_view kLaneKey = "lane";
constexpr std::string_view kAckNumberKey = "n";
constexpr std::size_t kUidBytesMax = 128;
constexpr std::string_view kTakesStatus = "status";  // key in the ext of `hello`
constexpr std::size_t kTraceOverhead = 1 + 3 + 9;  // array header, longest str header used, uint64

// ---- reading
// --------------------------------------------------------------------------------------

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
  frame.room_envelopes = in.uint();
  frame.room_bytes = in.uint();
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
  frame.room_envelopes = in.uint();
  frame.room_bytes = in.uint();
  frame.ranges.clear();
  const std::size_t count = in.array();
  if (count > kRangesMax) in.fail();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const std::size_t items = in.array();
    AckRange range;
    range.word = in.uint_up_to<Word>(2);
    range.range = read_range(in);
    if (items < 3 || items > 4) in.fail();
    if (items == 4) {
      range.place_count = 1;
      range.place = in.uint();
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
  frame.room_envelopes = in.uint();
  frame.room_bytes = in.uint();
}

/// Array lengths: the four common fields, the type's own, ext.
constexpr std::array<std::size_t, 11> kFrameFields{0, 19, 8, 8, 12, 12, 8, 5, 8, 8, 6};

// ---- writing
// --------------------------------------------------------------------------------------

/// Room for an envelope's head with all its detours and one trace entry.
struct SmallSink {
  std::array<char, 1024> bytes;
  std::size_t size = 0;
  void write(const char* data, std::size_t count) {
    std::memcpy(bytes.data() + size, data, count);
    size += count;
  }
};
static_assert(140 + kDetoursKept * 11 + kNameBytesMax + 16 <= sizeof(SmallSink::bytes));

constexpr auto kNoExt = [](Packer& out) { out.pack_map(0); };

/// Frame around `body`, which packs the type's own fields, and `ext`, which packs the last one.
template <typename Body, typename Ext = decltype(kNoExt)>
Bytes frame_of(FrameType type, FrameHeader header, std::size_t size_hint, Body&& body,
               const Ext& ext = {}) {
  Bytes bytes;
  bytes.reserve(size_hint);
  Sink sink{bytes};
  Packer out{sink};
  out.pack_array(static_cast<std::uint32_t>(kFrameFields[static_cast<std::size_t>(type)]));
  out.pack(kMagic);
  out.pack(header.version);
  out.pack(static_cast<std::uint8_t>(type));
  out.pack(header.session);
  if constexpr (std::is_invocable_v<Body, Packer&, Sink&>) {
    body(out, sink);
  } else {
    body(out);
  }
  ext(out);
  return bytes;
}

/// Where entry number `kTraceFirstKept` begins in the trace of `envelope`, and the one after it.
struct Cut {
  std::size_t begin = 0;
  std::size_t end = 0;
};
Cut find_cut(const Envelope& envelope, std::size_t entries) {
  Reader in{ByteView{envelope.tail}.substr(envelope.trace_at)};
  for (std::size_t i = 0; i < kTraceFirstKept; ++i) in.skip();
  Cut cut{in.offset(), in.offset()};
  for (std::size_t i = 0; i < entries; ++i) in.skip();
  cut.end = in.offset();
  return in.ok() ? cut : Cut{};
}

std::size_t entry_bytes(std::size_t name_bytes) { return kTraceOverhead + name_bytes; }

/// An upper bound of the encoded head.
std::size_t head_bytes_max(const Envelope& envelope) { return 140 + envelope.detours.size() * 11; }

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

Bytes write_frame(FrameHeader header, const HelloFrame& frame) {
  const auto ext = [&frame](Packer& out) {
    out.pack_map((frame.takes_status ? 1U : 0U) + (frame.lane ? 1U : 0U));
    if (frame.takes_status) {
      pack_str(out, kTakesStatus);
      out.pack(true);
    }
    if (!frame.lane) return;
    pack_str(out, kLaneKey);
    out.pack_array(frame.lane->key ? 6 : 5);
    out.pack(frame.lane->port);
    out.pack(frame.lane->lane);
    const auto& token = frame.lane->token.bytes;
    pack_bin(out, {reinterpret_cast<const char*>(token.data()), token.size()});
    out.pack(frame.lane->datagram_max);
    out.pack(frame.lane->window);
    if (const auto& key = frame.lane->key)
      pack_bin(out, {reinterpret_cast<const char*>(key->bytes.data()), key->bytes.size()});
  };
  const auto body = [&frame](Packer& out) {
    out.pack(frame.answer);
    out.pack(frame.version_min);
    out.pack(frame.version_max);
    out.pack(static_cast<std::uint8_t>(frame.role));
    pack_str(out, frame.ring);
    pack_str(out, frame.identity.pod);
    pack_str(out, frame.identity.uid);
    pack_str(out, frame.identity.node);
    pack_address(out, frame.identity.address);
    pack_address(out, frame.dialled);
    out.pack(frame.identity.boot.value);
    out.pack(frame.leaving);
    out.pack(frame.room_envelopes);
    out.pack(frame.room_bytes);
  };
  return frame_of(FrameType::hello, {1, header.session}, 256, body, ext);
}

Bytes write_frame(FrameHeader header, const AckFrame& frame) {
  const auto ext = [&frame](Packer& out) {
    out.pack_map(frame.number > 0 ? 1 : 0);
    if (frame.number == 0) return;
    pack_str(out, kAckNumberKey);
    out.pack(frame.number);
  };
  const auto body = [&frame](Packer& out) {
    out.pack(frame.room_envelopes);
    out.pack(frame.room_bytes);
    out.pack_array(static_cast<std::uint32_t>(frame.ranges.size()));
    for (const AckRange& range : frame.ranges) {
      out.pack_array(3U + range.place_count);
      out.pack(static_cast<std::uint8_t>(range.word));
      out.pack(range.range.first);
      out.pack(range.range.last);
      if (range.place_count > 0) out.pack(range.place);
    }
  };
  return frame_of(FrameType::ack, header, 48 + frame.ranges.size() * 12, body, ext);
}

Bytes write_frame(FrameHeader header, const SeedFrame& frame) {
  return frame_of(FrameType::seed, header, 64 + frame.message.size(), [&](Packer& out) {
    out.pack(frame.request);
    out.pack(frame.count);
    pack_str(out, frame.message);
    out.pack(static_cast<std::uint8_t>(frame.limit_kind));
    out.pack(frame.limit);
    out.pack(frame.ttl_ms);
    out.pack(static_cast<std::uint8_t>(frame.wait));
  });
}

Bytes write_frame(FrameHeader header, const SeededFrame& frame) {
  return frame_of(FrameType::seeded, header, 64 + frame.trace.size() * 32, [&](Packer& out) {
    out.pack(frame.request);
    out.pack(static_cast<std::uint8_t>(frame.stage));
    out.pack(frame.first.boot.value);
    out.pack(frame.first.counter);
    out.pack(frame.count);
    out.pack(frame.trace_omitted);
    out.pack_array(static_cast<std::uint32_t>(frame.trace.size()));
    for (const auto& [pod, at] : frame.trace) {
      out.pack_array(2);
      pack_str(out, pod);
      out.pack(static_cast<std::uint64_t>(at.micros));
    }
  });
}

Bytes write_frame(FrameHeader header, const RefuseFrame& frame) {
  return frame_of(FrameType::refuse, {1, header.session}, 64 + frame.reason.size(),
                  [&](Packer& out) {
                    out.pack(static_cast<std::uint8_t>(frame.code));
                    pack_str(out, std::string_view{frame.reason}.substr(0, kReasonBytesMax));
                    out.pack(frame.request);
                  });
}

Bytes write_frame(FrameHeader header, const PingFrame& frame) {
  return frame_of(FrameType::ping, header, 48 + frame.asks.size() * 12, [&](Packer& out) {
    out.pack(frame.token);
    out.pack(frame.floor);
    out.pack_array(static_cast<std::uint32_t>(frame.asks.size()));
    for (const SequenceRange& range : frame.asks) {
      out.pack_array(2);
      out.pack(range.first);
      out.pack(range.last);
    }
  });
}

Bytes write_frame(FrameHeader header, const PongFrame& frame) {
  return frame_of(FrameType::pong, header, 48, [&](Packer& out) {
    out.pack(frame.token);
    out.pack(frame.room_envelopes);
    out.pack(frame.room_bytes);
  });
}

Bytes write_frame(FrameHeader header, const StatusFrame& frame) {
  return frame_of(FrameType::status, header, 32 + frame.told.size(),
                  [&](Packer& out) { pack_bin(out, frame.told); });
}

Bytes write_leaving(FrameHeader header) {
  return frame_of(FrameType::leaving, header, 24, [](Packer&) {});
}

Bytes write_relay(FrameHeader header, std::uint64_t floor, std::uint64_t first,
                  std::size_t envelope_count, ByteView envelopes) {
  return frame_of(FrameType::relay, header, 64 + envelopes.size(), [&](Packer& out, Sink& sink) {
    out.pack(floor);
    out.pack(first);
    out.pack_array(static_cast<std::uint32_t>(envelope_count));
    sink.write(envelopes.data(), envelopes.size());
  });
}

bool trace_is_cut(const Envelope& envelope, const HandOver& hand_over) {
  if (!hand_over.append_entry || envelope.trace_count < kTraceFirstKept + kTraceLastKept)
    return false;
  if (envelope.head.limit_kind == LimitKind::laps) return true;
  return head_bytes_max(envelope) + envelope.tail.size() + entry_bytes(hand_over.pod.size()) >
         kEnvelopeBytesMax;
}

void append_envelope(Bytes& out, const Envelope& envelope, const HandOver& hand_over) {
  const EnvelopeHead& head = envelope.head;
  Cut cut;
  std::uint32_t cut_entries = 0;
  if (trace_is_cut(envelope, hand_over)) {
    cut_entries =
        envelope.trace_count + 1 - static_cast<std::uint32_t>(kTraceFirstKept + kTraceLastKept);
    cut = find_cut(envelope, cut_entries);
    if (cut.end == cut.begin) cut_entries = 0;  // a trace that cannot be walked is left as it is
  }
  const std::uint32_t entries =
      envelope.trace_count - cut_entries + (hand_over.append_entry ? 1 : 0);

  SmallSink small;
  msgpack::packer<SmallSink> pack{small};
  pack.pack_array(static_cast<std::uint32_t>(kHeadFields) + entries);
  pack.pack_uint64(head.id.boot.value);
  pack.pack_uint64(head.id.counter);
  pack_address(pack, head.origin);
  pack.pack_uint32(hand_over.hop);
  pack.pack_uint32(hand_over.lap);
  pack.pack_uint8(static_cast<std::uint8_t>(head.limit_kind));
  pack.pack_uint32(head.limit);
  pack.pack_uint8(head.copies);
  pack.pack_uint8(static_cast<std::uint8_t>(head.copies_on));
  pack.pack_uint8(head.receipt ? 1 : 0);
  pack.pack_uint8(static_cast<std::uint8_t>(head.ended));
  pack.pack_uint32(hand_over.time_left_ms);
  pack.pack_array(static_cast<std::uint32_t>(envelope.detours.size()));
  for (const DetourEntry& detour : envelope.detours) {
    pack.pack_array(2);
    pack.pack_uint32(detour.hop);
    pack.pack_uint32(detour.attempt);
  }
  pack.pack_uint32(envelope.trace_omitted + cut_entries);
  const std::size_t head_size = small.size;

  if (hand_over.append_entry) {
    pack.pack_array(2);
    pack_str(pack, hand_over.pod);
    pack.pack_uint64(static_cast<std::uint64_t>(hand_over.arrived.micros));
  }
  const ByteView tail{envelope.tail};
  const std::size_t cut_at = envelope.trace_at + cut.begin;
  const std::size_t cut_size = cut_entries > 0 ? cut.end - cut.begin : 0;

  Sink sink{out};
  Packer{sink}.pack_bin(static_cast<std::uint32_t>(small.size + tail.size() - cut_size));
  out.append(small.bytes.data(), head_size);
  if (cut_size > 0) {
    out.append(tail.substr(0, cut_at));
    out.append(tail.substr(cut_at + cut_size));
  } else {
    out.append(tail);
  }
  out.append(small.bytes.data() + head_size, small.size - head_size);
}

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

Envelope make_envelope(const EnvelopeHead& head, std::string_view message) {
  Envelope envelope;
  envelope.head = head;
  Sink sink{envelope.tail};
  Packer out{sink};
  pack_str(out, message);
  envelope.message_bytes = static_cast<std::uint32_t>(message.size());
  envelope.message_at = static_cast<std::uint32_t>(envelope.tail.size() - message.size());
  out.pack_map(0);
  envelope.trace_at = static_cast<std::uint32_t>(envelope.tail.size());
  return envelope;
}

std::size_t encoded_bytes_after(const Envelope& envelope, std::size_t hops,
                                std::size_t name_bytes) {
  return head_bytes_max(envelope) + kDetoursKept * 11 + envelope.tail.size() +
         hops * entry_bytes(name_bytes);
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
