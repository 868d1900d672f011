// Which requests a message may make to the program beside this pod (--deliver-allow 'METHOD PATH').
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "deliver/delivery.h"

namespace podring::deliver {

/// One rule: a method, or * for any, and a path pattern in which * stands for any characters.
struct RequestRule {
  std::string method;
  std::string path_pattern;
};

/// The rule, or one sentence that says what is wrong with its text.
[[nodiscard]] std::variant<RequestRule, std::string> parse_request_rule(std::string_view text);

class RequestRules {
 public:
  explicit RequestRules(std::vector<RequestRule> rules) : rules_{std::move(rules)} {}
  [[nodiscard]] bool allow(const ProgramRequest& request) const;
  [[nodiscard]] bool empty() const { return rules_.empty(); }

 private:
  std::vector<RequestRule> rules_;
};

/// What is wrong with a request that a client wants to send everywhere; empty when nothing is.
/// Method: 1 to 32 characters of RFC 9110's token. Path: 1 to 8,192 visible ASCII characters that
/// begin with '/', without "." or ".." segments and without '#'. Headers: at most 32, names are
/// tokens, values are visible ASCII with blanks, together at most 8 KiB; those that frame the
/// request or belong to the connection (Host, Content-Length, Transfer-Encoding, Connection, ...)
/// are refused.
[[nodiscard]] std::string wrong_with(const ProgramRequest& request);

}  // namespace podring::deliver
