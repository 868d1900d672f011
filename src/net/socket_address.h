// Addresses as the core has them <-> as the kernel has them.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "core/types.h"

namespace podring {

/// `v4`: for a socket of IPv4. One of IPv6 reaches IPv4 addresses as well, as mapped ones.
inline socklen_t fill_socket_address(sockaddr_storage& out, Address address, std::uint16_t port,
                                     bool v4) {
  out = {};
  if (v4) {
    auto& in4 = reinterpret_cast<sockaddr_in&>(out);
    in4.sin_family = AF_INET;
    in4.sin_port = htons(port);
    in4.sin_addr.s_addr = htonl(static_cast<std::uint32_t>(address.low));
    return sizeof in4;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  for (std::size_t i = 0; i < 16; ++i) {
    const std::uint64_t word = i < 8 ? address.high : address.low;
    in6.sin6_addr.s6_addr[i] = static_cast<std::uint8_t>(word >> (56 - 8 * (i % 8)));
  }
  return sizeof in6;
}

inline Address address_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    return Address::v4(ntohl(reinterpret_cast<const sockaddr_in&>(from).sin_addr.s_addr));
  }
  Address address;
  const auto& bytes = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr.s6_addr;
  for (std::size_t i = 0; i < 16; ++i) {
    std::uint64_t& word = i < 8 ? address.high : address.low;
    word = (word << 8) | bytes[i];
  }
  return address;
}

}  // namespace podring
