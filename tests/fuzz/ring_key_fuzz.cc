// Key files: one or two keys come out, or none, and a key is what its digits say.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "lane/seal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const podring::lane::RingKeys keys = podring::lane::parse_ring_keys(text);
  PODRING_CHECK(keys.size() <= 2);
  std::string digits;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') digits += c;
  }
  if (!keys.empty()) PODRING_CHECK(digits.size() == 64 * keys.size());
  for (const podring::lane::RingKey& key : keys) (void)podring::lane::is_known_to_all(key);
  return 0;
}
