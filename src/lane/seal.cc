#include "lane/seal.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "core/check.h"
#include "lane/packet.h"

namespace podring::lane {
namespace {

constexpr std::string_view kIdContext = "podring ring key id";
constexpr std::string_view kLaneContext = "podring lane";

static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == RingKey::kBytes);
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == sizeof(LaneToken::bytes));

unsigned char* data_of(Bytes& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
const unsigned char* data_of(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

template <std::size_t Size>
std::array<unsigned char, Size> keyed_hash(const RingKey::Bytes& key, ByteView input) {
  std::array<unsigned char, Size> hash;
  PODRING_CHECK(crypto_generichash(hash.data(), hash.size(), data_of(input), input.size(),
                                   key.data(), key.size()) == 0);
  return hash;
}

/// Of the direction in which datagrams go to the side that has offered `to`.
RingKey::Bytes direction_key(const RingKey& key, const LaneToken& to, const LaneToken& from) {
  Bytes input{kLaneContext};
  for (const LaneToken& token : {to, from})
    input.append(reinterpret_cast<const char*>(token.bytes.data()), token.bytes.size());
  return keyed_hash<RingKey::kBytes>(key.bytes(), input);
}

/// What travels in plain text and is proven with the rest: the header without the proof.
struct Plain {
  std::array<unsigned char, kHeaderBytes - kProofBytes> header;
  std::array<unsigned char, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce{};

  explicit Plain(ByteView datagram) {
    const unsigned char* from = data_of(datagram);
    std::memcpy(header.data(), from, kProofAt);
    std::memcpy(header.data() + kProofAt, from + kProofAt + kProofBytes, header.size() - kProofAt);
    // The datagram's number, right-aligned.
    std::copy_n(header.end() - kNumberBytes, kNumberBytes, nonce.end() - kNumberBytes);
  }
};

}  // namespace

RingKey::RingKey(const Bytes& bytes) : bytes_{bytes} {
  PODRING_CHECK(sodium_init() >= 0);  // picks the fastest code for this processor; once
}

std::optional<RingKey> RingKey::parse(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kWhite), text.size()));
  text = text.substr(0, text.find_last_not_of(kWhite) + 1);
  Bytes bytes;
  std::size_t size = 0;
  if (text.size() != 2 * kBytes ||
      sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size,
                     nullptr) != 0 ||
      size != kBytes)
    return std::nullopt;
  return RingKey{bytes};
}

RingKey::Bytes RingKey::derive(std::string_view label) const {
  return keyed_hash<kBytes>(bytes_, label);
}

RingKeys parse_ring_keys(std::string_view text) {
  constexpr std::size_t kKeysMax = 2;
  RingKeys keys;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto key = RingKey::parse(line);
    if (!key || keys.size() == kKeysMax) return {};
    keys.push_back(*key);
  }
  return keys;
}

bool is_known_to_all(const RingKey& key) {
  // zmq_curve(7): the client's public and secret key, the server's.
  constexpr std::string_view kPrinted[] = {
      "bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518",
      "7bb864b489afa3671fbe69101f94b38972f24816dfb01b51656b3fec8dfd0888",
      "54fcba24e93249969316fb617c872bb0c1d1ff14800427c594cbfacf1bc2d652",
      "8e0bdd697628b91d8f245587ee95c5b04d48963f79259877b49cd9063aead3b7"};
  if (sodium_is_zero(key.bytes().data(), key.bytes().size()) == 1) return true;
  return std::any_of(std::begin(kPrinted), std::end(kPrinted), [&](std::string_view hex) {
    return RingKey::parse(hex)->bytes() == key.bytes();
  });
}

RingKeyId RingKey::id() const {
  RingKeyId id;
  const auto hash = keyed_hash<crypto_generichash_BYTES_MIN>(bytes_, kIdContext);
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

std::string to_string(const RingKeyId& id) {
  std::string text(2 * id.bytes.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), id.bytes.data(), id.bytes.size());
  text.pop_back();  // the end that C wants
  return text;
}

Seal::Seal(const RingKey& key, const LaneToken& own, const LaneToken& remote)
    : sending_{direction_key(key, remote, own)}, receiving_{direction_key(key, own, remote)} {}

void Seal::close(Bytes& datagram) const {
  mark_sealed(datagram);
  const Plain plain{datagram};
  unsigned char* payload = data_of(datagram) + kHeaderBytes;
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      payload, data_of(datagram) + kProofAt, nullptr, payload, datagram.size() - kHeaderBytes,
      plain.header.data(), plain.header.size(), nullptr, plain.nonce.data(), sending_.data());
}

std::optional<ByteView> Seal::open(ByteView datagram) {
  const Plain plain{datagram};
  const ByteView payload = datagram.substr(kHeaderBytes);
  opened_.resize(payload.size());
  if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(
          data_of(opened_), nullptr, data_of(payload), payload.size(), data_of(datagram) + kProofAt,
          plain.header.data(), plain.header.size(), plain.nonce.data(), receiving_.data()) != 0)
    return std::nullopt;
  return opened_;
}

}  // namespace podring::lane
