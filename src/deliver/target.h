// Where a program listens: a URL that is safe to send messages to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace podring::deliver {

/// An http or https URL; the host is a literal loopback address or "localhost" unless
/// other hosts are allowed.
struct Target {
  std::string origin;  ///< "http://127.0.0.1:8000"
  std::string path;    ///< begins with '/'; the query is part of it
  std::string host;    ///< as written, IPv6 without brackets
  std::uint16_t port = 80;
  [[nodiscard]] std::string url() const { return origin + path; }
};

/// The target, or one sentence that says what to change. User names, fragments and schemes other
/// than http and https are refused.
[[nodiscard]] std::variant<Target, std::string> parse_target(std::string_view url,
                                                             bool other_hosts_allowed);

}  // namespace podring::deliver
