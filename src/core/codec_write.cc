// Writing frames and envelopes, through msgpack-cxx; a hand-over appends to the encoded trace in
// place.
#include "core/codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "core/codec_shape.h"
#include "core/msgpack_io.h"

namespace podring {
namespace {

constexpr std::size_t kTraceOverhead = 1 + 3 + 9;  // array header, longest str header used, uint64

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
    out.pack(frame.credit_envelopes);
    out.pack(frame.credit_bytes);
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
    out.pack(frame.credit_envelopes);
    out.pack(frame.credit_bytes);
    out.pack_array(static_cast<std::uint32_t>(frame.ranges.size()));
    for (const AckRange& range : frame.ranges) {
      out.pack_array(3U + range.replica_count);
      out.pack(static_cast<std::uint8_t>(range.level));
      out.pack(range.range.first);
      out.pack(range.range.last);
      if (range.replica_count > 0) out.pack(range.replica);
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
    out.pack(frame.credit_envelopes);
    out.pack(frame.credit_bytes);
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

}  // namespace podring
