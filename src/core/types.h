// Units and names that the whole program shares: addresses, ids, time.
//
// An address is where, not who: whoever must be told apart from the last one there has a BootId.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace podring {

using Bytes =
    std::string;  ///< Owned bytes. A string, so that message text needs no copy to be read.
using ByteView = std::string_view;

using Duration = std::chrono::nanoseconds;

/// A clock without now(): time enters the core as an argument, read once a turn by the loop.
struct SteadyTime {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<SteadyTime>;
  static constexpr bool is_steady = true;
};
using TimePoint = SteadyTime::time_point;

/// Microseconds since 1970-01-01 UTC. For people only: nothing is decided by it.
struct WallTime {
  std::int64_t micros = 0;
  friend auto operator<=>(const WallTime&, const WallTime&) = default;
};

/// One reading of both clocks. `steady` may repeat and never goes back (the loop clamps it).
struct Now {
  TimePoint steady;
  WallTime wall;
};

/// An IPv4 or IPv6 address as one 128-bit number, so that 10.42.0.9 sorts before 10.42.0.10. IPv4
/// is kept v4-mapped (::ffff:a.b.c.d), which makes the mapped and the plain form one address.
struct Address {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend auto operator<=>(const Address&, const Address&) = default;

  [[nodiscard]] static constexpr Address v4(std::uint32_t host_order) {
    return {0, 0xffff'0000'0000ULL | host_order};
  }
  [[nodiscard]] constexpr bool is_v4() const { return high == 0 && (low >> 32) == 0xffff; }
  /// ::/128, the value of a default-constructed Address; never a peer's.
  [[nodiscard]] constexpr bool is_unspecified() const {
    return (high == 0 && low == 0) || (is_v4() && (low & 0xffff'ffffU) == 0);
  }
  [[nodiscard]] constexpr bool is_loopback() const {
    return is_v4() ? ((low >> 24) & 0xff) == 127 : (high == 0 && low == 1);
  }
};

/// Dotted quad or RFC 5952 text; nullopt for anything else (names, ports, zones, blanks).
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);
[[nodiscard]] std::string to_string(Address address);

/// 64 random bits drawn once per process: who sits at an address. 0 is "nobody".
struct BootId {
  std::uint64_t value = 0;
  friend auto operator<=>(const BootId&, const BootId&) = default;
};
[[nodiscard]] std::string to_string(BootId boot);  ///< 16 hex digits

/// The origin's boot id and a counter from 1. Text: "<16 hex digits>-<counter>".
struct EnvelopeId {
  BootId boot;
  std::uint64_t counter = 0;
  friend auto operator<=>(const EnvelopeId&, const EnvelopeId&) = default;
};
[[nodiscard]] std::string to_string(EnvelopeId id);
[[nodiscard]] std::optional<EnvelopeId> parse_envelope_id(std::string_view text);

/// What `copies` counts: different processes, or different nodes.
enum class CopiesOn : std::uint8_t { peers = 0, nodes = 1 };

/// Who somebody is. Travels in `hello`.
struct Identity {
  std::string pod;   ///< 1..253 bytes; the name in traces
  std::string uid;   ///< 0..128 bytes
  std::string node;  ///< 0..253 bytes; empty: a node of its own
  Address address;
  BootId boot;
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// A place that `copies` counts: the boot id with CopiesOn::peers, a hash of the node name with
/// nodes (of the boot id when the node is unknown).
[[nodiscard]] std::uint64_t site_of(const Identity& identity, CopiesOn copies_on);

/// 64-bit FNV-1a (Fowler, Noll, Vo); for digests and places, not for secrets.
[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view bytes,
                                            std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace podring
