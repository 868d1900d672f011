// Where a name server is.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace podring {

struct DnsServer {
  Address address;
  std::uint16_t port = 53;
  friend bool operator==(const DnsServer&, const DnsServer&) = default;
};

}  // namespace podring
