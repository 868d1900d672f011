#include "http/route_checks.h"

#include <algorithm>
#include <charconv>

namespace podring::http {

/// The answer when the method is not one of `allowed` ("GET, HEAD"); OPTIONS lists them.
std::optional<Reply> check_method(const Request& request, std::string_view allowed) {
  const std::string all = std::string{allowed} + ", OPTIONS";
  Reply reply;
  if (request.method == "OPTIONS") {
    reply.status = 204;
  } else {
    for (std::string_view rest = all; !rest.empty();) {
      const auto method = rest.substr(0, rest.find(','));
      if (method == request.method) {
        return std::nullopt;
      }
      rest.remove_prefix(std::min(rest.size(), method.size() + 2));
    }
    reply = error_reply(405, "method_not_allowed", "this path takes " + all);
  }
  reply.headers.emplace_back("Allow", all);
  return reply;
}

/// 400 when the query has names that the route does not know.
std::optional<Reply> check_query(const Request& request,
                                 std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string names;
      for (const std::string_view one : known) {
        names.append(names.empty() ? "known: " : ", ").append(one);
      }
      return error_reply(400, "bad_request",
                         "unknown query parameter '" + name.substr(0, 64) + "'; " +
                             (names.empty() ? "this path takes none" : names));
    }
  }
  return std::nullopt;
}

/// A number of the query within its bounds, or what is wrong with it.
std::variant<std::size_t, Reply> query_number(const Request& request, const std::string& name,
                                              std::size_t otherwise, std::size_t min,
                                              std::size_t max) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) {
    return otherwise;
  }
  std::size_t number = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, number);
  if (error != std::errc{} || stop != end || number < min || number > max) {
    return error_reply(400, "bad_request",
                       name + " must be a whole number from " + std::to_string(min) + " to " +
                           std::to_string(max));
  }
  return number;
}

}  // namespace podring::http
