// Addresses for one test process, so that tests can run side by side: 127.a.b.n, a and b from its
// process id, n as asked for.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstdint>

#include "core/types.h"

namespace podring {

/// `n` is 1..254. 127.0.x.x and 127.1.x.x are left to people.
inline Address loopback(std::uint32_t n) {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  const std::uint32_t a = 2 + (pid >> 8) % 250;
  return Address::v4((127U << 24) | (a << 16) | ((pid & 0xff) << 8) | n);
}

inline sockaddr_in loopback_socket_address(std::uint32_t n, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(static_cast<std::uint32_t>(loopback(n).low));
  return address;
}

}  // namespace podring
