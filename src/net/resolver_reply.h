// What c-ares hands back for one question -> a NameAnswer. No sockets.
#pragma once

#include <span>

#include "net/resolver.h"

namespace podring {

/// `status` is one of ares.h; `reply` is the message as it came, or empty. DNS is not trusted:
/// whatever the bytes are, the result is one of the three outcomes.
[[nodiscard]] NameAnswer read_reply(int status, std::span<const unsigned char> reply,
                                    const ResolverSettings& settings);

}  // namespace podring
