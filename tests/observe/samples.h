// Events and envelopes as the core makes them, for the tests of what is told about them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/codec.h"
#include "core/events.h"

namespace podring::test {

inline const Identity kSelf{"pod-a", "uid-a", "node-a", Address::v4(0x0a000001), BootId{0xabcdef}};
inline constexpr WallTime kNoon{1'790'000'000'123'456};  // 2026-09-21T14:13:20.123456Z
inline constexpr Now kNow{TimePoint{}, kNoon};

/// An envelope that has been at these pods, 100 us each, the last arrival 100 us before kNoon.
inline Envelope travelled(const std::string& message, const std::vector<std::string>& pods,
                          std::uint64_t counter = 7) {
  EnvelopeHead head;
  head.id = {BootId{0x0123456789abcdefULL}, counter};
  head.origin = Address::v4(0x0a000003);
  head.limit = kHopsMax;
  Envelope envelope = make_envelope(head, message);
  WallTime at{kNoon.micros - static_cast<std::int64_t>(pods.size()) * 100};
  for (const std::string& pod : pods) {
    Bytes bytes;
    append_envelope(
        bytes, envelope,
        {.hop = envelope.head.hop + 1, .time_left_ms = 1000, .pod = pod, .arrived = at});
    const auto tag = static_cast<unsigned char>(bytes[0]);
    const std::size_t header = tag == 0xc4 ? 2 : tag == 0xc5 ? 3 : 5;
    Envelope next;
    if (!read_envelope(ByteView{bytes}.substr(header), next)) return {};
    envelope = std::move(next);
    at.micros += 100;
  }
  return envelope;
}

inline Event visit(Envelope envelope) {
  return Visited{std::move(envelope), Address::v4(0x0a000002)};
}
inline Event end(Envelope envelope, LogTicket ticket, End how = End::completed) {
  return Ended{std::move(envelope), how, ticket};
}

}  // namespace podring::test
