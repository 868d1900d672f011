// The two servers on real sockets: routes, errors, bounds, slow clients, stopping.
#include "http/front_end.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>

#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "http/contains.h"
#include "http/fake_backend.h"
#include "http/raw_client.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::http;
using Fate = FakeBackend::Fate;
using Clock = std::chrono::steady_clock;

namespace {

FrontEndOptions test_options() {
  FrontEndOptions options;
  options.bind = test_address();
  options.port = 0;
  options.admin_port = 0;
  return options;
}

struct Served {
  explicit Served(const FrontEndOptions& options = test_options()) : front_end{options, backend} {
    front_end.start();
  }
  [[nodiscard]] std::uint16_t port() const { return front_end.port(); }
  [[nodiscard]] std::uint16_t admin() const { return front_end.admin_port(); }

  FakeBackend backend;
  FrontEnd front_end;
};

/// The error word of an answer; fails the test unless it is `{error, detail}` in JSON.
std::string error_of(const RawReply& reply) {
  INFO(reply.body);
  CHECK(reply.headers.at("content-type") == "application/json; charset=utf-8");
  const auto object = Poco::JSON::Parser{}.parse(reply.body).extract<Poco::JSON::Object::Ptr>();
  CHECK_FALSE(object->getValue<std::string>("detail").empty());
  return object->getValue<std::string>("error");
}

RawReply with_method(std::uint16_t port, const std::string& method, const std::string& path) {
  return ask(port, method + " " + path + " HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
}

MessageView message_view(std::uint64_t counter) {
  MessageView message;
  message.id = {FakeBackend::kBoot, counter};
  message.message = "hello <b>\n";
  message.hop = 4;
  message.lap = 1;
  message.visits = 2;
  message.sender = Address::v4(0x0a2a0003);
  message.trace = {{"pod-1", WallTime{1'700'000'000'000'001}}};
  message.detours = {{3, 2}};
  message.since = WallTime{1'700'000'000'000'000};
  message.last = WallTime{1'700'000'000'999'999};
  return message;
}

}  // namespace

TEST_CASE("every view answers JSON that says what the pod knows", "[http][routes]") {
  Served served;
  served.backend.add_message(message_view(7));
  const RawReply ring = get(served.port(), "/ring");
  CHECK(ring.status == 200);
  const auto object = Poco::JSON::Parser{}.parse(ring.body).extract<Poco::JSON::Object::Ptr>();
  CHECK(object->getValue<std::string>("address") == "127.0.0.1");
  CHECK(object->getArray("view")->getElement<std::string>(2) == "127.0.0.3");
  CHECK(object->getValue<std::string>("digest") == "000000000000feed");
  CHECK(object->getValue<std::string>("successor") == "127.0.0.2");
  CHECK(object->getArray("peers")->size() == 2);
  CHECK(object->getObject("dns")->getValue<std::string>("outcome") == "answer");

  const RawReply message = get(served.port(), "/messages/0123456789abcdef-7");
  CHECK(message.status == 200);
  CHECK_THAT(message.body, contains(R"("message":"hello <b>\n")"));
  CHECK_THAT(message.body, contains(R"("since":"2023-11-14T22:13:20.000000Z")"));
  CHECK_THAT(message.body, contains(R"("detours":[{"hop":3,"try":2}])"));
  CHECK_THAT(get(served.port(), "/messages?limit=1").body,
             contains(R"({"messages":[{"id":"0123456789abcdef-7")"));
  CHECK(error_of(get(served.port(), "/messages/0123456789abcdef-8")) == "not_found");
  CHECK(error_of(get(served.port(), "/messages/nonsense")) == "not_found");
  CHECK(error_of(get(served.port(), "/messages/")) == "not_found");
}

TEST_CASE("a list of messages is bounded in number and in bytes", "[http][routes]") {
  Served served;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    MessageView message = message_view(i);
    message.message = std::string(100'000, 'm');
    served.backend.add_message(std::move(message));
  }
  const RawReply list = get(served.port(), "/messages");
  CHECK(list.status == 200);
  CHECK(list.body.size() < 1'300'000);
  CHECK_THAT(list.body, contains("\"messages_omitted\":19"));
  for (const char* limit : {"0", "501", "-1", "x", "", "1e2"}) {
    CHECK(get(served.port(), "/messages?limit=" + std::string{limit}).status == 400);
  }
  CHECK(get(served.port(), "/messages?color=red").status == 400);
  CHECK(get(served.port(), "/ring?x=1").status == 400);
}

TEST_CASE("unknown paths, methods and kinds each have their error", "[http][routes]") {
  Served served;
  for (const char* path : {"/nothing", "/ring/", "//", "/assets/", "/assets/../x", "/healthz"}) {
    INFO(path);
    const RawReply reply = get(served.port(), path);
    CHECK(reply.status == 404);
    CHECK(error_of(reply) == "not_found");
  }
  for (const char* path : {"/", "/ring", "/events", "/messages/0123456789abcdef-7"}) {
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"}) {
      INFO(method << " " << path);
      const RawReply reply = with_method(served.port(), method, path);
      CHECK(reply.status == 405);
      CHECK(error_of(reply) == "method_not_allowed");
      CHECK(reply.headers.at("allow") == "GET, HEAD, OPTIONS");
    }
  }
  CHECK(with_method(served.port(), "PUT", "/messages").headers.at("allow") ==
        "GET, HEAD, POST, OPTIONS");
  CHECK(with_method(served.admin(), "POST", "/healthz").status == 405);
  CHECK(get(served.admin(), "/ring").status == 404);
  const RawReply options = with_method(served.port(), "OPTIONS", "/messages");
  CHECK(options.status == 204);
  CHECK(options.body.empty());
  CHECK(options.headers.at("allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(with_method(served.port(), "OPTIONS", "*").status == 204);
  CHECK(ask(served.port(), "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
            .status == 415);
  CHECK(ask(served.port(), "POST /messages HTTP/1.1\r\nHost: a\r\n\r\n").status == 411);
}

TEST_CASE("HEAD answers the head of GET and no body", "[http][routes]") {
  Served served;
  for (const char* path : {"/", "/ring", "/messages", "/assets/page.js"}) {
    INFO(path);
    const RawReply whole = get(served.port(), path);
    const RawReply head = with_method(served.port(), "HEAD", path);
    CHECK(whole.status == 200);
    CHECK(head.status == 200);
    CHECK(head.body.empty());
    CHECK(head.headers.at("content-length") == std::to_string(whole.body.size()));
    CHECK(head.headers.at("content-type") == whole.headers.at("content-type"));
  }
  CHECK(with_method(served.port(), "HEAD", "/events").headers.at("content-type") ==
        "text/event-stream; charset=utf-8");
  CHECK(with_method(served.port(), "HEAD", "/nothing").body.empty());
}

TEST_CASE("the page runs only its own script; data is no document", "[http][routes]") {
  Served served;
  const RawReply page = get(served.port(), "/");
  CHECK(page.headers.at("content-type") == "text/html; charset=utf-8");
  const std::string policy = page.headers.at("content-security-policy");
  CHECK_THAT(policy, contains("default-src 'none'") && contains("script-src 'self'"));
  CHECK_THAT(policy, !contains("unsafe") && !contains("http"));
  CHECK_THAT(page.body, !contains("<style") && !contains(" style=") && !contains(" onclick"));
  CHECK_THAT(page.body, !contains("//"));  // nothing of another origin
  for (auto at = page.body.find("<script"); at != std::string::npos;
       at = page.body.find("<script", at + 1)) {
    CHECK(page.body.compare(at, 26, "<script type=\"module\" src=") == 0);
  }
  CHECK(get(served.port(), "/assets/page.js").headers.at("content-type") ==
        "text/javascript; charset=utf-8");
  CHECK(get(served.port(), "/assets/page.css").headers.at("content-type") ==
        "text/css; charset=utf-8");
  for (const char* path : {"/", "/ring", "/nothing"}) {
    const RawReply reply = get(served.port(), path);
    CHECK(reply.headers.at("x-content-type-options") == "nosniff");
    CHECK(reply.headers.at("cache-control") == "no-store");
  }
  CHECK(get(served.port(), "/ring").headers.at("content-security-policy") ==
        "default-src 'none'; frame-ancestors 'none'");
}

TEST_CASE("Poco's own client seeds and reads, fixed and chunked", "[http][seed]") {
  Served served;
  for (const bool chunked : {false, true}) {
    const std::string body = R"({"message":"from Poco","wait":"completed","hops":2})";
    Poco::Net::HTTPClientSession session{to_string(test_address()), served.port()};
    Poco::Net::HTTPRequest request{"POST", "/messages", "HTTP/1.1"};
    request.setContentType("application/json");
    if (chunked) {
      request.setChunkedTransferEncoding(true);
    } else {
      request.setContentLength(static_cast<std::streamsize>(body.size()));
    }
    session.sendRequest(request) << body;
    Poco::Net::HTTPResponse response;
    std::ostringstream told;
    told << session.receiveResponse(response).rdbuf();
    CHECK(response.getStatus() == 200);
    CHECK_THAT(told.str(), contains("\"end\":\"completed\""));
  }
  REQUIRE(served.backend.orders().size() == 2);
  CHECK(served.backend.orders()[1].message == "from Poco");
  CHECK(served.backend.orders()[1].sender.is_loopback());
}

TEST_CASE("a body above the bound is refused before it is sent, and while it is",
          "[http][bounds]") {
  Served served;
  const std::string head =
      "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
  SECTION("declared, with 100-continue") {
    RawClient client{served.port()};
    client.send(head + "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
    const auto reply = parse_reply(client.read_all(20s));
    REQUIRE(reply);
    CHECK(reply->status == 413);
    CHECK(error_of(*reply) == "too_large");
  }
  SECTION("sent without asking") {
    RawClient client{served.port()};
    client.send(head + "Content-Length: 3000000\r\n\r\n" + std::string(3'000'000, ' '));
    const auto reply = parse_reply(client.read_all(20s));
    REQUIRE(reply);
    CHECK(reply->status == 413);
  }
  SECTION("chunked") {
    RawClient client{served.port()};
    std::string body = head + "Transfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 30; ++i) body += "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
    client.send(body + "0\r\n\r\n");
    const auto reply = parse_reply(client.read_all(20s));
    REQUIRE(reply);
    CHECK(reply->status == 413);
  }
  SECTION("the largest message, with every byte escaped, passes") {
    std::string body = "{\"message\":\"";
    for (std::size_t i = 0; i + 1 < kEnvelopeBytesMax; ++i) body += "\\u0001";
    const RawReply reply = post_json(served.port(), body + "\"}");
    CHECK(reply.status == 202);
    REQUIRE(served.backend.orders().size() == 1);
    CHECK(served.backend.orders()[0].message.size() == kEnvelopeBytesMax - 1);
  }
}

TEST_CASE("100-continue is answered before the body is sent", "[http][seed]") {
  Served served;
  RawClient client{served.port()};
  client.send(
      "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 15\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n", 20s));
  client.send(R"({"message":"a"})");
  const auto reply = parse_reply(client.read_all(20s));
  REQUIRE(reply);
  CHECK(reply->status == 202);
}

TEST_CASE("broken requests on a socket get their status", "[http][bounds]") {
  Served served;
  CHECK(error_of(ask(served.port(), "nonsense\r\n\r\n")) == "bad_request");
  CHECK(ask(served.port(), "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'x')).status ==
        431);
  CHECK(post_json(served.port(), "{\"message\":").status == 400);
  CHECK(post_json(served.port(), "{\"message\":\"\xff\"}").status == 400);
  CHECK(post_json(served.port(), std::string(500'000, '[')).status == 400);
  CHECK(get(served.port(), "/ring").status == 200);
}

TEST_CASE("a request that is not complete in time is answered 408, or closed", "[http][slow]") {
  FrontEndOptions options = test_options();
  options.request_timeout = 300ms;
  Served served{options};
  RawClient half{served.port()};
  RawClient body{served.port()};
  RawClient silent{served.port()};
  RawClient drip{served.port()};
  half.send("GET /ring HTTP/1.1\r\nHost:");
  body.send("POST /messages HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
  // A byte now and then does not help: the time is for the whole request.
  const auto start = Clock::now();
  while (Clock::now() - start < 2s && !drip.closed()) {
    drip.send("G");
    static_cast<void>(drip.read_until("\r\n\r\n", 50ms));
  }
  CHECK(drip.closed());
  CHECK(Clock::now() - start < 1500ms);
  CHECK_THAT(half.read_all(20s), contains("408 "));
  CHECK_THAT(body.read_all(20s), contains("408 "));
  CHECK(silent.read_all(20s).empty());
  CHECK(silent.closed());
  CHECK(served.backend.wait_for_shed("http_requests_timed_out"));
}

TEST_CASE("a reader that takes nothing is cut, and counted", "[http][slow]") {
  FrontEndOptions options = test_options();
  options.write_timeout = 200ms;
  Served served{options};
  for (std::uint64_t i = 1; i <= 20; ++i) {
    MessageView message = message_view(i);
    message.message = std::string(200'000, 'm');
    served.backend.add_message(std::move(message));
  }
  SECTION("of an answer") {
    RawClient client{served.port()};
    client.limit_receive_buffer(4096);
    client.send("GET /messages HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(served.backend.wait_for_shed("http_replies_cut"));
  }
  SECTION("of a stream") {
    RawClient client{served.port()};
    client.limit_receive_buffer(4096);
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(served.backend.wait_for_shed("http_streams_cut"));
  }
}

TEST_CASE("event streams over a socket: bound, reconnect, and an end with the client",
          "[http][events]") {
  FrontEndOptions options = test_options();
  options.streams = 2;
  options.heartbeat = 100ms;
  Served served{options};
  const auto open = [&](RawClient& client, const std::string& last = "") {
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n" + last + "\r\n");
    std::string begin = client.read_until("\n\n", 20s).value_or("");
    return begin += client.read_until("\n\n", 20s).value_or("");
  };
  RawClient first{served.port()};
  CHECK_THAT(open(first), contains("text/event-stream") && contains("no-store"));
  {
    RawClient second{served.port()};
    CHECK_THAT(open(second), contains("event: snapshot"));
    const RawReply third = get(served.port(), "/events");
    CHECK(third.status == 503);
    CHECK(error_of(third) == "too_many_streams");
    CHECK(third.headers.at("retry-after") == "5");
  }
  // The second has gone: its place is free within the time that a stream looks at its socket.
  const auto start = Clock::now();
  while (with_method(served.admin(), "GET", "/metrics").body.find("podring_http_streams 2") !=
             std::string::npos &&
         Clock::now() - start < 20s) {
    std::this_thread::sleep_for(10ms);
  }
  CHECK(Clock::now() - start < 2s);

  served.backend.add_event("received", R"({"n":1})");
  served.backend.add_event("received", R"({"n":2})");
  CHECK(first.read_until("id: 0123456789abcdef:2\nevent: received\ndata: {\"n\":2}\n\n", 20s));
  CHECK(first.read_until(": heartbeat\n", 20s));
  RawClient resumed{served.port()};
  std::string text = open(resumed, "Last-Event-ID: 0123456789abcdef:1\r\n");
  text += resumed.read_until("\"n\":2}\n\n", 20s).value_or("");
  CHECK_THAT(text, !contains("snapshot") && contains("abcdef:2\n") && !contains("\"n\":1}"));
}

TEST_CASE("probes and metrics answer on the admin port", "[http][admin]") {
  FrontEndOptions options = test_options();
  Served served{options};
  CHECK(get(served.admin(), "/healthz").status == 200);
  served.backend.set_loop_idle(9'999ms);
  CHECK(get(served.admin(), "/healthz").status == 200);
  served.backend.set_loop_idle(10'000ms);
  const RawReply stalled = get(served.admin(), "/healthz");
  CHECK(stalled.status == 503);
  CHECK(error_of(stalled) == "loop_stalled");
  CHECK(get(served.admin(), "/readyz").status == 200);
  served.backend.set_ready(false);
  CHECK(error_of(get(served.admin(), "/readyz")) == "not_ready");
  static_cast<void>(get(served.port(), "/nothing"));
  const RawReply metrics = get(served.admin(), "/metrics");
  CHECK(metrics.headers.at("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK_THAT(metrics.body, contains("podring_visits_total 7\n"));
  CHECK_THAT(metrics.body, contains("podring_http_answers_total{code=\"404\"} 1\n"));
  CHECK_THAT(metrics.body, contains("podring_http_answers_total{code=\"503\"} 2\n"));
  CHECK_THAT(metrics.body, contains("podring_http_threads_busy{server=\"admin\"} 1\n"));
}

TEST_CASE("an error of ours is a 500 that is counted and told", "[http][bounds]") {
  Served served;
  served.backend.set_throwing(true);
  const RawReply reply = get(served.port(), "/ring");
  CHECK(reply.status == 500);
  CHECK(error_of(reply) == "internal");
  CHECK(served.backend.wait_for_shed("http_failures"));
}

TEST_CASE("a port that is taken is named, with the flag to change", "[http][start]") {
  Served served;
  FrontEndOptions options = test_options();
  options.port = served.port();
  CHECK_THROWS_WITH(FrontEnd(options, served.backend), contains("--http-port"));
  options = test_options();
  options.admin_port = served.admin();
  CHECK_THROWS_WITH(FrontEnd(options, served.backend), contains("--admin-port"));
  options.bind = Address::v4(0x08080808);
  CHECK_THROWS_WITH(FrontEnd(options, served.backend), contains("--bind"));
}

TEST_CASE("stopping takes less than a second, whatever is open", "[http][stop]") {
  Served served;
  served.backend.set_fate(Fate::accepted);
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto open = [&](const std::string& text) {
    clients.push_back(std::make_unique<RawClient>(served.port()));
    clients.back()->send(text);
  };
  for (int i = 0; i < 8; ++i) open("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 8; ++i) {
    open(
        "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        "Content-Length: 31\r\n\r\n{\"message\":\"a\",\"wait_ms\":60000}");
  }
  REQUIRE(served.backend.wait_for_orders(8));
  for (int i = 0; i < 30; ++i) open("GET /ri");
  const auto start = Clock::now();
  served.front_end.stop();
  CHECK(Clock::now() - start < 1s);
  CHECK_THAT(clients[8]->read_all(20s), contains("503 ") && contains("\"leaving\""));
  CHECK_THROWS(RawClient{served.port()});
  served.front_end.stop();  // again is no harm

  FrontEnd never_started{test_options(), served.backend};
  never_started.stop();
}
