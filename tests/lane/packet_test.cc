// proto-docs/datagrams.md, section 2.
#include "lane/packet.h"

#include "support/catch.h"

using namespace podring;
using namespace podring::lane;
using namespace std::chrono_literals;

namespace {

Bytes full_payload() {
  Bytes bytes;
  write_ack(bytes, 42us, {{7, 9}, {2, 5}});
  write_probe(bytes, 0x0102030405060708);
  write_answer(bytes, 99);
  write_lane_frame(bytes, "one");
  write_lane_frame(bytes, "");
  bytes.append(5, '\0');
  write_lane_frame(bytes, "two");
  return bytes;
}

}  // namespace

TEST_CASE("a header comes back as it was written", "[lane]") {
  Header header{.lane = 0xa1b2c3d4, .token = {}, .number = 1ULL << 40};
  for (std::size_t i = 0; i < 16; ++i) header.token.bytes[i] = static_cast<unsigned char>(i * 17);
  Bytes bytes;
  write_header(bytes, header);
  REQUIRE(bytes.size() == kHeaderBytes);
  const auto read = read_header(bytes);
  REQUIRE(read.has_value());
  CHECK(read->lane == header.lane);
  CHECK(read->token == header.token);
  CHECK(read->number == header.number);
}

TEST_CASE("what is not a datagram of a lane has no header", "[lane]") {
  Bytes good;
  write_header(good, {});
  CHECK_FALSE(read_header(ByteView{good}.substr(1)));
  for (const std::size_t at : {0U, 1U, 2U}) {  // magic, version
    Bytes bad = good;
    bad[at] = '\x7f';
    CHECK_FALSE(read_header(bad));
  }
}

TEST_CASE("a payload comes back as it was written, padding or not", "[lane]") {
  const Bytes bytes = full_payload();
  Payload payload;
  REQUIRE(read_payload(bytes, payload));
  REQUIRE(payload.ack.has_value());
  CHECK(payload.ack->delay == 42us);
  CHECK(payload.ack->ranges == std::vector<PacketRange>{{7, 9}, {2, 5}});
  CHECK(payload.probes == std::vector<std::uint64_t>{0x0102030405060708});
  CHECK(payload.answers == std::vector<std::uint64_t>{99});
  CHECK(payload.frames == std::vector<ByteView>{"one", "", "two"});
  CHECK(payload.ack_eliciting);
}

TEST_CASE("acks and padding want no ack", "[lane]") {
  Bytes bytes;
  write_ack(bytes, 0us, {{0, 0}});
  bytes.append(100, '\0');
  Payload payload;
  REQUIRE(read_payload(bytes, payload));
  CHECK_FALSE(payload.ack_eliciting);
}

TEST_CASE("a payload that is cut anywhere inside a chunk is dropped as a whole", "[lane]") {
  const Bytes bytes = full_payload();
  std::vector<std::size_t> whole;
  Payload payload;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    if (read_payload(ByteView{bytes}.substr(0, size), payload)) whole.push_back(size);
  }
  // Ends of: nothing, ack, probe, answer, "one", "", and each byte of padding.
  CHECK(whole == std::vector<std::size_t>{0, 38, 47, 56, 62, 65, 66, 67, 68, 69, 70});
}

TEST_CASE("acks whose ranges overlap, are upside down or not in order are refused", "[lane]") {
  for (const std::vector<PacketRange>& ranges :
       {std::vector<PacketRange>{{5, 4}}, {{5, 9}, {3, 5}}, {{1, 2}, {5, 6}}}) {
    Bytes bytes;
    write_ack(bytes, 0us, ranges);
    Payload payload;
    CHECK_FALSE(read_payload(bytes, payload));
  }
}
