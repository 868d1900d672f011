#include "http/seed_body.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Handler.h>
#include <Poco/JSON/JSONException.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "http/json_text.h"

namespace podring::http {
namespace {

/// Thrown inside the parser's callbacks; leaves the parser as it is.
struct FieldError {
  BodyError error;
};

constexpr std::array<std::string_view, 7> kFields{"message", "hops", "laps",   "count",
                                                  "key",     "wait", "wait_ms"};

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

/// Takes the parser's events; checks every field as it comes.
class SeedBodyHandler : public Poco::JSON::Handler {
 public:
  void reset() override {}
  void startObject() override {
    if (depth_ == 1) {
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
    field_ = name;
    if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) {
      fail("unknown field " + quoted(name) +
           "; known are message, hops, laps, count, key, wait and wait_ms");
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
  void value(bool) override { wrong_type("true or false"); }
  void value(const std::string& text) override;

  /// A number that the parser could not hold.
  [[nodiscard]] BodyError number_too_large() const { return {rule(), false}; }
  [[nodiscard]] SeedBody finish() {
    if (!seen_.contains("message")) {
      fail("field message is missing");
    }
    if (seen_.contains("hops") && seen_.contains("laps")) {
      fail("hops and laps are both there; give one of them, or neither for the default");
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
    if (field_ == "wait_ms") return integer_rule(field_, 1, kWaitMsMax);
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

  int depth_ = 0;
  std::string field_;
  std::set<std::string> seen_;
  SeedBody body_;
};

void SeedBodyHandler::value(const std::string& text) {
  if (depth_ == 0) {
    wrong_type("a string");
  }
  if (!is_utf8(text)) {
    fail(field_ + " is not valid Unicode text");
  }
  if (field_ == "message") {
    if (text.size() >= kEnvelopeBytesMax) {
      throw FieldError{{"message has " + std::to_string(text.size()) +
                            " bytes; with its trace it must stay below " +
                            std::to_string(kEnvelopeBytesMax),
                        true}};
    }
    body_.order.message = text;
  } else if (field_ == "key") {
    if (text.empty() || text.size() > kKeyBytesMax) {
      fail(rule() + ", not of " + std::to_string(text.size()));
    }
    body_.key = text;
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
  if (depth_ == 0 || field_ == "message" || field_ == "key" || field_ == "wait") {
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

std::variant<SeedBody, BodyError> read_seed_body(const std::string& json) {
  if (!is_utf8(json)) {
    return BodyError{"the body is not UTF-8", false};
  }
  if (json.find_first_not_of(" \t\r\n") == std::string::npos) {
    return BodyError{"the body is empty; send a JSON object such as {\"message\": \"hello\"}",
                     false};
  }
  Poco::SharedPtr<SeedBodyHandler> handler{new SeedBodyHandler};
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
