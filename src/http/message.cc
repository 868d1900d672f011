#include "http/message.h"

#include <algorithm>

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Timestamp.h>

#include "http/json_text.h"

namespace podring::http {
namespace {

// Data is never a document. The page runs its own script and style and talks to its own origin.
constexpr std::string_view kDataPolicy = "default-src 'none'; frame-ancestors 'none'";
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
      const auto low = high ? hex_digit(text[i + 2]) : std::nullopt;
      if (!low) {
        return std::nullopt;
      }
      out += static_cast<char>(*high << 4 | *low);
      i += 2;
    }
  }
  return out;
}

}  // namespace

std::string_view status_text(int status) {
  static const auto reason = [](int code) -> const std::string& {
    return Poco::Net::HTTPResponse::getReasonForStatus(
        static_cast<Poco::Net::HTTPResponse::HTTPStatus>(code));
  };
  return reason(status);
}

Reply error_reply(int status, std::string_view error, std::string_view detail) {
  JsonText json;
  json.open_object().field("error", error).field("detail", detail).close_object();
  Reply reply;
  reply.status = status;
  reply.body = json.take() + "\n";
  return reply;
}

Reply busy_reply(int status, std::string_view error, std::string_view detail, int retry_after_s) {
  Reply reply = error_reply(status, error, detail);
  reply.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  return reply;
}

std::string head_text(const Reply& reply, std::optional<std::size_t> content_length) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  head += status_text(reply.status);
  head += "\r\nDate: " +
          Poco::DateTimeFormatter::format(Poco::Timestamp{}, Poco::DateTimeFormat::HTTP_FORMAT);
  head +=
      "\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer"
      "\r\nCross-Origin-Resource-Policy: same-origin\r\nCache-Control: no-store";
  head += "\r\nContent-Security-Policy: ";
  head += reply.page ? kPagePolicy : kDataPolicy;
  if (reply.status != 204) {
    head += "\r\nContent-Type: " + reply.content_type;
  }
  for (const auto& [name, value] : reply.headers) {
    head += "\r\n" + name + ": " + value;
  }
  if (content_length) {
    head += "\r\nContent-Length: " + std::to_string(*content_length);
  }
  return head + "\r\n\r\n";
}

std::optional<std::pair<std::string, std::map<std::string, std::string>>> split_target(
    std::string_view target) {
  if (const auto scheme = target.find("://");
      scheme != std::string_view::npos &&
      target.substr(0, scheme).find('/') == std::string_view::npos) {
    const auto slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  if (target.empty() || target[0] != '/') {
    return std::nullopt;
  }
  target = target.substr(0, target.find('#'));
  const auto mark = target.find('?');
  std::pair<std::string, std::map<std::string, std::string>> out{
      std::string{target.substr(0, mark)}, {}};
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const auto part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (part.empty()) {
      continue;
    }
    const auto equals = part.find('=');
    const auto name = decoded(part.substr(0, equals));
    const auto value = decoded(equals == std::string_view::npos ? "" : part.substr(equals + 1));
    if (!name || !value || !out.second.emplace(*name, *value).second) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace podring::http
