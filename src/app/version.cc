#include "app/version.h"

// The three macros come from CMakeLists.txt and only to this file, so that a commit recompiles
// nothing else.
namespace podring {

std::string version() { return PODRING_VERSION; }
std::string revision() { return PODRING_REVISION; }
std::uint8_t protocol_version_max() { return PODRING_PROTOCOL_MAX; }
std::uint8_t protocol_version_min() {
  return protocol_version_max() > 1 ? static_cast<std::uint8_t>(protocol_version_max() - 1) : 1;
}
std::string version_text(std::string_view program) {
  return std::string{program} + " " + version() + " (" + revision() + ")";
}
std::string protocol_text() {
  return ", protocol " + std::to_string(protocol_version_min()) + " to " +
         std::to_string(protocol_version_max());
}

}  // namespace podring
