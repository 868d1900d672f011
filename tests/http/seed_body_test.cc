// POST /messages, the body: each field's type and bound, and what an error says.
#include "http/seed_body.h"

#include <random>
#include <string>

#include "http/contains.h"
#include "support/catch.h"

using podring::http::BodyError, podring::http::SeedBody, podring::http::SeedStage;
using podring::http::contains, podring::http::read_seed_body;

namespace {

SeedBody good(const std::string& json) {
  auto read = read_seed_body(json);
  INFO(json);
  if (const auto* wrong = std::get_if<BodyError>(&read)) {
    FAIL(wrong->detail);
  }
  return std::get<SeedBody>(read);
}

BodyError bad(const std::string& json) {
  auto read = read_seed_body(json);
  INFO(json);
  REQUIRE(std::holds_alternative<BodyError>(read));
  return std::get<BodyError>(read);
}

}  // namespace

TEST_CASE("a body with every field, and one with the least", "[http][json]") {
  const SeedBody all =
      good(R"({"message":"gr\u00fc\u00df \ud83d\ude00","hops":10000,"count":1000,"key":"k",)"
           R"("wait":"completed","wait_ms":60000})");
  CHECK(all.order.message == "grüß 😀");
  CHECK(all.order.hops == 10'000U);
  CHECK_FALSE(all.order.laps);
  CHECK(all.order.count == 1000);
  CHECK(all.order.receipt);
  CHECK(all.key == "k");
  CHECK(all.wait == SeedStage::completed);
  CHECK(all.wait_for.count() == 60'000);

  const SeedBody least = good(" {\"message\": \"\"} \n");
  CHECK(least.order.message.empty());
  CHECK_FALSE(least.order.hops);
  CHECK(least.order.count == 1);
  CHECK_FALSE(least.order.receipt);
  CHECK_FALSE(least.key);
  CHECK(least.wait == SeedStage::safe);
  CHECK(least.wait_for.count() == 5'000);
  CHECK(good(R"({"message":"x","laps":1000})").order.laps == 1000U);
}

TEST_CASE("an error names the field and the bound it broke", "[http][json]") {
  CHECK_THAT(bad(R"({"message":1})").detail, contains("message must be a string"));
  CHECK_THAT(bad(R"({"message":null})").detail, contains("message must be a string, not null"));
  CHECK_THAT(bad(R"({"message":{"a":1}})").detail, contains("not an object"));
  CHECK_THAT(bad(R"({"message":["a"]})").detail, contains("not an array"));
  CHECK_THAT(bad(R"({"message":"a","hops":0})").detail,
             contains("hops must be a whole number from 1 to 10000"));
  CHECK_THAT(bad(R"({"message":"a","hops":10001})").detail, contains("from 1 to 10000"));
  CHECK_THAT(bad(R"({"message":"a","hops":-1})").detail, contains("from 1 to 10000"));
  CHECK_THAT(bad(R"({"message":"a","hops":1.5})").detail, contains("not whole"));
  CHECK_THAT(bad(R"({"message":"a","hops":"10"})").detail, contains("hops"));
  CHECK_THAT(bad(R"({"message":"a","hops":99999999999999999999999})").detail,
             contains("from 1 to 10000"));
  CHECK_THAT(bad(R"({"message":"a","hops":18446744073709551615})").detail,
             contains("from 1 to 10000"));
  CHECK_THAT(bad(R"({"message":"a","hops":4294967297})").detail, contains("from 1 to 10000"));
  CHECK_THAT(bad(R"({"message":"a","laps":1001})").detail, contains("from 1 to 1000"));
  CHECK_THAT(bad(R"({"message":"a","count":1001})").detail, contains("from 1 to 1000"));
  CHECK_THAT(bad(R"({"message":"a","count":true})").detail, contains("not true or false"));
  CHECK_THAT(bad(R"({"message":"a","wait_ms":60001})").detail, contains("from 1 to 60000"));
  CHECK_THAT(bad(R"({"message":"a","wait":"soon"})").detail, contains("\"safe\""));
  CHECK_THAT(bad(R"({"message":"a","key":""})").detail, contains("1 to 128 bytes"));
  CHECK_THAT(bad("{\"message\":\"a\",\"key\":\"" + std::string(129, 'k') + "\"}").detail,
             contains("1 to 128 bytes"));
  CHECK_THAT(bad(R"({"message":"a","hops":1,"laps":1})").detail, contains("hops and laps"));
  CHECK_THAT(bad(R"({"hops":1})").detail, contains("message is missing"));
  CHECK_THAT(bad(R"({})").detail, contains("message is missing"));
  CHECK_THAT(bad(R"({"message":"a","massage":"b"})").detail, contains("unknown field 'massage'"));
  CHECK_THAT(bad(R"({"message":"a","message":"b"})").detail, contains("twice"));
  CHECK(bad("{\"message\":\"a\",\"" + std::string(5000, 'f') + "\":1}").detail.size() < 300);
}

TEST_CASE("what is no JSON object is refused", "[http][json]") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[]",
                           "[1]",
                           "1",
                           "\"a\"",
                           "null",
                           "true",
                           "{\"message\":\"a\"",
                           "{\"message\":\"a\"}}",
                           "{\"message\":\"a\"} x",
                           "{\"message\":\"a\"}{\"message\":\"b\"}",
                           "{\"message\":\"a\",}",
                           "{'message':'a'}",
                           "{message:\"a\"}",
                           "{\"message\":\"a\" // c\n}",
                           "{\"message\":\"\\x\"}",
                           "{\"message\":\"\\ud800\"}",
                           "{\"message\":\"a\nb\"}",
                           "{\"message\":\"a\",\"hops\":NaN}",
                           "{\"message\":\"a\",\"hops\":01}"}) {
    const BodyError wrong = bad(text);
    CHECK_FALSE(wrong.too_large);
    CHECK_FALSE(wrong.detail.empty());
  }
  CHECK_THAT(bad("{\"message\":\"\xff\"}").detail, contains("not UTF-8"));
  CHECK_THAT(bad("{\"message\":\"\xed\xa0\x80\"}").detail, contains("not UTF-8"));
}

TEST_CASE("deep nesting is refused without deep recursion", "[http][json]") {
  for (const std::string open : {"[", "{\"message\":", "{\"a\":[", "[["}) {
    std::string text;
    for (int i = 0; i < 200'000; ++i) {
      text += open;
    }
    CHECK_FALSE(bad(text).detail.empty());
  }
}

TEST_CASE("a message at the envelope's bound is a 413", "[http][json]") {
  const auto body = [](std::size_t size) {
    return "{\"message\":\"" + std::string(size, 'm') + "\"}";
  };
  CHECK(bad(body(podring::kEnvelopeBytesMax)).too_large);
  CHECK(good(body(podring::kEnvelopeBytesMax - 1)).order.message.size() ==
        podring::kEnvelopeBytesMax - 1);
}

TEST_CASE("random JSON-like bytes give an order within its bounds or an error", "[http][fuzz]") {
  const std::string pieces[] = {"{",
                                "}",
                                "[",
                                "]",
                                ":",
                                ",",
                                "\"",
                                "\\",
                                "message",
                                "hops",
                                "laps",
                                "count",
                                "key",
                                "wait",
                                "wait_ms",
                                "\"a\"",
                                "\"message\":\"x\"",
                                "\"safe\"",
                                "1",
                                "-1",
                                "1e9",
                                "0.5",
                                "null",
                                "true",
                                "\\u0000",
                                "\\ud83d",
                                "\xff",
                                "😀",
                                " ",
                                "\n",
                                "\x01"};
  std::mt19937 random{77};
  const auto below = [&](std::size_t n) { return std::size_t{random()} % n; };
  int taken = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text;
    if (below(2) == 0) {
      for (std::size_t i = below(20); i > 0; --i) text += pieces[below(std::size(pieces))];
    } else {
      text = R"({"message":"hello","hops":12,"count":3,"wait":"accepted","wait_ms":9})";
      for (std::size_t i = below(3); i > 0; --i) {
        text.replace(below(text.size()), below(3), pieces[below(std::size(pieces))]);
      }
    }
    auto read = read_seed_body(text);
    if (const auto* body = std::get_if<SeedBody>(&read)) {
      ++taken;
      INFO(text);
      REQUIRE((body->order.count >= 1 && body->order.count <= 1000));
      REQUIRE((!body->order.hops || (*body->order.hops >= 1 && *body->order.hops <= 10'000)));
      REQUIRE((!body->order.laps || (*body->order.laps >= 1 && *body->order.laps <= 1'000)));
      REQUIRE_FALSE((body->order.hops && body->order.laps));
      REQUIRE((body->wait_for.count() >= 1 && body->wait_for.count() <= 60'000));
    }
  }
  CHECK(taken > 1'000);
}
