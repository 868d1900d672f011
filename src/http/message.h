// One HTTP request and its answer as plain values, so that routes can be read and tested without
// sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/types.h"

namespace podring::http {

struct Request {
  std::string method;
  std::string path;                          ///< without the query, as sent (not decoded)
  std::map<std::string, std::string> query;  ///< decoded
  std::string content_type;
  std::string last_event_id;
  std::string traceparent;
  std::string tracestate;
  std::vector<std::pair<std::string, std::string>> ce;  ///< ce-* headers: lower case, without "ce-"
  Address client;
  std::string body;
};

/// Where a reply without an end is written to.
class Outlet {
 public:
  virtual ~Outlet() = default;
  /// False: the reader has gone, was too slow, or the server stops. Nothing more can be written.
  virtual bool write(std::string_view bytes) = 0;
  /// False as above. Looks, and does not wait.
  virtual bool open() = 0;
};

struct Reply {
  int status = 200;
  std::string content_type = "application/json; charset=utf-8";
  bool page = false;  ///< part of the page: may run its own script
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::function<void(Outlet&)> stream;  ///< in place of `body`: writes until it returns
};

[[nodiscard]] std::string_view status_text(int status);

/// `{"error": error, "detail": detail}`: `error` is for programs, `detail` says what to change.
[[nodiscard]] Reply error_reply(int status, std::string_view error, std::string_view detail);
/// The same with Retry-After.
[[nodiscard]] Reply busy_reply(int status, std::string_view error, std::string_view detail,
                               int retry_after_s);

/// Status line, headers and blank line. `content_length` is left out when there is none.
[[nodiscard]] std::string head_text(const Reply& reply, std::optional<std::size_t> content_length);

/// Splits "/path?a=1&b=2" or "http://host/path"; nullopt for a target that is neither, or a query
/// with a repeated name or a bad escape.
[[nodiscard]] std::optional<std::pair<std::string, std::map<std::string, std::string>>>
split_target(std::string_view target);

}  // namespace podring::http
