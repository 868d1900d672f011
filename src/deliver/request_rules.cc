#include "deliver/request_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace podring::deliver {
namespace {

constexpr std::size_t kMethodMax = 32;
constexpr std::size_t kPathMax = 8192;
constexpr std::size_t kHeadersMax = 32;
constexpr std::size_t kHeaderBytesMax = 8192;
constexpr std::array<std::string_view, 11> kOwnHeaders{
    "host",       "content-length", "transfer-encoding", "connection",
    "keep-alive", "upgrade",        "trailer",           "proxy-authorization",
    "te",         "expect",         "proxy-connection"};

/// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || kMarks.find(c) != std::string::npos;
  });
}

bool is_visible(char c) { return c > ' ' && c < 0x7f; }

/// Linear in the text for each star: no pattern makes it slow (no back-tracking beyond the last
/// star).
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string lower(std::string_view text) {
  std::string result{text};
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// A dot segment, plain or with its dots escaped: a server resolves it, and it would leave the
/// path that a rule allows.
bool has_dot_segment(std::string_view path) {
  const std::string plain = [&] {
    std::string result = lower(path.substr(0, path.find('?')));
    for (std::size_t at = 0; (at = result.find("%2e", at)) != std::string::npos;) {
      result.replace(at, 3, ".");
    }
    for (std::size_t at = 0; (at = result.find("%2f", at)) != std::string::npos;) {
      result.replace(at, 3, "/");
    }
    return result + "/";
  }();
  return plain.find("/./") != std::string::npos || plain.find("/../") != std::string::npos;
}

std::string wrong_with_headers(const ProgramRequest& request) {
  if (request.headers.size() > kHeadersMax) {
    return "request.headers has " + std::to_string(request.headers.size()) + " entries; at most " +
           std::to_string(kHeadersMax) + " are taken";
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return "request.headers has a name that is no HTTP token";
    const std::string known = lower(name);
    if (std::find(kOwnHeaders.begin(), kOwnHeaders.end(), known) != kOwnHeaders.end()) {
      return "request.headers may not set " + name + ": it belongs to the connection";
    }
    const bool printable =
        std::all_of(value.begin(), value.end(), [](char c) { return is_visible(c) || c == ' '; });
    if (!printable) {
      return "the value of request.headers." + name + " has characters that are not visible ASCII";
    }
    bytes += name.size() + value.size();
  }
  if (bytes > kHeaderBytesMax) {
    return "request.headers has " + std::to_string(bytes) + " bytes; at most " +
           std::to_string(kHeaderBytesMax) + " are taken";
  }
  return {};
}

}  // namespace

std::variant<RequestRule, std::string> parse_request_rule(std::string_view text) {
  const std::string quoted = "'" + std::string{text} + "'";
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos || text.find(' ', blank + 1) != std::string_view::npos) {
    return quoted + " is not a method and a path pattern; write it like 'PURGE /*'";
  }
  RequestRule rule{std::string{text.substr(0, blank)}, std::string{text.substr(blank + 1)}};
  if (rule.method != "*" && !is_token(rule.method)) {
    return quoted + " begins with no HTTP method; write it like 'PURGE /*'";
  }
  if (rule.path_pattern.empty() || (rule.path_pattern[0] != '/' && rule.path_pattern[0] != '*')) {
    return quoted + " has a path pattern that begins with neither '/' nor '*'";
  }
  return rule;
}

bool RequestRules::allow(const ProgramRequest& request) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const RequestRule& rule) {
    return (rule.method == "*" || rule.method == request.method) &&
           matches(rule.path_pattern, request.path);
  });
}

std::string wrong_with(const ProgramRequest& request) {
  if (!is_token(request.method) || request.method.size() > kMethodMax) {
    return "request.method must be an HTTP method of 1 to " + std::to_string(kMethodMax) +
           " characters, such as PURGE";
  }
  const std::string& path = request.path;
  if (path.empty() || path[0] != '/' || path.size() > kPathMax ||
      !std::all_of(path.begin(), path.end(), is_visible) || path.find('#') != std::string::npos) {
    return "request.path must begin with '/' and have 1 to " + std::to_string(kPathMax) +
           " visible ASCII characters without '#'; escape others as %XX";
  }
  if (has_dot_segment(path)) {
    return "request.path has a '.' or '..' segment; write the path that is meant";
  }
  return wrong_with_headers(request);
}

}  // namespace podring::deliver
