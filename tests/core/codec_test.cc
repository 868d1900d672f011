// proto-docs/wire-protocol.md, sections 2 to 8: what is written is read back, and nothing that is
// not a frame is taken for one. The vectors (vectors_test.cc) hold the bytes themselves.
#include "core/codec.h"

#include <algorithm>

#include <msgpack.hpp>

#include "core/random.h"
#include "support/catch.h"

using namespace podring;  // NOLINT(google-build-using-namespace): the subject is the namespace

namespace {

const Address kOrigin = Address::v4(0x0a2a0009);

EnvelopeHead head_of(std::uint64_t counter) {
  EnvelopeHead head;
  head.id = {{0x1122334455667788ULL}, counter};
  head.origin = kOrigin;
  return head;
}

ByteView bin_content(ByteView bin) {
  const auto tag = static_cast<unsigned char>(bin[0]);
  return bin.substr(tag == 0xc4 ? 2U : tag == 0xc5 ? 3U : 5U);
}

/// The envelope as its next holder reads it.
Envelope handed_on(const Envelope& envelope, std::string_view pod) {
  Bytes bytes;
  HandOver hand_over;
  hand_over.hop = envelope.head.hop + 1;
  hand_over.time_left_ms = envelope.head.time_left_ms;
  hand_over.pod = pod;
  hand_over.arrived = {1'700'000'000'000'000 + envelope.head.hop};
  append_envelope(bytes, envelope, hand_over);
  Envelope next;
  REQUIRE(read_envelope(bin_content(bytes), next));
  return next;
}

HelloFrame some_hello() {
  HelloFrame hello;
  hello.ring = "ring.default.svc.cluster.local";
  hello.identity = {"pod-1", "uid-1", "node-1", kOrigin, {42}};
  hello.dialled = Address::v4(0x0a2a000a);
  hello.leaving = true;
  hello.credit_envelopes = 1024;
  hello.credit_bytes = 16ULL * 1024 * 1024;
  return hello;
}

/// Frames of every type, for the tests that bend bytes.
std::vector<Bytes> one_of_each() {
  Bytes envelopes;
  append_envelope(envelopes, make_envelope(head_of(1), "hello"),
                  {.hop = 1, .pod = "pod-1", .arrived = {5}});
  SeededFrame seeded{9, Stage::completed, {{7}, 3}, 1, 2, {{"pod-1", {100}}, {"pod-2", {200}}}};
  return {write_frame({1, 3}, some_hello()),
          write_relay({1, 3}, 4, 5, 1, envelopes),
          write_frame(
              {1, 3},
              AckFrame{
                  10, 2000, {{AckLevel::received, {0, 4}, 1, 77}, {AckLevel::safe, {5, 5}, 0, 0}}}),
          write_frame({1, 3}, SeedFrame{9, 2, "text", LimitKind::laps, 3, 1000, Stage::safe}),
          write_frame({1, 3}, seeded),
          write_frame({1, 3}, RefuseFrame{RefuseCode::ring_full, "try again later", 9}),
          write_leaving({1, 3}),
          write_frame({1, 3}, PingFrame{11, 5, {{5, 8}, {10, 10}}}),
          write_frame({1, 3}, PongFrame{11, 10, 2000})};
}

}  // namespace

TEST_CASE("a hello carries the offer of a lane, and what is no such offer is none", "[codec]") {
  HelloFrame hello = some_hello();
  hello.lane = LaneOffer{5570, 7, {}, 8952, 100'000};
  hello.lane->token.bytes.fill(0xa5);
  AnyFrame read;
  Bytes bytes = write_frame({1, 3}, hello);
  REQUIRE(read_frame(bytes, read));
  CHECK(read.hello.lane == hello.lane);
  hello.lane->key.emplace().bytes.fill(0x5a);
  bytes = write_frame({1, 3}, hello);
  REQUIRE(read_frame(bytes, read));
  CHECK(read.hello.lane == hello.lane);
  hello.lane->datagram_max = kDatagramBase - 1;
  REQUIRE(read_frame(write_frame({1, 3}, hello), read));
  CHECK_FALSE(read.hello.lane.has_value());
  hello.lane = LaneOffer{5570, 7, {}, 8952, kDatagramBase - 1};  // no room for a single one
  REQUIRE(read_frame(write_frame({1, 3}, hello), read));
  CHECK_FALSE(read.hello.lane.has_value());
  REQUIRE(read_frame(write_frame({1, 3}, some_hello()), read));
  CHECK_FALSE(read.hello.lane.has_value());
}

TEST_CASE("an ack's number comes back, and the type of a frame is known by its front", "[codec]") {
  AckFrame ack{1, 2, {}, 70'000};
  AnyFrame read;
  const Bytes bytes = write_frame({1, 3}, ack);
  REQUIRE(read_frame(bytes, read));
  CHECK(read.ack.number == 70'000);
  CHECK(frame_type(ByteView{bytes}.substr(0, 9)) == FrameType::ack);
  CHECK_FALSE(frame_type("nothing of ours").has_value());
}

TEST_CASE("hello comes back as it was", "[codec]") {
  AnyFrame frame;
  REQUIRE(read_frame(write_frame({1, 7}, some_hello()), frame));
  CHECK(frame.type == FrameType::hello);
  CHECK(frame.session == 7);
  CHECK(frame.hello.ring == some_hello().ring);
  CHECK(frame.hello.identity == some_hello().identity);
  CHECK(frame.hello.dialled == some_hello().dialled);
  CHECK(frame.hello.leaving);
  CHECK(frame.hello.credit_bytes == some_hello().credit_bytes);
}

TEST_CASE("acks name ranges, words and places", "[codec]") {
  const AckFrame ack{
      3, 4, {{AckLevel::received, {0, 9}, 1, 0xfeedULL}, {AckLevel::final, {12, 12}, 0, 0}}};
  AnyFrame frame;
  REQUIRE(read_frame(write_frame({1, 7}, ack), frame));
  CHECK(frame.ack.ranges == ack.ranges);
  CHECK(frame.ack.credit_envelopes == 3);
}

TEST_CASE("an envelope keeps everything from hop to hop", "[codec]") {
  EnvelopeHead head = head_of(42);
  head.limit_kind = LimitKind::laps;
  head.limit = 3;
  head.copies = 3;
  head.copies_on = CopiesOn::nodes;
  head.receipt = true;
  Envelope envelope = make_envelope(head, "gr\xc3\xbc\xc3\x9f");
  envelope.detours = {{1, 2}, {4, 3}};
  const Envelope next = handed_on(envelope, "pod-a");
  CHECK(next.message() == "gr\xc3\xbc\xc3\x9f");
  CHECK(next.detours == envelope.detours);
  head.hop = 1;
  CHECK(next.head == head);
  const Envelope last = handed_on(next, "pod-b");
  const auto trace = trace_of(last);
  REQUIRE(trace.size() == 2);
  CHECK(trace[0].pod == "pod-a");
  CHECK(trace[1].pod == "pod-b");
  CHECK(trace[1].at.micros == 1'700'000'000'000'001);
}

TEST_CASE("the trace grows by one entry a hop, and the bytes only at its end", "[codec]") {
  Envelope envelope = make_envelope(head_of(1), std::string(256, 'x'));
  for (std::uint32_t hop = 0; hop < 400; ++hop) {
    const std::string before = envelope.tail;
    envelope = handed_on(envelope, "pod-" + std::to_string(hop % 3));
    REQUIRE(envelope.trace_count == hop + 1);
    REQUIRE(envelope.tail.compare(0, before.size(), before) == 0);
  }
  CHECK(trace_is_well_formed(envelope));
  CHECK(trace_of(envelope)[399].pod == "pod-0");
}

TEST_CASE("with laps the trace keeps its first 16 and last 496 entries and a count", "[codec]") {
  EnvelopeHead head = head_of(1);
  head.limit_kind = LimitKind::laps;
  head.limit = 1000;
  Envelope envelope = make_envelope(head, "m");
  for (int hop = 0; hop < 700; ++hop) envelope = handed_on(envelope, "p" + std::to_string(hop));
  const auto trace = trace_of(envelope);
  REQUIRE(trace.size() == kTraceFirstKept + kTraceLastKept);
  CHECK(envelope.trace_omitted == 700 - trace.size());
  CHECK(trace[0].pod == "p0");
  CHECK(trace[15].pod == "p15");
  CHECK(trace[16].pod == "p" + std::to_string(700 - kTraceLastKept));
  CHECK(trace.back().pod == "p699");
}

TEST_CASE("an ended envelope on its way home gets no entry", "[codec]") {
  EnvelopeHead head = head_of(1);
  head.ended = End::completed;
  Envelope envelope = make_envelope(head, "m");
  Bytes bytes;
  append_envelope(bytes, envelope, {.hop = 10, .append_entry = false, .pod = "p"});
  Envelope next;
  REQUIRE(read_envelope(bin_content(bytes), next));
  CHECK(next.trace_count == 0);
  CHECK(next.head.ended == End::completed);
}

TEST_CASE("every cut of every frame is refused", "[codec]") {
  for (const Bytes& bytes : one_of_each()) {
    AnyFrame frame;
    REQUIRE(read_frame(bytes, frame));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      INFO(static_cast<int>(frame.type) << " cut to " << size);
      AnyFrame scratch;
      REQUIRE_FALSE(read_frame(ByteView{bytes}.substr(0, size), scratch));
    }
    AnyFrame scratch;
    REQUIRE_FALSE(read_frame(bytes + '\0', scratch));
  }
}

TEST_CASE("bent bytes never crash the reader and never make it read past the frame", "[codec]") {
  SplitMix random{17};
  AnyFrame frame;
  Envelope envelope;
  std::size_t taken = 0;
  for (int round = 0; round < 60'000; ++round) {
    for (Bytes bytes : {one_of_each()[static_cast<std::size_t>(random.below(9))]}) {
      for (std::uint64_t i = 1 + random.below(4); i > 0; --i)
        bytes[static_cast<std::size_t>(random.below(bytes.size()))] =
            static_cast<char>(random.next());
      // Its own allocation, to the byte, so that a sanitizer sees any step beyond.
      const std::vector<char> exact(bytes.begin(), bytes.end());
      const ByteView view{exact.data(), exact.size()};
      if (!read_frame(view, frame)) continue;
      ++taken;
      if (frame.type != FrameType::relay) continue;
      for (const ByteView bin : frame.relay.envelopes) {
        REQUIRE(bin.data() >= view.data());
        REQUIRE(bin.data() + bin.size() <= view.data() + view.size());
        if (read_envelope(bin, envelope)) static_cast<void>(trace_of(envelope));
      }
    }
  }
  CHECK(taken > 1000);  // or the test bends so much that it tests nothing
}

TEST_CASE("a length that the bytes cannot hold is refused before anything is allocated",
          "[codec]") {
  AnyFrame frame;
  const Bytes relay = write_relay({1, 3}, 0, 0, 0, {});
  // The empty array of envelopes (0x90) becomes one of four billion.
  Bytes bent = relay;
  const std::size_t at = bent.size() - 2;
  REQUIRE(bent[at] == '\x90');
  bent.replace(at, 1, "\xdd\xff\xff\xff\xff", 5);
  CHECK_FALSE(read_frame(bent, frame));
}

TEST_CASE("another magic, version 0 and an unknown type are refused", "[codec]") {
  AnyFrame frame;
  const Bytes good = write_leaving({1, 3});
  REQUIRE(read_frame(good, frame));
  Bytes bad = good;
  bad[2] = static_cast<char>(bad[2] ^ 1);
  CHECK_FALSE(read_frame(bad, frame));
  bad = good;
  bad[7] = 10;  // type
  CHECK_FALSE(read_frame(bad, frame));
}

TEST_CASE("bounds of names, reasons and ranges hold", "[codec]") {
  AnyFrame frame;
  HelloFrame hello = some_hello();
  hello.identity.pod = std::string(kNameBytesMax, 'p');
  CHECK(read_frame(write_frame({1, 1}, hello), frame));
  hello.identity.pod += 'p';
  CHECK_FALSE(read_frame(write_frame({1, 1}, hello), frame));
  AckFrame ack;
  ack.ranges.assign(kRangesMax, {AckLevel::received, {1, 2}, 0, 0});
  CHECK(read_frame(write_frame({1, 1}, ack), frame));
  ack.ranges.push_back({AckLevel::received, {1, 2}, 0, 0});
  CHECK_FALSE(read_frame(write_frame({1, 1}, ack), frame));
  AckFrame backwards{0, 0, {{AckLevel::received, {5, 4}, 0, 0}}};
  CHECK_FALSE(read_frame(write_frame({1, 1}, backwards), frame));
}

TEST_CASE("unknown keys of an envelope's extension map are passed on", "[codec]") {
  const Envelope plain = make_envelope(head_of(1), "m");
  Bytes bytes;
  append_envelope(bytes, plain, {.hop = 1, .append_entry = false});
  // The extension map is the last byte here: an empty map becomes {"x": 1}.
  REQUIRE(bytes.back() == '\x80');
  Bytes content{bin_content(bytes)};
  content.replace(content.size() - 1, 1, "\x81\xa1x\x01");
  Envelope extended;
  REQUIRE(read_envelope(content, extended));
  const Envelope next = handed_on(extended, "p");
  CHECK(next.tail.find("\x81\xa1x\x01") != std::string::npos);
  CHECK(next.trace_count == 1);
  CHECK(trace_of(next)[0].pod == "p");
}

// Reading is our own, in place; writing is msgpack-cxx. So every frame is read by msgpack-cxx too.
TEST_CASE("msgpack-cxx reads every frame as one array with our header and an extension map",
          "[codec]") {
  const std::vector<std::size_t> fields{19, 8, 8, 12, 12, 8, 5, 8, 8};
  const std::vector<Bytes> frames = one_of_each();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const msgpack::object_handle handle = msgpack::unpack(frames[i].data(), frames[i].size());
    const msgpack::object& array = handle.get();
    REQUIRE(array.type == msgpack::type::ARRAY);
    CHECK(array.via.array.size == fields[i]);
    CHECK(array.via.array.ptr[0].as<std::uint32_t>() == kMagic);
    CHECK(array.via.array.ptr[2].as<std::size_t>() == i + 1);
    CHECK(array.via.array.ptr[3].as<std::uint64_t>() == 3);
    CHECK(array.via.array.ptr[array.via.array.size - 1].type == msgpack::type::MAP);
  }
}

TEST_CASE("msgpack-cxx reads an envelope field by field as we do", "[codec]") {
  SplitMix random{23};
  for (int round = 0; round < 500; ++round) {
    EnvelopeHead head = head_of(1 + random.next() % (1ULL << random.below(63)));
    head.copies = static_cast<std::uint8_t>(1 + random.below(3));
    head.limit = 1 + static_cast<std::uint32_t>(random.below(kHopsMax));
    head.time_left_ms = static_cast<std::uint32_t>(random.next() >> random.below(32) >> 32);
    if (random.below(2) == 0) head.origin = {random.next(), random.next()};
    Envelope envelope = make_envelope(head, std::string(random.below(70'000), 'm'));
    for (std::uint64_t i = random.below(4); i > 0; --i)
      envelope = handed_on(envelope, std::string(1 + random.below(253), 'p'));

    Bytes bytes;
    append_envelope(bytes, envelope,
                    {.hop = envelope.head.hop, .time_left_ms = 7, .append_entry = false});
    Envelope ours;
    REQUIRE(read_envelope(bin_content(bytes), ours));
    const msgpack::object_handle outer = msgpack::unpack(bytes.data(), bytes.size());
    const auto& bin = outer.get().via.bin;
    const msgpack::object_handle inner = msgpack::unpack(bin.ptr, bin.size);
    const auto& array = inner.get().via.array;
    REQUIRE(array.size == 16 + ours.trace_count);
    CHECK(array.ptr[0].as<std::uint64_t>() == ours.head.id.boot.value);
    CHECK(array.ptr[1].as<std::uint64_t>() == ours.head.id.counter);
    CHECK(array.ptr[2].via.bin.size == (ours.head.origin.is_v4() ? 4U : 16U));
    CHECK(array.ptr[3].as<std::uint32_t>() == ours.head.hop);
    CHECK(array.ptr[6].as<std::uint32_t>() == ours.head.limit);
    CHECK(array.ptr[7].as<std::uint32_t>() == ours.head.copies);
    CHECK(array.ptr[11].as<std::uint32_t>() == 7);
    CHECK(array.ptr[14].as<std::string>() == ours.message());
    const auto trace = trace_of(ours);
    for (std::size_t i = 0; i < trace.size(); ++i) {
      CHECK(array.ptr[16 + i].via.array.ptr[0].as<std::string>() == trace[i].pod);
      CHECK(array.ptr[16 + i].via.array.ptr[1].as<std::int64_t>() == trace[i].at.micros);
    }
  }
}
