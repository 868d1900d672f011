// "Contains this text", which Catch2 v3 has under another name.
#pragma once

#include <string>

#include "support/catch.h"

namespace podring::http {

inline auto contains(const std::string& part) {
#ifdef PODRING_CATCH2_V3
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

}  // namespace podring::http
