// The parser of requests: whatever the pieces, the same request; whatever the bytes, an answer.
#include "http/request_parser.h"

#include <algorithm>
#include <random>
#include <string>

#include "support/catch.h"

using podring::http::RequestParser;
using State = RequestParser::State;

namespace {

constexpr RequestParser::Limits kLimits{2048, 100};

RequestParser parsed(std::string_view text, std::size_t piece = 4096) {
  RequestParser parser{kLimits};
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    static_cast<void>(parser.feed(text.substr(0, piece)));
  }
  return parser;
}

int failure_of(std::string_view text) {
  const RequestParser parser = parsed(text);
  return parser.state() == State::failed ? parser.failure().status : 0;
}

std::string with_headers(std::string_view headers, std::string_view body = "") {
  return "POST /messages HTTP/1.1\r\nHost: a\r\n" + std::string{headers} + "\r\n" +
         std::string{body};
}

}  // namespace

TEST_CASE("a request is the same in pieces of any size", "[http]") {
  const std::string fixed =
      "POST /messages?a=1&b=%20x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Last-Event-ID: 12:3\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked =
      "POST /messages?a=1&b=%20x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Last-Event-ID: 12:3\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nhe\r\n3;note=x\r\nllo\r\n0\r\nTrailer: x\r\n\r\n";
  const std::string bare =
      "\r\n\r\nPOST /messages?a=1&b=%20x HTTP/1.1\nHost: a\nContent-Type: application/json\n"
      "Last-Event-ID: 12:3\nContent-Length: 5\n\nhello";
  for (const std::string& text : {fixed, chunked, bare}) {
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 64U, 4096U}) {
      INFO(text << " in pieces of " << piece);
      RequestParser parser = parsed(text, piece);
      REQUIRE(parser.state() == State::done);
      CHECK(parser.request().method == "POST");
      CHECK(parser.request().path == "/messages");
      CHECK(parser.request().query == std::map<std::string, std::string>{{"a", "1"}, {"b", " x"}});
      CHECK(parser.request().content_type == "application/json");
      CHECK(parser.request().last_event_id == "12:3");
      CHECK(parser.request().body == "hello");
    }
  }
}

TEST_CASE("a request without a body is complete with its head", "[http]") {
  CHECK(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n").state() == State::done);
  CHECK(parsed("GET / HTTP/1.0\r\n\r\n").state() == State::done);
  CHECK(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r").state() == State::head);
  CHECK(parsed("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").request().path == "*");
  CHECK(parsed("GET http://a:80/ring?x=1 HTTP/1.1\r\nHost: a\r\n\r\n").request().path == "/ring");
}

TEST_CASE("each broken request has its own answer", "[http]") {
  CHECK(failure_of("GET / HTTP/1.1\r\n\r\n") == 400);                        // no Host
  CHECK(failure_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") == 400);  // two
  CHECK(failure_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 400);
  CHECK(failure_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 400);
  CHECK(failure_of("GET ring HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(failure_of("GET /?a=1&a=2 HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(failure_of("GET /?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(failure_of("G(T / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(failure_of("\x16\x03\x01\x02\r\n\r\n") == 400);  // TLS
  CHECK(failure_of("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(3000, 'x')) == 431);
  CHECK(failure_of("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(3000, 'x') + "\r\n\r\n") == 431);
  CHECK(failure_of(with_headers("")) == 411);
  CHECK(failure_of(with_headers("Content-Length: x\r\n")) == 400);
  CHECK(failure_of(with_headers("Content-Length: -1\r\n")) == 400);
  CHECK(failure_of(with_headers("Content-Length: 1\r\nContent-Length: 1\r\n")) == 400);
  CHECK(failure_of(with_headers("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(failure_of(with_headers("Content-Length: 101\r\n")) == 413);
  CHECK(failure_of(with_headers("Content-Length: 99999999999999999999999\r\n")) == 413);
  CHECK(failure_of(with_headers("Transfer-Encoding: gzip, chunked\r\n")) == 501);
  CHECK(failure_of(with_headers("Content-Length: 1\r\nExpect: dinner\r\n")) == 417);
}

TEST_CASE("a chunked body is bounded in every direction", "[http]") {
  const auto chunked = [](std::string_view body) {
    return failure_of(with_headers("Transfer-Encoding: chunked\r\n", body));
  };
  CHECK(chunked("65\r\n") == 413);  // 101, known from the size alone
  CHECK(chunked("ffffffffffffffff\r\n") == 413);
  CHECK(chunked("10000000000000000\r\n") == 400);
  CHECK(chunked("60\r\n" + std::string(0x60, 'x') + "\r\n5\r\n") == 413);
  CHECK(chunked("-1\r\n") == 400);
  CHECK(chunked("\r\n") == 400);
  CHECK(chunked("2\r\nabc\r\n") == 400);
  CHECK(chunked("1;" + std::string(300, 'x')) == 400);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 100; ++i) {
    trailers += "T: " + std::string(100, 'x') + "\r\n";
  }
  CHECK(chunked(trailers) == 400);
  std::string small;
  for (int i = 0; i < 100; ++i) {
    small += "1\r\nx\r\n";
  }
  CHECK(chunked(small + "0\r\n\r\n") == 0);
}

TEST_CASE("100-continue is asked for once, and not for what is refused", "[http]") {
  RequestParser parser{kLimits};
  CHECK(parser.untouched());
  CHECK(parser.feed(with_headers("Content-Length: 2\r\nExpect: 100-continue\r\n")) == State::body);
  CHECK_FALSE(parser.untouched());
  CHECK(parser.take_expects_continue());
  CHECK_FALSE(parser.take_expects_continue());
  CHECK(parser.feed("ab") == State::done);
  RequestParser large{kLimits};
  CHECK(large.feed(with_headers("Content-Length: 200\r\nExpect: 100-continue\r\n")) ==
        State::failed);
  CHECK_FALSE(large.take_expects_continue());
}

TEST_CASE("random changes of a request never break the parser", "[http][fuzz]") {
  const std::string seeds[] = {
      "POST /messages?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST /m HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n\r\n",
      "GET /messages/0123456789abcdef-1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"};
  std::mt19937 random{20240607};
  const auto below = [&](std::size_t n) { return std::size_t{random()} % n; };
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seeds[below(3)];
    for (std::size_t changes = 1 + below(6); changes > 0; --changes) {
      const auto at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, 1 + below(8));
          break;
        case 2:
          text.insert(at, text.substr(below(text.size()), below(40)));
          break;
        default:
          text.insert(at, 1, "\r\n:; %?0"[below(8)]);
          break;
      }
      if (text.empty()) text = "x";
    }
    RequestParser parser = parsed(text, 1 + below(20));
    INFO("round " << round << ": " << text);
    REQUIRE(parser.request().body.size() <= kLimits.body_max);
    // In one piece the outcome is the same.
    RequestParser whole = parsed(text);
    REQUIRE(whole.state() == parser.state());
    if (parser.state() == State::failed) {
      REQUIRE(parser.failure().status >= 400);
      REQUIRE(parser.failure().status == whole.failure().status);
    }
    REQUIRE(whole.request().body == parser.request().body);
  }
}
