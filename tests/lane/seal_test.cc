// proto-docs/datagrams.md, section 8; the vectors were made by another program.
#include "lane/seal.h"

#include <fstream>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include "lane/packet.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::lane;

namespace {

RingKey key_of(unsigned char first) {
  RingKey::Bytes bytes;
  bytes.fill(first);
  return RingKey{bytes};
}

LaneToken token_of(unsigned char byte) {
  LaneToken token;
  token.bytes.fill(byte);
  return token;
}

Bytes datagram_of(std::uint64_t number, ByteView payload) {
  Bytes datagram;
  write_header(datagram, {.lane = 7, .token = token_of(2), .number = number});
  datagram += payload;
  return datagram;
}

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

LaneToken token_from(const std::string& hex) {
  LaneToken token;
  const Bytes bytes = from_hex(hex);
  REQUIRE(bytes.size() == token.bytes.size());
  std::copy(bytes.begin(), bytes.end(), token.bytes.begin());
  return token;
}

}  // namespace

TEST_CASE("a ring key is read from 64 hexadecimal digits and nothing else", "[lane][seal]") {
  const std::string digits(64, 'a');
  REQUIRE(RingKey::parse(digits).has_value());
  CHECK(RingKey::parse(digits)->bytes()[31] == 0xaa);
  CHECK(RingKey::parse(" \n" + digits + "\r\n").has_value());
  CHECK(RingKey::parse(std::string(64, 'A'))->id() == RingKey::parse(digits)->id());
  for (const std::string& bad : {std::string{}, std::string{"\n"}, digits + "a", digits.substr(2),
                                 digits.substr(1) + "g", digits.substr(2) + " a"}) {
    INFO(bad);
    CHECK_FALSE(RingKey::parse(bad).has_value());
  }
}

TEST_CASE("what one end seals the other opens, and nobody else", "[lane][seal]") {
  const Seal sender{key_of(1), token_of(1), token_of(2)};
  Bytes datagram = datagram_of(5, "payload");
  sender.close(datagram);
  CHECK(datagram.find("payload") == Bytes::npos);
  CHECK(datagram.size() == kHeaderBytes + 7);
  const auto header = read_header(datagram);
  REQUIRE(header.has_value());
  CHECK(header->sealed);
  CHECK(header->number == 5);

  CHECK(Seal(key_of(1), token_of(2), token_of(1)).open(datagram) == "payload");
  CHECK_FALSE(Seal(key_of(3), token_of(2), token_of(1)).open(datagram));  // another ring's
  CHECK_FALSE(Seal(key_of(1), token_of(2), token_of(4)).open(datagram));  // another session's
  CHECK_FALSE(Seal(key_of(1), token_of(1), token_of(2)).open(datagram));  // sent back to its sender
}

TEST_CASE("no byte of a sealed datagram can be changed", "[lane][seal]") {
  Bytes datagram = datagram_of(5, "payload");
  Seal(key_of(1), token_of(1), token_of(2)).close(datagram);
  Seal receiver{key_of(1), token_of(2), token_of(1)};
  for (std::size_t at = 0; at < datagram.size(); ++at) {
    INFO(at);
    Bytes changed = datagram;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK_FALSE(receiver.open(changed));
  }
  CHECK_FALSE(receiver.open(ByteView{datagram}.substr(0, datagram.size() - 1)));
  CHECK_FALSE(receiver.open(datagram + '\0'));
  CHECK(receiver.open(datagram).has_value());
}

TEST_CASE("sealed datagrams have the bytes of the vectors", "[lane][seal][vectors]") {
  const char* source = std::getenv("PODRING_SOURCE");
  REQUIRE(source != nullptr);
  std::ifstream file{std::string{source} + "/proto-docs/vectors.json"};
  const auto document = Poco::JSON::Parser{}.parse(file).extract<Poco::JSON::Object::Ptr>();
  const auto vectors = document->getArray("sealed_datagrams");
  REQUIRE(!vectors.isNull());
  REQUIRE(vectors->size() > 5);
  for (unsigned i = 0; i < vectors->size(); ++i) {
    const auto vector = vectors->getObject(i);
    const auto text = [&](const char* name) { return vector->getValue<std::string>(name); };
    INFO(text("name"));
    const auto key = RingKey::parse(text("ring_key"));
    REQUIRE(key.has_value());
    const RingKeyId id = key->id();
    CHECK(Bytes(id.bytes.begin(), id.bytes.end()) == from_hex(text("key_id")));
    const LaneToken to = token_from(text("token"));
    const LaneToken from = token_from(text("sender_token"));
    const Bytes payload = from_hex(text("payload"));
    Bytes datagram;
    write_header(datagram, {.lane = vector->getValue<std::uint32_t>("lane"),
                            .token = to,
                            .number = vector->getValue<std::uint64_t>("number")});
    datagram += payload;
    Seal(*key, from, to).close(datagram);
    CHECK(datagram == from_hex(text("bytes")));
    CHECK(Seal(*key, to, from).open(from_hex(text("bytes"))) == ByteView{payload});
  }
}
