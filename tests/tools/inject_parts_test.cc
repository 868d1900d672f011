// inject without a network: its command line, its pace, its figures and what it prints.
#include "inject/options.h"
#include "inject/pacer.h"
#include "inject/report.h"
#include "inject/tally.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <cstdlib>

#include "support/catch.h"

using namespace podring;  // NOLINT(google-build-using-namespace): the subject is the namespace
using namespace podring::inject;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

std::variant<Options, Stop> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "inject");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}
Options good(const std::vector<const char*>& arguments) {
  const auto parsed = parse(arguments);
  if (const auto* stop = std::get_if<Stop>(&parsed)) FAIL(stop->text);
  return std::get<Options>(parsed);
}
/// The sentence that a wrong command line is answered with.
std::string complaint(const std::vector<const char*>& arguments) {
  const auto parsed = parse(arguments);
  REQUIRE(std::holds_alternative<Stop>(parsed));
  CHECK(std::get<Stop>(parsed).code == Exit::usage);
  return std::get<Stop>(parsed).text;
}

TimePoint at(Duration since) { return TimePoint{} + 1h + since; }

Told told(Fate fate, Duration latency) {
  Told one;
  one.fate = fate;
  one.id = "00000000000000aa-1";
  one.latency = latency;
  return one;
}

}  // namespace

TEST_CASE("inject's defaults are those of its help", "[inject]") {
  ::unsetenv("PODRING_SERVICE");
  ::unsetenv("PODRING_RING");
  const Options options = good({"hello"});
  CHECK(options.message == "hello");
  CHECK(options.count == 1);
  CHECK(options.wait == Stage::safe);
  CHECK(options.ring == "podring");
  CHECK(options.in_flight == 256);
  const auto& peer = std::get<PeerTarget>(options.target);
  CHECK(peer.address == Address::v4(0x7f000001));
  CHECK(peer.port == kRingPort);
}

TEST_CASE("inject takes a peer's address with and without a port", "[inject]") {
  const auto peer = [](const char* text) {
    return std::get<PeerTarget>(good({"--peer", text, "x"}).target);
  };
  CHECK(peer("10.42.0.9").address == Address::v4(0x0a2a0009));
  CHECK(peer("10.42.0.9:99").port == 99);
  CHECK(to_string(peer("fd00::9").address) == "fd00::9");
  CHECK(peer("fd00::9").port == kRingPort);
  CHECK(to_string(peer("[fd00::9]:77").address) == "fd00::9");
  CHECK(peer("[fd00::9]:77").port == 77);
  CHECK(peer("[fd00::9]").port == kRingPort);
  for (const char* wrong :
       {"pod-1", "10.42.0", "10.42.0.9:0", "10.42.0.9:65536", "10.42.0.9:", "0.0.0.0", "[fd00::9"})
    CHECK_FALSE(complaint({"--peer", wrong, "x"}).empty());
}

TEST_CASE("a service's name is the ring's, unless another is given", "[inject]") {
  ::setenv("PODRING_SERVICE", "Ring.Default.svc.cluster.local.", 1);
  CHECK(std::get<ServiceTarget>(good({"x"}).target).name == "ring.default.svc.cluster.local");
  CHECK(good({"x"}).ring == "ring.default.svc.cluster.local");
  CHECK(good({"--ring", "other", "x"}).ring == "other");
  ::setenv("PODRING_RING", "env", 1);
  CHECK(good({"x"}).ring == "env");
  CHECK(std::holds_alternative<PeerTarget>(good({"--peer", "10.0.0.1", "x"}).target));
  ::unsetenv("PODRING_SERVICE");
  ::unsetenv("PODRING_RING");
}

TEST_CASE("a URL leads to the route that seeds", "[inject]") {
  const auto url = [](const char* text) {
    return std::get<UrlTarget>(good({"--url", text, "x"}).target);
  };
  CHECK(url("http://localhost").path == "/messages");
  CHECK(url("http://localhost").port == 80);
  CHECK(url("http://localhost:8080/").path == "/messages");
  CHECK(url("http://h/ring/messages").path == "/ring/messages");
  CHECK(url("http://h/ring/").path == "/ring/messages");
  CHECK(url("http://[fd00::9]:8080").host == "fd00::9");
  for (const char* wrong :
       {"localhost:8080", "https://localhost", "http://", "http://h/?a=1", "http://h/#a"})
    CHECK_FALSE(complaint({"--url", wrong, "x"}).empty());
}

TEST_CASE("--size makes the message as long as it says", "[inject]") {
  CHECK(good({"--size", "10", "hello"}).message == "hello.....");
  CHECK(good({"--size", "256"}).message.size() == 256);
  CHECK(good({"--size", "0", ""}).message.empty());
  CHECK(complaint({"--size", "4", "hello"}).find("5 bytes") != std::string::npos);
}

TEST_CASE("a wrong command line is answered with what to change", "[inject]") {
  CHECK(complaint({}).find("Give a message") != std::string::npos);
  CHECK(complaint({"--hops", "0", "x"}).find("1 to 10000") != std::string::npos);
  CHECK(complaint({"--laps", "1001", "x"}).find("1 to 1000") != std::string::npos);
  CHECK(complaint({"--hops", "3", "--laps", "3", "x"}).find("--laps") != std::string::npos);
  CHECK(complaint({"--count", "0", "x"}).find("from 1 to") != std::string::npos);
  CHECK(complaint({"--count", "-1", "x"}).find("from 1 to") != std::string::npos);
  CHECK(complaint({"--rate", "0", "x"}).find("--rate") != std::string::npos);
  CHECK(complaint({"--rate", "nan", "x"}).find("--rate") != std::string::npos);
  CHECK(complaint({"--wait", "never", "x"}).find("completed") != std::string::npos);
  CHECK(complaint({"--in-flight", "1001", "x"}).find("1 to 1000") != std::string::npos);
  CHECK(complaint({"--url", "http://h", "--in-flight", "65", "x"}).find("64") != std::string::npos);
  CHECK(complaint({"--url", "http://h", "--ttl-ms", "65", "x"}).find("--ttl-ms") !=
        std::string::npos);
  CHECK(complaint({"--url", "http://h", "--ring", "a", "x"}).find("--ring") != std::string::npos);
  CHECK(complaint({"--url", "http://h", "--peer", "10.0.0.1", "x"}).find("--peer") !=
        std::string::npos);
  CHECK(complaint({"--service", "two words", "x"}).find("fully qualified") != std::string::npos);
  CHECK(complaint({"\xff"}).find("UTF-8") != std::string::npos);
  CHECK(complaint({"--service", "a.b", "--dns-server", "x", "x"}).find("--dns-server") !=
        std::string::npos);
  CHECK(complaint({"--what", "x"}).find("--what") != std::string::npos);
  CHECK(complaint({"a", "b"}).find("b") != std::string::npos);
}

TEST_CASE("--help names every exit code", "[inject]") {
  const auto parsed = parse({"--help"});
  const auto& stop = std::get<Stop>(parsed);
  CHECK(stop.code == Exit::done);
  for (const Exit code :
       {Exit::done, Exit::not_all, Exit::usage, Exit::unreachable, Exit::interrupted})
    CHECK(stop.text.find("\n  " + std::to_string(static_cast<int>(code)) + " ") !=
          std::string::npos);
}

TEST_CASE("a rate spaces the messages evenly, from the start", "[inject]") {
  Pacer pacer{at(0s), 3, 10.0};
  CHECK(pacer.next() == at(0s));
  pacer.begin();
  CHECK(pacer.next() == at(100ms));
  pacer.begin();
  CHECK(pacer.next() == at(200ms));  // however late the one before was
  pacer.begin();
  CHECK(pacer.all_begun());
  CHECK_FALSE(pacer.next());
}

TEST_CASE("a full ring makes the pauses longer, up to a bound, and room shorter", "[inject]") {
  Pacer pacer{at(0s), 1'000'000, std::nullopt};
  CHECK(*pacer.next() <= at(0s));
  pacer.pause(at(1s));
  CHECK(pacer.next() == at(1s) + Pacer::kPauseMin);
  pacer.pause(at(1s));  // the same news again
  CHECK(pacer.next() == at(1s) + Pacer::kPauseMin);
  for (int i = 2; i < 20; ++i) pacer.pause(at(1s * i));
  CHECK(pacer.next() == at(19s) + Pacer::kPauseMax);
  for (int i = 0; i < 10'000; ++i) pacer.taken();
  pacer.pause(at(30s));
  CHECK(pacer.next() == at(30s) + Pacer::kPauseMin);
}

TEST_CASE("percentiles are of those that reached the stage", "[inject]") {
  Tally tally;
  CHECK_FALSE(tally.latencies());
  for (int i = 100; i >= 1; --i) tally.add(told(Fate::reached, i * 1ms));
  tally.add(told(Fate::timed_out, 60s));
  const auto latency = tally.latencies();
  REQUIRE(latency);
  CHECK(latency->min == 1ms);
  CHECK(latency->p50 == 50ms);
  CHECK(latency->p90 == 90ms);
  CHECK(latency->p99 == 99ms);
  CHECK(latency->max == 100ms);
  CHECK(tally.ended() == 101);
  Tally one;
  one.add(told(Fate::reached, 7ms));
  CHECK(one.latencies()->p50 == 7ms);
  CHECK(one.latencies()->p99 == 7ms);
}

TEST_CASE("only so many messages and reasons are kept, and all are counted", "[inject]") {
  Tally tally;
  for (std::size_t i = 0; i < 2 * Tally::kToldMax; ++i) {
    tally.add(told(Fate::refused, 1ms));
    tally.add_reason("reason " + std::to_string(i));
  }
  CHECK(tally.told().size() == Tally::kToldMax);
  CHECK(tally.reasons().size() == Tally::kReasonsMax);
  CHECK(tally.of(Fate::refused) == 2 * Tally::kToldMax);
}

TEST_CASE("the exit code says how it went", "[inject]") {
  Options options = good({"--count", "2", "x"});
  Tally tally;
  tally.add(told(Fate::reached, 1ms));
  CHECK(exit_of(options, tally, {}) == Exit::not_all);
  tally.add(told(Fate::reached, 1ms));
  CHECK(exit_of(options, tally, {}) == Exit::done);
  CHECK(exit_of(options, tally, {.interrupted = true}) == Exit::interrupted);
  CHECK(exit_of(options, {}, {.gave_up = "nobody answers"}) == Exit::unreachable);
}

TEST_CASE("one message that completed shows its trace as a table", "[inject]") {
  const Options options = good({"--wait", "completed", "x"});
  Tally tally;
  Told one = told(Fate::reached, 2500us);
  one.trace = {{"pod-1", {1'700'000'000'000'000}}, {"pod-2", {1'700'000'000'000'412}}};
  tally.add(one);
  const std::string text = report_text(options, tally, {}, /*colour=*/false);
  CHECK(text.find("completed  00000000000000aa-1  2.50 ms") == 0);
  CHECK(text.find("     1  pod-2  22:13:20.000412  +0.412 ms") != std::string::npos);
  CHECK(text.find("     2  completed") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(report_text(options, tally, {}, /*colour=*/true).find("\x1b[32mcompleted\x1b[0m") == 0);
}

TEST_CASE("a cut trace shows where it was cut, and goes on with the right hop numbers",
          "[inject]") {
  const Options options = good({"--wait", "completed", "x"});
  Tally tally;
  Told one = told(Fate::reached, 1ms);
  for (int i = 0; i < 18; ++i) one.trace.emplace_back("pod", WallTime{1'700'000'000'000'000 + i});
  one.trace_omitted = 1000;
  tally.add(one);
  const std::string text = report_text(options, tally, {}, false);
  CHECK(text.find("1,000 hops that the trace does not hold") != std::string::npos);
  CHECK(text.find("    15  pod") != std::string::npos);
  CHECK(text.find("  1016  pod") != std::string::npos);
  CHECK(text.find("  1018  completed") != std::string::npos);
}

TEST_CASE("names from other machines cannot drive the terminal", "[inject]") {
  const Options options = good({"--wait", "completed", "x"});
  Tally tally;
  Told one = told(Fate::reached, 1ms);
  one.trace = {{"\x1b[2Jpod\n", {1}}};
  tally.add(one);
  tally.add_reason("a\rb");
  const std::string text = report_text(options, tally, {}, false);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\r') == std::string::npos);
}

TEST_CASE("--json is one object with everything", "[inject]") {
  const Options options = good({"--count", "3", "--wait", "completed", "x"});
  Tally tally;
  Told one = told(Fate::reached, 2500us);
  one.trace = {{"pod-\xff", {1'700'000'000'000'000}}};
  tally.add(one);
  tally.add(told(Fate::expired, 3ms));
  tally.add_reason("why \"not\"");
  const std::string text = report_json(options, tally, {.took = 5ms});
  CHECK(text.find('\n') == text.size() - 1);
  const auto object = Poco::JSON::Parser{}.parse(text).extract<Poco::JSON::Object::Ptr>();
  CHECK(object->getValue<int>("count") == 3);
  CHECK(object->getValue<int>("reached") == 1);
  CHECK(object->getValue<int>("expired") == 1);
  CHECK(object->getValue<int>("not_tried") == 1);
  CHECK(object->getValue<int>("took_us") == 5000);
  CHECK(object->getObject("latency_us")->getValue<int>("p50") == 2500);
  CHECK(object->getObject("reasons")->getValue<int>("why \"not\"") == 1);
  const auto first = object->getArray("messages")->getObject(0);
  CHECK(first->getValue<std::string>("id") == "00000000000000aa-1");
  CHECK(first->getArray("trace")->size() == 1);
  CHECK(object->getArray("messages")->size() == 2);
}
