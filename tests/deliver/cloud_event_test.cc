#include "deliver/cloud_event.h"

#include <map>

#include "support/catch.h"

using namespace podring;
using namespace podring::deliver;

namespace {

Delivery example() {
  Delivery delivery;
  delivery.id = {BootId{0xab}, 7};
  delivery.hop = 2;
  delivery.lap = 1;
  delivery.origin_pod = "cache-1";
  delivery.seeded = WallTime{1'700'000'000'123'456};
  delivery.key = "news \"ü\" 100%";
  delivery.content_type = "application/json";
  delivery.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  return delivery;
}

std::map<std::string, std::string> headers_of(const Delivery& delivery, std::uint32_t attempt) {
  const Headers headers = cloud_event_headers(delivery, "ring", attempt);
  return {headers.begin(), headers.end()};
}

}  // namespace

TEST_CASE("a message is a CloudEvent in binary mode", "[deliver]") {
  const auto headers = headers_of(example(), 3);
  CHECK(headers.at("ce-specversion") == "1.0");
  CHECK(headers.at("ce-id") == "00000000000000ab-7");
  CHECK(headers.at("ce-source") == "/podring/ring/cache-1");
  CHECK(headers.at("ce-type") == "podring.message");
  CHECK(headers.at("ce-time") == "2023-11-14T22:13:20.123456Z");
  CHECK(headers.at("ce-subject") == "news%20%22%C3%BC%22%20100%25");
  CHECK(headers.at("ce-podringhop") == "2");
  CHECK(headers.at("ce-podringlap") == "1");
  CHECK(headers.at("ce-podringorigin") == "cache-1");
  CHECK(headers.at("ce-podringattempt") == "3");
  CHECK(headers.at("Content-Type") == "application/json");
  CHECK(headers.at("traceparent") == example().traceparent);
}

TEST_CASE("what the sender's CloudEvent said wins, and podring's id stays to be seen",
          "[deliver]") {
  Delivery delivery = example();
  delivery.attributes = {{"id", "order-1"}, {"type", "shop.order"}, {"dataschema", "urn:x"}};
  const auto headers = headers_of(delivery, 1);
  CHECK(headers.at("ce-id") == "order-1");
  CHECK(headers.at("ce-type") == "shop.order");
  CHECK(headers.at("ce-dataschema") == "urn:x");
  CHECK(headers.at("ce-podringid") == "00000000000000ab-7");
}

TEST_CASE("no header carries a line break", "[deliver]") {
  Delivery delivery = example();
  delivery.key = "a\r\nX-Evil: 1";
  CHECK(headers_of(delivery, 1).at("ce-subject") == "a%0D%0AX-Evil:%201");
}
