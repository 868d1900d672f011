// A name server's answer is not trusted: whatever its bytes are, the outcome is one of three. The
// first byte of the input chooses the family and the bound.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "core/check.h"
#include "net/resolver_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using podring::NameAnswer;
  if (size == 0) return 0;
  podring::ResolverSettings settings;
  settings.v4 = (data[0] & 1) == 0;
  settings.addresses_max = 1 + (data[0] >> 1);
  constexpr int kSuccess = 0;  // ARES_SUCCESS
  const NameAnswer answer =
      podring::read_reply(kSuccess, std::span<const unsigned char>{data + 1, size - 1}, settings);
  PODRING_CHECK((answer.outcome == NameAnswer::Outcome::unknown) == !answer.detail.empty());
  if (answer.outcome != NameAnswer::Outcome::answer) return 0;
  PODRING_CHECK(!answer.addresses.empty());
  PODRING_CHECK(answer.addresses.size() <= settings.addresses_max);
  PODRING_CHECK(std::adjacent_find(answer.addresses.begin(), answer.addresses.end(),
                                   std::greater_equal<>{}) == answer.addresses.end());
  for (const podring::Address address : answer.addresses) {
    PODRING_CHECK(!address.is_unspecified());
    PODRING_CHECK(address.is_v4() == settings.v4);
  }
  return 0;
}
