// Push: real HTTP requests to a program on loopback that answers as programs do, and worse.
#include "deliver/pusher.h"

#include <Poco/StreamCopier.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "deliver/fake_program.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::deliver;
using namespace std::chrono_literals;
using Poco::Net::HTTPServerRequest, Poco::Net::HTTPServerResponse;

namespace {

std::uint16_t port_of_nobody() {
  return FakeProgram{[](auto&, auto&) {}}.port();  // it was free a moment ago
}

struct Pushing {
  explicit Pushing(const std::string& url, std::chrono::milliseconds timeout = 5s,
                   std::vector<RequestRule> rules = {}, std::size_t waiting_max = 1000)
      : pusher{{.target = std::get<Target>(parse_target(url, false)),
                .ring = "ring",
                .timeout = timeout,
                .concurrency = 4,
                .waiting_max = waiting_max,
                .rules = RequestRules{std::move(rules)}},
               [this] {
                 const std::lock_guard lock{mutex};
                 woken = true;
                 condition.notify_all();
               }} {}

  static Delivery delivery(std::uint64_t number) {
    Delivery result;
    result.number = {number};
    result.id = {BootId{1}, number};
    result.origin_pod = "pod-1";
    result.body = "hello";
    return result;
  }
  bool offer(std::uint64_t number) { return pusher.offer(delivery(number)); }
  /// The next `count` results, by number.
  std::map<std::uint64_t, DeliveryResult> results(std::size_t count) {
    std::map<std::uint64_t, DeliveryResult> all;
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (all.size() < count && std::chrono::steady_clock::now() < until) {
      {
        std::unique_lock lock{mutex};
        condition.wait_for(lock, 1s, [this] { return woken; });
        woken = false;
      }
      for (DeliveryResult& result : pusher.take_results()) {
        REQUIRE(all.emplace(result.number.value, std::move(result)).second);
      }
    }
    REQUIRE(all.size() == count);
    return all;
  }

  std::mutex mutex;
  std::condition_variable condition;
  bool woken = false;
  Pusher pusher;  // last: its thread uses the others
};

}  // namespace

TEST_CASE("a message is POSTed with its body and CloudEvents headers", "[deliver]") {
  std::string seen;
  FakeProgram program{[&](HTTPServerRequest& request, HTTPServerResponse& response) {
    std::string body;
    Poco::StreamCopier::copyToString(request.stream(), body);
    seen = request.getMethod() + " " + request.getURI() + " " + request.get("ce-id") + " " +
           request.get("ce-podringattempt") + " " + request.get("Content-Type", "none") + " " +
           body;
    answer(response, 204);
  }};
  Pushing pushing{program.url()};
  REQUIRE(pushing.offer(1));
  const auto result = pushing.results(1).at(1);
  CHECK(result.outcome == Outcome::delivered);
  CHECK(result.status == 204);
  CHECK(result.attempts == 1);
  CHECK(seen == "POST /take 0000000000000001-1 1 none hello");
}

TEST_CASE("busy and failing programs are asked again, a refusal is final", "[deliver]") {
  std::atomic<int> asked = 0;
  int first_status = 0;
  SECTION("503") { first_status = 503; }
  SECTION("429") { first_status = 429; }
  SECTION("500") { first_status = 500; }
  SECTION("404") { first_status = 404; }
  SECTION("302") { first_status = 302; }
  FakeProgram program{[&](HTTPServerRequest&, HTTPServerResponse& response) {
    response.set("Location", "/take");
    answer(response, asked++ == 0 ? first_status : 200, "said");
  }};
  Pushing pushing{program.url()};
  REQUIRE(pushing.offer(1));
  const auto result = pushing.results(1).at(1);
  const bool again = first_status == 429 || first_status >= 500;
  CHECK(result.outcome == (again ? Outcome::delivered : Outcome::refused));
  CHECK(result.status == (again ? 200 : first_status));
  CHECK(result.attempts == (again ? 2 : 1));
  CHECK(asked == (again ? 2 : 1));
  CHECK(result.answer == "said");
}

TEST_CASE("Retry-After is kept to", "[deliver]") {
  std::atomic<int> asked = 0;
  FakeProgram program{[&](HTTPServerRequest&, HTTPServerResponse& response) {
    response.set("Retry-After", "1");
    answer(response, asked++ == 0 ? 503 : 200);
  }};
  Pushing pushing{program.url()};
  REQUIRE(pushing.offer(1));
  CHECK(pushing.results(1).at(1).took >= 1s);
}

TEST_CASE("a program that says 503 until the time is over has timed out, with its status",
          "[deliver]") {
  FakeProgram program{
      [&](HTTPServerRequest&, HTTPServerResponse& response) { answer(response, 503); }};
  Pushing pushing{program.url(), 400ms};
  REQUIRE(pushing.offer(1));
  const auto result = pushing.results(1).at(1);
  CHECK(result.outcome == Outcome::timed_out);
  CHECK(result.status == 503);
  CHECK(result.attempts > 1);
}

TEST_CASE("answers that drip, never end or never come do not outlive the timeout", "[deliver]") {
  std::atomic<bool> over = false;
  std::function<void(HTTPServerResponse&)> behave;
  bool delivered = false;
  SECTION("no answer") {
    behave = [&](HTTPServerResponse&) {
      while (!over) std::this_thread::sleep_for(10ms);
    };
  }
  SECTION("a head that drips") {
    behave = [&](HTTPServerResponse& response) {
      for (int i = 0; !over && i < 1000; ++i) {
        response.set("X-" + std::to_string(i), std::string(10, 'x'));
        std::this_thread::sleep_for(10ms);
      }
    };
  }
  SECTION("an endless body after a yes") {
    delivered = true;
    behave = [&](HTTPServerResponse& response) {
      response.setChunkedTransferEncoding(true);
      auto& out = response.send();
      const std::string piece(8192, 'x');
      while (!over && out) out << piece << std::flush;
    };
  }
  SECTION("an endless head") {
    behave = [&](HTTPServerResponse& response) {
      for (int i = 0; i < 3000; ++i) response.set("X-" + std::to_string(i), "xxxxxxxxxx");
      answer(response, 200);
    };
  }
  FakeProgram program{[&](HTTPServerRequest&, HTTPServerResponse& response) { behave(response); }};
  Pushing pushing{program.url(), 700ms};
  REQUIRE(pushing.offer(1));
  const auto result = pushing.results(1).at(1);
  over = true;
  CHECK(result.outcome == (delivered ? Outcome::delivered : Outcome::timed_out));
  CHECK(result.took < 5s);
  CHECK(result.answer.size() <= kAnswerBytesMax);
}

TEST_CASE("a message that waits holds up no other", "[deliver]") {
  std::atomic<bool> over = false;
  FakeProgram program{[&](HTTPServerRequest& request, HTTPServerResponse& response) {
    while (request.get("ce-id") == "0000000000000001-1" && !over) {
      std::this_thread::sleep_for(5ms);
    }
    answer(response, 200);
  }};
  Pushing pushing{program.url()};
  for (std::uint64_t number = 1; number <= 200; ++number) REQUIRE(pushing.offer(number));
  const auto results = pushing.results(199);
  CHECK_FALSE(results.contains(1));
  over = true;
  CHECK(pushing.results(1).at(1).outcome == Outcome::delivered);
}

TEST_CASE("a program that comes late within the time gets its message", "[deliver]") {
  const std::uint16_t port = port_of_nobody();
  Pushing pushing{"http://127.0.0.1:" + std::to_string(port) + "/", 20s};
  REQUIRE(pushing.offer(1));
  std::this_thread::sleep_for(300ms);
  FakeProgram program{
      [](HTTPServerRequest&, HTTPServerResponse& response) { answer(response, 200); }, port};
  const auto result = pushing.results(1).at(1);
  CHECK(result.outcome == Outcome::delivered);
  CHECK(result.attempts > 1);
}

TEST_CASE("nobody there: the first wait their time, later ones pass at once", "[deliver]") {
  const std::uint16_t port = port_of_nobody();
  Pushing pushing{"http://127.0.0.1:" + std::to_string(port) + "/", 500ms};
  for (std::uint64_t number = 1; number <= 3; ++number) REQUIRE(pushing.offer(number));
  for (const auto& [number, result] : pushing.results(3)) {
    CHECK(result.outcome == Outcome::no_program);
    CHECK(result.status == 0);
  }
  REQUIRE(pushing.offer(4));
  (void)pushing.results(1);  // by now the breaker has seen 500 ms of failures
  REQUIRE(pushing.pusher.stats().away);
  REQUIRE(pushing.offer(5));
  const auto passed = pushing.results(1).at(5);
  CHECK(passed.outcome == Outcome::no_program);
  CHECK(passed.took < 400ms);
  FakeProgram program{
      [](HTTPServerRequest&, HTTPServerResponse& response) { answer(response, 200); }, port};
  std::uint64_t number = 6;
  while (pushing.pusher.stats().away) {
    REQUIRE(pushing.offer(number++));
    (void)pushing.results(1);
    REQUIRE(number < 10'000);
    std::this_thread::sleep_for(10ms);
  }
  REQUIRE(pushing.offer(number));
  CHECK(pushing.results(1).at(number).outcome == Outcome::delivered);
}

TEST_CASE("a request is made as it stands, if a rule lets it", "[deliver]") {
  std::string seen;
  FakeProgram program{[&](HTTPServerRequest& request, HTTPServerResponse& response) {
    seen = request.getMethod() + " " + request.getURI() + " " + request.get("X-Tag", "");
    answer(response, 200, "purged");
  }};
  Pushing pushing{program.url(), 5s, {{"PURGE", "/news/*"}}};
  Delivery purge = Pushing::delivery(1);
  purge.body.clear();
  purge.request = ProgramRequest{"PURGE", "/news/*", {{"X-Tag", "7"}}};
  REQUIRE(pushing.pusher.offer(purge));
  const auto result = pushing.results(1).at(1);
  CHECK(result.outcome == Outcome::delivered);
  CHECK(result.answer == "purged");
  CHECK(seen == "PURGE /news/* 7");
  seen.clear();
  purge.number = {2};
  purge.request->path = "/admin";
  REQUIRE(pushing.pusher.offer(purge));
  const auto refused = pushing.results(1).at(2);
  CHECK(refused.outcome == Outcome::refused);
  CHECK(refused.attempts == 0);
  CHECK(seen.empty());
}

TEST_CASE("beyond its bound it takes no more", "[deliver]") {
  std::atomic<bool> over = false;
  FakeProgram program{[&](HTTPServerRequest&, HTTPServerResponse& response) {
    while (!over) std::this_thread::sleep_for(5ms);
    answer(response, 200);
  }};
  Pushing pushing{program.url(), 5s, {}, 3};
  for (std::uint64_t number = 1; number <= 3; ++number) REQUIRE(pushing.offer(number));
  CHECK_FALSE(pushing.offer(4));
  over = true;
  CHECK(pushing.results(3).size() == 3);
  CHECK(pushing.offer(5));
  (void)pushing.results(1);
}
