// HTTP requests to a peer under test.
#pragma once

#include <Poco/Dynamic/Var.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace podring::e2e {

struct HttpAnswer {
  int status = 0;  ///< 0: no answer
  std::string body;
};

[[nodiscard]] HttpAnswer http_get(const std::string& host, std::uint16_t port,
                                  const std::string& path);
[[nodiscard]] HttpAnswer http_post(const std::string& host, std::uint16_t port,
                                   const std::string& path, const std::string& json,
                                   std::chrono::seconds at_most = std::chrono::seconds{70});

/// A JSON object's member as text; empty when there is none.
[[nodiscard]] std::string json_text(const std::string& json, const std::string& member);

}  // namespace podring::e2e
