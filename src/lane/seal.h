// Sealing a lane's datagrams with the ring's key: encrypted, and proven to come from a holder of
// it.
//
// proto-docs/datagrams.md section 8. ChaCha20-Poly1305 (RFC 8439) by libsodium, with a key of its
// own for each lane and direction, so that a datagram's number never repeats under one key.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lane_offer.h"
#include "core/types.h"

namespace podring::lane {

/// 256 random bits that all peers of a ring share.
class RingKey {
 public:
  static constexpr std::size_t kBytes = 32;
  using Bytes = std::array<unsigned char, kBytes>;

  explicit RingKey(const Bytes& bytes);
  /// 64 hexadecimal digits, white space around them allowed. nullopt: it is something else.
  [[nodiscard]] static std::optional<RingKey> parse(std::string_view text);

  /// A key for another use, which tells nothing of this one and of those for other uses.
  [[nodiscard]] Bytes derive(std::string_view label) const;

  /// Tells keys apart without giving anything of them away.
  [[nodiscard]] RingKeyId id() const;
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

/// The keys of one ring: the first is used, both are tried.
using RingKeys = std::vector<RingKey>;
/// The text of a key file: one or two lines with a key each. Empty: it is something else.
[[nodiscard]] RingKeys parse_ring_keys(std::string_view text);
/// All zeros, or a key that ZeroMQ's manual prints: everybody has those.
[[nodiscard]] bool is_known_to_all(const RingKey& key);

/// 16 hexadecimal digits.
[[nodiscard]] std::string to_string(const RingKeyId& id);

/// One lane's, at one of its ends.
class Seal {
 public:
  /// `own`: the token that this side has offered; `remote`: the other side's.
  Seal(const RingKey& key, const LaneToken& own, const LaneToken& remote);

  /// Encrypts what comes after the header, and puts its proof in the place of the token. The number
  /// in the header must not have been used before with this seal.
  void close(Bytes& datagram) const;
  /// The payload; nullopt: no holder of the key wrote it for this lane, or it was changed on its
  /// way. It is good until the next call.
  [[nodiscard]] std::optional<ByteView> open(ByteView datagram);

 private:
  RingKey::Bytes sending_;
  RingKey::Bytes receiving_;
  Bytes opened_;  // scratch
};

}  // namespace podring::lane
