// What this build calls itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace podring {

[[nodiscard]] std::string version();   ///< "0.1.0"
[[nodiscard]] std::string revision();  ///< short source revision; "unknown" outside a checkout
/// Highest protocol version that this build speaks (CMake's PODRING_PROTOCOL_MAX); it also speaks
/// the one before.
[[nodiscard]] std::uint8_t protocol_version_max();
[[nodiscard]] std::uint8_t protocol_version_min();
/// What --version says: "inject 0.1.0 (0123456789ab)".
[[nodiscard]] std::string version_text(std::string_view program);
/// For programs that speak it: ", protocol 1 to 2".
[[nodiscard]] std::string protocol_text();

}  // namespace podring
