// The small parts of podring top: the stream's text, keys, the command line.
#include <cstdlib>

#include "support/catch.h"
#include "top/event_text.h"
#include "top/keys.h"
#include "top/options.h"

using namespace podring;       // NOLINT(google-build-using-namespace): the subject
using namespace podring::top;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::string_view kStream =
    "retry: 1000\n\nid: a:1\nevent: snapshot\ndata: {\"a\":1}\n\n"
    ": heartbeat\nevent: alive\r\ndata: {}\r\n\r\n"
    "event: lost\n\ndata:one\ndata: two\n\nevent: unfinished\ndata: x\n";

using Keyed = std::vector<Key>;

}  // namespace

TEST_CASE("events come whole, however the bytes are cut", "[top]") {
  for (std::size_t size = 1; size <= kStream.size(); ++size) {
    EventText text;
    std::vector<SentEvent> events;
    for (std::size_t at = 0; at < kStream.size(); at += size) {
      for (SentEvent& event : text.take(kStream.substr(at, size))) {
        events.push_back(std::move(event));
      }
    }
    REQUIRE(events.size() == 3);
    CHECK(events[0].type == "snapshot");
    CHECK(events[0].data == "{\"a\":1}");
    CHECK(events[1].type == "alive");
    CHECK(events[1].data == "{}");
    CHECK(events[2].type == "message");
    CHECK(events[2].data == "one\ntwo");
    CHECK_FALSE(text.too_long());
  }
}

TEST_CASE("an event without an end is noticed", "[top]") {
  const std::string piece(1024 * 1024, 'x');
  EventText in_a_line;
  EventText in_lines;
  for (std::size_t bytes = 0; bytes <= EventText::kBytesMax; bytes += piece.size()) {
    CHECK_FALSE(in_a_line.too_long());
    CHECK_FALSE(in_lines.too_long());
    CHECK(in_a_line.take(piece).empty());
    CHECK(in_lines.take("data: " + piece.substr(1) + "\n").empty());
  }
  CHECK(in_a_line.too_long());
  CHECK(in_lines.too_long());
}

TEST_CASE("keys are known in both modes of a terminal, whole or in pieces", "[top]") {
  Keys keys;
  CHECK(keys.take("q") == Keyed{Key::quit});
  CHECK(keys.take("\x03") == Keyed{Key::quit});
  CHECK(keys.take("jk gGp\x0c\x1a") == Keyed{Key::down, Key::up, Key::page_down, Key::home,
                                             Key::end, Key::troubled, Key::redraw, Key::suspend});
  CHECK(keys.take("\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1bOF") ==
        Keyed{Key::up, Key::down, Key::page_up, Key::page_down, Key::home, Key::end});
  CHECK(keys.take("\x1b").empty());
  CHECK(keys.take("[").empty());
  CHECK(keys.take("Bx") == Keyed{Key::down});
}

TEST_CASE("a key that is not known does nothing, and q always quits", "[top]") {
  Keys keys;
  CHECK(keys.take("x\x1b[200~\x1b[<0;1;1M\xff").empty());
  CHECK(keys.take("\x1b[1\x03") == Keyed{Key::quit});
  CHECK(keys.take("\x1bq") == Keyed{Key::quit});
  CHECK(keys.take("\x1b[" + std::string(100, '1') + "q") == Keyed{Key::quit});
}

TEST_CASE("the peer is the one that --url names, else the one of the variables, else here",
          "[top]") {
  const auto server = [](std::vector<std::string> arguments) {
    const Parsed parsed = parse_options(std::move(arguments));
    CHECK(parsed.error.empty());
    const HttpUrl& url = parsed.options.server;
    return url.host + " " + std::to_string(url.port) + " " + url.path;
  };
  ::unsetenv("PODRING_ADDRESS");
  ::unsetenv("PODRING_HTTP_PORT");
  CHECK(server({}) == "127.0.0.1 8080 ");
  CHECK(server({"--url", "http://localhost/ring/"}) == "localhost 80 /ring");
  CHECK(server({"--once", "--url=http://[fd00::9]:81"}) == "fd00::9 81 ");
  ::setenv("PODRING_ADDRESS", "10.42.0.9", 1);
  ::setenv("PODRING_HTTP_PORT", "8090", 1);
  CHECK(server({}) == "10.42.0.9 8090 ");
  CHECK(server({"--url", "http://h"}) == "h 80 ");
  ::setenv("PODRING_HTTP_PORT", "tcp://10.96.0.1:80", 1);  // what Kubernetes sets beside a Service
  CHECK(server({}) == "10.42.0.9 8080 ");
  ::unsetenv("PODRING_ADDRESS");
  ::unsetenv("PODRING_HTTP_PORT");
}

TEST_CASE("a wrong command line of top is answered with what to change", "[top]") {
  for (const char* url : {"10.42.0.9", "https://h", "http://h/?a", "http://h:99999", ""}) {
    CHECK(parse_options({"--url", url}).error.find("--url must look like http://") == 0);
  }
  CHECK(parse_options({"--twice"}).error.find("--twice") != std::string::npos);
  CHECK(parse_options({"pod-1"}).error.find("podring top --help") != std::string::npos);
  CHECK(parse_options({"--help"}).print->find("Exit codes:") != std::string::npos);
}
