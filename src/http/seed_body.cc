#include "http/seed_body.h"

#include <Poco/Ascii.h>
#include <Poco/Base64Decoder.h>
#include <Poco/Exception.h>
#include <Poco/JSON/Handler.h>
#include <Poco/JSON/JSONException.h>
#include <Poco/JSON/Parser.h>
#include <Poco/StreamCopier.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <sstream>
#include <utility>

#include "deliver/request_rules.h"
#include "http/json_text.h"

namespace podring::http {
namespace {

/// Thrown inside the parser's callbacks; leaves the parser as it is.
struct FieldError {
  BodyError error;
};

constexpr std::array<std::string_view, 12> kSeedFields{
    "message", "data_base64", "content_type", "key",   "traceparent", "request",
    "answers", "hops",        "laps",         "count", "wait",        "wait_ms"};
constexpr std::array<std::string_view, 8> kBroadcastFields{"message", "data_base64", "content_type",
                                                           "key",     "traceparent", "request",
                                                           "answers", "timeout_ms"};
constexpr std::size_t kTraceparentBytes = 55;  // W3C Trace Context, version 00

std::span<const std::string_view> fields_of(BodyKind kind) {
  if (kind == BodyKind::broadcast) return kBroadcastFields;
  return kSeedFields;
}

std::string list_of(std::span<const std::string_view> names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    list.append(i == 0 ? "" : i + 1 == names.size() ? " and " : ", ").append(names[i]);
  }
  return list;
}

[[noreturn]] void fail(std::string detail) { throw FieldError{{std::move(detail), false}}; }

// Names from the client are repeated in the answer, but not at any length.
std::string quoted(const std::string& name) {
  constexpr std::size_t kShown = 64;
  return "'" + (name.size() > kShown ? name.substr(0, kShown) + "..." : name) + "'";
}

std::string integer_rule(std::string_view field, std::uint64_t low, std::uint64_t high) {
  return std::string{field} + " must be a whole number from " + std::to_string(low) + " to " +
         std::to_string(high);
}

/// RFC 4648 base64 with padding; nullopt for anything else. Poco's decoder skips what it does not
/// know, so the characters are looked at first.
std::optional<std::string> from_base64(const std::string& text) {
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const bool known =
      std::all_of(text.begin(), text.end() - static_cast<std::ptrdiff_t>(padding),
                  [](char c) { return Poco::Ascii::isAlphaNumeric(c) || c == '+' || c == '/'; });
  if (!known || text.size() % 4 != 0) return std::nullopt;
  std::istringstream in{text};
  Poco::Base64Decoder decoder{in};
  std::string bytes;
  Poco::StreamCopier::copyToString(decoder, bytes);
  return bytes;
}

/// Takes the parser's events; checks every field as it comes.
class SeedBodyHandler : public Poco::JSON::Handler {
 public:
  explicit SeedBodyHandler(BodyKind kind) : kind_{kind} {}
  void reset() override {}
  void startObject() override {
    const bool opens_request = depth_ == 1 && field_ == "request";
    const bool opens_headers = depth_ == 2 && request_field_ == "headers";
    if (opens_request) body_.order.annotations.request.emplace();
    if (depth_ > 0 && !opens_request && !opens_headers) {
      wrong_type("an object");
    }
    ++depth_;
  }
  void endObject() override { --depth_; }
  void startArray() override {
    if (depth_ == 0) {
      fail("the body must be one JSON object, not an array");
    }
    wrong_type("an array");
  }
  void endArray() override {}
  void key(const std::string& name) override {
    if (depth_ == 3) {
      header_ = name;
      return;
    }
    if (depth_ == 2) {
      request_field_ = name;
      if (name != "method" && name != "path" && name != "headers") {
        fail("unknown field " + quoted("request." + name) + "; known are method, path and headers");
      }
      if (!seen_.insert("request." + name).second) {
        fail("field " + quoted("request." + name) + " is there twice");
      }
      return;
    }
    field_ = name;
    const auto known = fields_of(kind_);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      fail("unknown field " + quoted(name) + "; known are " + list_of(known));
    }
    if (!seen_.insert(name).second) {
      fail("field " + quoted(name) + " is there twice");
    }
  }
  void null() override { wrong_type("null"); }
  void value(int number) override { take(Poco::Int64{number}); }
  void value(unsigned number) override { take(Poco::Int64{number}); }
  void value(Poco::Int64 number) override { take(number); }
  void value(Poco::UInt64) override { take(Poco::Int64{-1}); }  // beyond every bound
  void value(double) override { wrong_type("a number that is not whole"); }
  void value(bool flag) override {
    if (depth_ != 1 || field_ != "answers") wrong_type("true or false");
    body_.order.annotations.wants_answers = flag;
  }
  void value(const std::string& text) override;

  /// A number that the parser could not hold.
  [[nodiscard]] BodyError number_too_large() const { return {rule(), false}; }
  [[nodiscard]] SeedBody finish() {
    const bool has_request = seen_.contains("request");
    if (seen_.contains("message") && seen_.contains("data_base64")) {
      fail("message and data_base64 are both there; give one of them");
    }
    if (!seen_.contains("message") && !seen_.contains("data_base64") && !has_request) {
      fail("field message is missing");
    }
    if (has_request) {
      if (auto wrong = deliver::wrong_with(*body_.order.annotations.request); !wrong.empty()) {
        fail(std::move(wrong));
      }
    }
    if (seen_.contains("hops") && seen_.contains("laps")) {
      fail("hops and laps are both there; give one of them, or neither for the default");
    }
    if (kind_ == BodyKind::broadcast) {
      body_.wait = SeedStage::completed;
      body_.order.laps = 1;
    }
    body_.order.receipt = body_.wait == SeedStage::completed;
    return std::move(body_);
  }

 private:
  void take(Poco::Int64 number);
  // What the current field wants.
  [[nodiscard]] std::string rule() const {
    if (field_ == "hops") return integer_rule(field_, 1, kHopsMax);
    if (field_ == "laps") return integer_rule(field_, 1, kLapsMax);
    if (field_ == "count") return integer_rule(field_, 1, kCountMax);
    if (field_ == "wait_ms" || field_ == "timeout_ms") return integer_rule(field_, 1, kWaitMsMax);
    if (field_ == "answers") return "answers must be true or false";
    if (field_ == "request") {
      return depth_ == 1 ? "request must be an object with method and path"
                         : "request." + request_field_ + " must be " +
                               (request_field_ == "headers" ? "an object of strings" : "a string");
    }
    if (field_ == "data_base64") return "data_base64 must be a string of base64 (RFC 4648)";
    if (field_ == "content_type") {
      return "content_type must be a media type of 1 to " + std::to_string(kContentTypeBytesMax) +
             " visible ASCII characters";
    }
    if (field_ == "traceparent") {
      return "traceparent must be as W3C Trace Context has it: 00-<32 hex>-<16 hex>-<2 hex>";
    }
    if (field_ == "wait") return "wait must be \"accepted\", \"safe\" or \"completed\"";
    if (field_ == "key") {
      return "key must be a string of 1 to " + std::to_string(kKeyBytesMax) + " bytes";
    }
    return field_ + " must be a string";
  }
  [[noreturn]] void wrong_type(std::string_view what) const {
    if (depth_ == 0) {
      fail("the body must be one JSON object, not " + std::string{what});
    }
    fail(rule() + ", not " + std::string{what});
  }

  void take_request(const std::string& text);
  void set_message(std::string bytes);

  const BodyKind kind_;
  int depth_ = 0;
  std::string field_;
  std::string request_field_;
  std::string header_;
  std::set<std::string> seen_;
  SeedBody body_;
};

void SeedBodyHandler::set_message(std::string bytes) {
  if (bytes.size() >= kEnvelopeBytesMax) {
    throw FieldError{{field_ + " has " + std::to_string(bytes.size()) +
                          " bytes; with its trace it must stay below " +
                          std::to_string(kEnvelopeBytesMax),
                      true}};
  }
  body_.order.message = std::move(bytes);
}

void SeedBodyHandler::take_request(const std::string& text) {
  ProgramRequest& request = *body_.order.annotations.request;
  if (depth_ == 3) {
    request.headers.emplace_back(header_, text);
  } else if (request_field_ == "method") {
    request.method = text;
  } else if (request_field_ == "path") {
    request.path = text;
  } else {
    wrong_type("a string");
  }
}

void SeedBodyHandler::value(const std::string& text) {
  if (depth_ == 0) {
    wrong_type("a string");
  }
  if (!is_utf8(text)) {
    fail(field_ + " is not valid Unicode text");
  }
  if (depth_ > 1) {
    take_request(text);
  } else if (field_ == "message") {
    set_message(text);
  } else if (field_ == "data_base64") {
    auto bytes = from_base64(text);
    if (!bytes) fail(rule());
    set_message(std::move(*bytes));
  } else if (field_ == "content_type") {
    if (!is_media_type(text)) fail(rule());
    body_.order.annotations.content_type = text;
  } else if (field_ == "traceparent") {
    if (!is_traceparent(text)) fail(rule());
    body_.order.annotations.traceparent = text;
  } else if (field_ == "key") {
    if (text.empty() || text.size() > kKeyBytesMax) {
      fail(rule() + ", not of " + std::to_string(text.size()));
    }
    body_.key = text;
    body_.order.annotations.key = text;
  } else if (field_ == "wait") {
    if (text == "accepted") {
      body_.wait = SeedStage::accepted;
    } else if (text == "safe") {
      body_.wait = SeedStage::safe;
    } else if (text == "completed") {
      body_.wait = SeedStage::completed;
    } else {
      fail(rule() + ", not " + quoted(text));
    }
  } else {
    wrong_type("a string");
  }
}

void SeedBodyHandler::take(Poco::Int64 number) {
  constexpr std::array<std::string_view, 5> kNumbers{"hops", "laps", "count", "wait_ms",
                                                     "timeout_ms"};
  if (depth_ != 1 || std::find(kNumbers.begin(), kNumbers.end(), field_) == kNumbers.end()) {
    wrong_type("a number");
  }
  const std::uint32_t high = field_ == "hops"    ? kHopsMax
                             : field_ == "laps"  ? kLapsMax
                             : field_ == "count" ? kCountMax
                                                 : kWaitMsMax;
  if (number < 1 || number > Poco::Int64{high}) {
    fail(rule());
  }
  const auto checked = static_cast<std::uint32_t>(number);
  if (field_ == "hops") {
    body_.order.hops = checked;
  } else if (field_ == "laps") {
    body_.order.laps = checked;
  } else if (field_ == "count") {
    body_.order.count = checked;
  } else {
    body_.wait_for = std::chrono::milliseconds{checked};
  }
}

}  // namespace

bool is_media_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  return text.size() <= kContentTypeBytesMax && slash != std::string_view::npos && slash > 0 &&
         slash + 1 < text.size() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

bool is_traceparent(std::string_view text) {
  if (text.size() != kTraceparentBytes) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 2 || i == 35 || i == 52;
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return text.substr(0, 2) != "ff";
}

std::variant<SeedBody, BodyError> read_seed_body(const std::string& json, BodyKind kind) {
  if (!is_utf8(json)) {
    return BodyError{"the body is not UTF-8", false};
  }
  if (json.find_first_not_of(" \t\r\n") == std::string::npos) {
    return BodyError{"the body is empty; send a JSON object such as {\"message\": \"hello\"}",
                     false};
  }
  Poco::SharedPtr<SeedBodyHandler> handler{new SeedBodyHandler{kind}};
  try {
    Poco::JSON::Parser parser{handler};
    parser.setDepth(4);
    parser.parse(json);
    return handler->finish();
  } catch (const FieldError& wrong) {
    return wrong.error;
  } catch (const Poco::JSON::JSONException& bad) {
    return BodyError{"the body is not well-formed JSON: " + bad.message(), false};
  } catch (const Poco::SyntaxException&) {
    return handler->number_too_large();
  } catch (const Poco::Exception& bad) {
    return BodyError{"the body is not well-formed JSON: " + bad.displayText(), false};
  }
}

}  // namespace podring::http
