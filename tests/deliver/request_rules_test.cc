#include "deliver/request_rules.h"

#include "deliver/cloud_event.h"
#include "support/catch.h"

using namespace podring::deliver;

namespace {

RequestRules rules(std::initializer_list<std::string_view> texts) {
  std::vector<RequestRule> parsed;
  for (const auto text : texts) parsed.push_back(std::get<RequestRule>(parse_request_rule(text)));
  return RequestRules{parsed};
}

std::string wrong(std::string method, std::string path, Headers headers = {}) {
  return wrong_with({std::move(method), std::move(path), std::move(headers)});
}

}  // namespace

TEST_CASE("a request passes when one rule lets it", "[deliver]") {
  const auto purge = rules({"PURGE /*", "GET /version"});
  CHECK(purge.allow({"PURGE", "/news/1", {}}));
  CHECK(purge.allow({"GET", "/version", {}}));
  CHECK_FALSE(purge.allow({"GET", "/version2", {}}));
  CHECK_FALSE(purge.allow({"DELETE", "/news/1", {}}));
  CHECK_FALSE(purge.allow({"purge", "/news/1", {}}));  // methods are case-sensitive, RFC 9110 9.1
  CHECK_FALSE(rules({}).allow({"GET", "/", {}}));
  CHECK(rules({"* /a*b*c"}).allow({"GET", "/aXbYbZc", {}}));
  CHECK_FALSE(rules({"* /a*b*c"}).allow({"GET", "/aXbYbZ", {}}));
}

TEST_CASE("a pattern of many stars is not slow", "[deliver]") {
  std::string pattern = "* /";
  for (int i = 0; i < 1000; ++i) pattern += "*a";
  CHECK_FALSE(rules({pattern}).allow({"GET", "/" + std::string(8000, 'a') + "b", {}}));
}

TEST_CASE("rules that are none say how to write them", "[deliver]") {
  for (const auto text : {"", "PURGE", "PURGE /a /b", " /a", "PU@RGE /a", "PURGE a"}) {
    INFO(text);
    CHECK(std::holds_alternative<std::string>(parse_request_rule(text)));
  }
}

TEST_CASE("a request that could mean another one is refused", "[deliver]") {
  CHECK(wrong("PURGE", "/news/*").empty());
  CHECK(wrong("GET", "/a?b=../c").empty());
  CHECK(wrong("GET", "/a/..%2Fadmin").find("segment") != std::string::npos);
  CHECK(wrong("GET", "/a/../admin").find("segment") != std::string::npos);
  CHECK(wrong("GET", "/a/%2e%2E").find("segment") != std::string::npos);
  CHECK_FALSE(wrong("GET", "admin").empty());
  CHECK_FALSE(wrong("GET", "/a b").empty());
  CHECK_FALSE(wrong("GET", "/a\r\nX: y").empty());
  CHECK_FALSE(wrong("G ET", "/").empty());
  CHECK(wrong("GET", "/", {{"X-Tag", "a b"}}).empty());
  CHECK(wrong("GET", "/", {{"Content-Length", "3"}}).find("connection") != std::string::npos);
  CHECK(wrong("GET", "/", {{"hOsT", "x"}}).find("connection") != std::string::npos);
  CHECK_FALSE(wrong("GET", "/", {{"X", "a\nb"}}).empty());
  CHECK_FALSE(wrong("GET", "/", {{"X:", "a"}}).empty());
  CHECK_FALSE(wrong("GET", "/", {{"X", std::string(9000, 'a')}}).empty());
}
