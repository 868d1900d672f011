// What a peer says of its datagram lane in `hello`: where datagrams of this session are to go, and
// the token that they must carry. proto-docs/datagrams.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace podring {

/// 128 random bits, drawn for one session and one direction. It keeps those out who cannot read
/// the session's traffic, and protects nothing else; sealed lanes make their keys with it.
struct LaneToken {
  std::array<unsigned char, 16> bytes{};
  friend bool operator==(const LaneToken&, const LaneToken&) = default;
};

/// Which ring key a peer has; says nothing about the key itself.
struct RingKeyId {
  std::array<unsigned char, 8> bytes{};
  friend bool operator==(const RingKeyId&, const RingKeyId&) = default;
};

inline constexpr std::uint32_t kDatagramBase = 1200;     ///< fits every path; bytes of UDP payload
inline constexpr std::uint32_t kDatagramLimit = 65'000;  ///< no offer may name more

struct LaneOffer {
  std::uint16_t port = 0;  ///< UDP, at the address of the peer that offers
  std::uint32_t lane = 0;  ///< the number under which it knows this session's lane
  LaneToken token;         ///< to be in every datagram that is sent to it
  std::uint32_t datagram_max = kDatagramBase;  ///< it takes no larger ones; >= kDatagramBase
  std::uint32_t window = 0;        ///< bytes that may be in flight to it; what its socket can hold
  std::optional<RingKeyId> key{};  ///< datagrams are sealed with this key; nullopt: plain
  friend bool operator==(const LaneOffer&, const LaneOffer&) = default;
};

}  // namespace podring
