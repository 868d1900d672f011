// proto-docs/wire-protocol.md: any bytes as a frame and as an envelope. What is read is written
// back and read as the same again, and a hand-over keeps the envelope whole.
#include <cstddef>
#include <cstdint>

#include "core/check.h"
#include "core/codec.h"
#include "support/frames.h"

namespace {

using namespace podring;  // NOLINT(google-build-using-namespace): the subject is the namespace

constexpr WallTime kArrived{1'700'000'000'000'000};

ByteView bin_content(ByteView bin) {
  const auto tag = static_cast<unsigned char>(bin[0]);
  return bin.substr(tag == 0xc4 ? 2U : tag == 0xc5 ? 3U : 5U);
}

Bytes handed_on(const Envelope& envelope, bool append_entry) {
  Bytes bytes;
  append_envelope(bytes, envelope,
                  {.hop = envelope.head.hop,
                   .lap = envelope.head.lap,
                   .time_left_ms = envelope.head.time_left_ms,
                   .append_entry = append_entry,
                   .pod = "pod-1",
                   .arrived = kArrived});
  return bytes;
}

void check_envelope(ByteView bytes) {
  Envelope envelope;
  if (!read_envelope(bytes, envelope)) return;
  PODRING_CHECK(trace_of(envelope).size() <= envelope.trace_count);

  Envelope same;
  PODRING_CHECK(read_envelope(bin_content(handed_on(envelope, false)), same));
  PODRING_CHECK(same.head == envelope.head);
  PODRING_CHECK(same.tail == envelope.tail);
  PODRING_CHECK(same.detours == envelope.detours);
  PODRING_CHECK(same.trace_omitted == envelope.trace_omitted);
  PODRING_CHECK(same.message() == envelope.message());

  if (!trace_is_well_formed(envelope)) return;
  const Bytes next_bytes = handed_on(envelope, true);
  Envelope next;
  // Only an envelope that is full, or whose count of omitted entries is, cannot go on.
  if (!read_envelope(bin_content(next_bytes), next)) {
    PODRING_CHECK(next_bytes.size() > kEnvelopeBytesMax ||
                  envelope.trace_omitted > UINT32_MAX / 2 - envelope.trace_count);
    return;
  }
  PODRING_CHECK(trace_is_well_formed(next));
  PODRING_CHECK(next.message() == envelope.message());
  PODRING_CHECK(next.trace_count + next.trace_omitted ==
                envelope.trace_count + envelope.trace_omitted + 1);
  PODRING_CHECK(last_arrival(next) == kArrived);
}

Bytes rewritten(const AnyFrame& frame) {
  Bytes batch;
  std::size_t count = 0;
  Envelope envelope;
  for (const ByteView bytes : frame.relay.envelopes) {
    if (!read_envelope(bytes, envelope)) continue;  // such a one is counted and left out
    batch += handed_on(envelope, false);
    ++count;
  }
  return test::written_again(frame, count, batch);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes{reinterpret_cast<const char*>(data), size};
  check_envelope(bytes);
  AnyFrame frame;
  if (!read_frame(bytes, frame)) return 0;
  for (const ByteView envelope : frame.relay.envelopes) {
    if (frame.type == FrameType::relay) check_envelope(envelope);
  }
  const Bytes once = rewritten(frame);
  AnyFrame again;
  PODRING_CHECK(read_frame(once, again));
  PODRING_CHECK(again.type == frame.type);
  PODRING_CHECK(rewritten(again) == once);
  return 0;
}
