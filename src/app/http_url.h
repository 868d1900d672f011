// Where an HTTP server is, as people write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace podring {

struct HttpUrl {
  std::string host;  ///< a name or an address, without brackets
  std::uint16_t port = 0;
  std::string path;  ///< without a slash at the end; often empty
};

/// `http://localhost:8080/path`, port and path optional; no other scheme, no user, query or
/// fragment.
[[nodiscard]] std::optional<HttpUrl> parse_http_url(const std::string& text);

}  // namespace podring
