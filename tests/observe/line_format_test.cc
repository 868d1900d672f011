// proto-docs/log-lines.md: the lines to the letter, their bound, and that no text forges one.
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include "observe/escape.h"
#include "observe/line_format.h"
#include "observe/samples.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::observe;
using namespace podring::test;

namespace {

std::string json_of(const Event& event) {
  LineFormat format{kSelf};
  std::string line;
  format.json(line, kNoon, level_of(event), 3, event);
  return line;
}

std::string text_of(const Event& event) {
  LineFormat format{kSelf};
  std::string line;
  format.text(line, kNoon, level_of(event), event);
  return line;
}

Poco::JSON::Object::Ptr parsed(const std::string& line) {
  REQUIRE(line.back() == '\n');
  REQUIRE(line.find('\n') == line.size() - 1);
  return Poco::JSON::Parser{}.parse(line).extract<Poco::JSON::Object::Ptr>();
}

}  // namespace

TEST_CASE("a received line has the fields in the order of the document", "[log]") {
  CHECK(json_of(visit(travelled("hello", {"pod-x", "pod-y"}))) ==
        "{\"ts\":\"2026-09-21T14:13:20.123456Z\",\"level\":\"info\",\"event\":\"received\","
        "\"pod\":\"pod-a\",\"boot\":\"0000000000abcdef\",\"seq\":3,"
        "\"id\":\"0123456789abcdef-7\",\"hop\":2,\"lap\":0,\"message\":\"hello\","
        "\"trace\":[\"pod-x\",\"pod-y\"],\"sender_pod_ip\":\"10.0.0.2\"}\n");
}

TEST_CASE("the text format prints received exactly in the guide's words", "[log]") {
  CHECK(text_of(visit(travelled("hello", {"pod-x", "pod-y"}))) ==
        "received JSON from pod 'pod-a': {Message:hello Trace:[pod-x pod-y] "
        "SenderPodIP:10.0.0.2}\n");
  CHECK(text_of(visit(travelled("hello", {}))) ==
        "received JSON from pod 'pod-a': {Message:hello Trace:[] SenderPodIP:10.0.0.2}\n");
}

TEST_CASE("detours are told where there are any", "[log]") {
  Envelope envelope = travelled("hello", {"pod-x"});
  CHECK(json_of(visit(envelope)).find("detours") == std::string::npos);
  envelope.detours = {{3, 2}, {7, 3}};
  CHECK(
      json_of(visit(envelope)).find("\"detours\":[{\"hop\":3,\"try\":2},{\"hop\":7,\"try\":3}]") !=
      std::string::npos);
}

TEST_CASE("no message and no name forges a line or ends a string", "[log]") {
  const std::string evil =
      "a\n{\"event\":\"completed\"}\r\t\x1b[2J\x07\x7f\"\\\xff\xc3\xe2\x80\xa8 \xc2\x85 \xc3\xa9 "
      "end";
  for (const Event& event : {visit(travelled(evil, {"pod-x"})), visit(travelled("m", {evil})),
                             end(travelled("m", {evil}), 1)}) {
    const auto object = parsed(json_of(event));
    CHECK(object->getValue<std::string>("event") !=
          (std::holds_alternative<Visited>(event) ? "completed" : "received"));
    const std::string text = text_of(event);
    CHECK(text.find('\n') == text.size() - 1);
    for (const char c : text.substr(0, text.size() - 1)) {
      CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    }
    CHECK(text.find("\xe2\x80\xa8") == std::string::npos);  // line separator
    CHECK(text.find("\xc2\x85") == std::string::npos);      // next line
    CHECK(text.find("\xc3\xa9") != std::string::npos);      // e with acute stays
  }
  const auto object = parsed(json_of(visit(travelled(evil, {"pod-x"}))));
  const std::string message = object->getValue<std::string>("message");
  CHECK(message.substr(0, 3) == "a\n{");
  CHECK(message.find("\xef\xbf\xbd\xef\xbf\xbd\xe2\x80\xa8") != std::string::npos);  // bad bytes
}

TEST_CASE("escaping agrees with a dumb twin on random bytes", "[log]") {
  const auto dumb_size = [](const std::string& text) {  // of ASCII only
    std::size_t size = 0;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const bool pair = c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t';
      size += pair ? 2 : byte < 0x20 || byte == 0x7f ? 6 : 1;
    }
    return size;
  };
  std::uint64_t state = 42;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint64_t i = 0; i < state % 40; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      text.push_back(static_cast<char>((state >> 33) % 128));
    }
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::string out;
    CHECK(append_json(out, text) == text.size());
    REQUIRE(out.size() == dumb_size(text));
    REQUIRE(json_size(text) == out.size());
    const std::size_t bytes_max = (state >> 40) % 30;
    std::string cut;
    const std::size_t taken = append_json(cut, text, bytes_max);
    REQUIRE(cut.size() <= bytes_max);
    REQUIRE(out.substr(0, cut.size()) == cut);
    REQUIRE(dumb_size(text.substr(0, taken)) == cut.size());
  }
}

TEST_CASE("a line stays below 16 KiB, whatever is in it", "[log]") {
  const std::vector<std::string> messages{"short", std::string(150'000, 'm'),
                                          std::string(150'000, '\x01'),
                                          std::string(100'000, '\xff')};
  std::vector<std::string> many;
  for (int i = 0; i < 2000; ++i) many.push_back("pod-" + std::to_string(i));
  const std::vector<std::vector<std::string>> traces{
      {"pod-x"},
      many,
      std::vector<std::string>(300, std::string(253, 'n')),
      std::vector<std::string>(300, std::string(253, '\x02'))};
  for (const auto& message : messages) {
    for (const auto& trace : traces) {
      Envelope envelope = travelled(message, trace);
      REQUIRE(envelope.head.hop == trace.size());
      for (int i = 0; i < 32; ++i) envelope.detours.push_back({UINT32_MAX, UINT32_MAX});
      for (const Event& event : {visit(envelope), end(envelope, 1)}) {
        const std::string line = json_of(event);
        CHECK(line.size() < 16 * 1024);
        const auto object = parsed(line);
        const auto names = object->getArray("trace");
        const std::uint64_t omitted =
            object->has("trace_omitted") ? object->getValue<std::uint64_t>("trace_omitted") : 0;
        CHECK(names->size() + omitted == trace.size());
        CHECK(names->getElement<std::string>(0) ==
              parsed(json_of(visit(travelled("m", {trace.front()}))))
                  ->getArray("trace")
                  ->getElement<std::string>(0));
        if (trace == many) {
          CHECK(names->getElement<std::string>(static_cast<unsigned>(names->size() - 1)) ==
                "pod-1999");
          CHECK(names->size() > 100);
        }
        if (std::holds_alternative<Visited>(event)) {
          const bool cut = object->getValue<std::string>("message") != message &&
                           message.find('\xff') == std::string::npos;
          if (cut) CHECK(object->getValue<std::uint64_t>("message_bytes") == message.size());
        }
        CHECK(text_of(event).size() < 16 * 1024);
      }
    }
  }
}

TEST_CASE("a large view change takes several lines, each below the bound", "[log]") {
  ViewChanged change;
  for (std::uint64_t i = 0; i < 1000; ++i) change.added.push_back({0x20010db8ffffffff, ~i});
  for (std::uint64_t i = 0; i < 500; ++i)
    change.removed.push_back({0x20010db8ffffffff, ~(i << 40)});
  change.digest = 5;
  LineFormat format{kSelf};
  std::size_t added = 0;
  std::size_t removed = 0;
  REQUIRE(view_parts(change) == 5);
  for (std::size_t part = 1; part <= 5; ++part) {
    std::string line;
    format.json(line, kNoon, Level::info, part, ViewPart{&change, part, 5});
    CHECK(line.size() < 16 * 1024);
    const auto object = parsed(line);
    added += object->getArray("added")->size();
    removed += object->getArray("removed")->size();
    CHECK(object->getValue<std::size_t>("part") == part);
    CHECK(object->getValue<std::string>("digest") == "0000000000000005");
  }
  CHECK(added == 1000);
  CHECK(removed == 500);
}

TEST_CASE("started stays below the bound with every value long", "[log]") {
  Started started{"0.1.0", std::string(253, 'r'), {}};
  for (int i = 0; i < 60; ++i) {
    started.configuration.push_back(
        {"--flag-" + std::to_string(i), std::string(5000, '\x03'), "flag"});
  }
  LineFormat format{kSelf};
  std::string line;
  format.json(line, kNoon, Level::info, 0, NodeEvent{started});
  CHECK(line.size() < 16 * 1024);
  CHECK(parsed(line)->getObject("configuration")->size() == 60);
}

TEST_CASE("a line of words and a line for standard error are one line", "[log]") {
  LineFormat format{kSelf};
  std::string line;
  format.text(line, kNoon, Level::warn, NodeEvent{Warned{"two\nlines"}});
  CHECK(line == "2026-09-21T14:13:20.123456Z warn warning detail=two\\nlines\n");
  const auto object =
      parsed(LineFormat::error_line(kNoon, Level::error, "log_closed", "gone\n", "pod-a"));
  CHECK(object->getValue<std::string>("detail") == "gone\n");
  CHECK(object->getValue<std::string>("level") == "error");
}
