// Many clients at once: half-sent requests starve nobody at the admin port, beyond the queue the
// answer says so, and two hundred parallel clients are all answered.
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/contains.h"
#include "http/fake_backend.h"
#include "http/front_end.h"
#include "http/raw_client.h"

using namespace std::chrono_literals;
using namespace podring::http;
using Clock = std::chrono::steady_clock;

namespace {

FrontEndOptions test_options() {
  FrontEndOptions options;
  options.bind = test_address();
  options.port = 0;
  options.admin_port = 0;
  return options;
}

std::uint64_t sample(const std::string& metrics, const std::string& name) {
  const auto at = metrics.find("\n" + name + " ");
  return at == std::string::npos ? 0 : std::stoull(metrics.substr(at + name.size() + 2));
}

}  // namespace

TEST_CASE("300 half-sent requests: the admin port answers at once, the front recovers",
          "[http][starvation]") {
  FakeBackend backend;
  FrontEndOptions options = test_options();
  options.request_timeout = 5s;  // a slow build takes 2 s to open 300 connections
  FrontEnd front_end{options, backend};
  front_end.start();
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto start = Clock::now();
  for (int i = 0; i < 300; ++i) {
    clients.push_back(std::make_unique<RawClient>(front_end.port()));
    clients.back()->send("POST /messages HTTP/1.1\r\nHost: a\r\nContent-Le");
  }
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    const auto asked = Clock::now();
    CHECK(get(front_end.admin_port(), path).status == 200);
    CHECK(Clock::now() - asked < 500ms);
  }
  CHECK(Clock::now() - start < 5s);  // while they hold every thread of the front
  const std::string metrics = get(front_end.admin_port(), "/metrics").body;
  CHECK(sample(metrics, "podring_http_threads_busy{server=\"front\"}") == 32);
  CHECK(sample(metrics, "podring_http_connections_queued{server=\"front\"}") == 64);
  // Those beyond the queue are told so; the others run into their time-out, which counts from
  // their connection, not from the moment that a thread took them.
  CHECK(backend.wait_for_shed("http_connections_refused"));
  int refused = 0;
  int timed_out = 0;
  for (const auto& client : clients) {
    const std::string text = client->read_all(20s);
    refused += text.find(" 503 ") != std::string::npos ? 1 : 0;
    timed_out += text.find(" 408 ") != std::string::npos ? 1 : 0;
  }
  CHECK(Clock::now() - start < 12s);
  CHECK(timed_out == 96);
  CHECK(refused == 204);
  CHECK(get(front_end.port(), "/ring").status == 200);
}

TEST_CASE("200 parallel clients are all answered, none twice", "[http][starvation]") {
  FakeBackend backend;
  FrontEndOptions options = test_options();
  options.queue = 256;
  FrontEnd front_end{options, backend};
  front_end.start();
  std::array<std::atomic<int>, 600> statuses{};
  std::vector<std::thread> threads;
  for (int client = 0; client < 200; ++client) {
    threads.emplace_back([&, client] {
      const RawReply replies[] = {
          post_json(front_end.port(), R"({"message":"a","wait":"accepted"})"),
          get(front_end.port(), "/ring"), get(front_end.port(), "/messages")};
      for (int i = 0; i < 3; ++i)
        statuses[static_cast<std::size_t>(3 * client + i)] = replies[i].status;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    INFO(i);
    REQUIRE(statuses[i] == (i % 3 == 0 ? 202 : 200));
  }
  CHECK(backend.orders().size() == 200);
}

TEST_CASE("a loop that does not turn blocks neither views nor probes", "[http][starvation]") {
  FakeBackend backend;
  backend.set_fate(FakeBackend::Fate::kept);
  FrontEndOptions options = test_options();
  options.loop_timeout = 300ms;
  FrontEnd front_end{options, backend};
  front_end.start();
  std::vector<std::thread> threads;
  std::atomic<int> busy{0};
  std::atomic<int> too_many{0};
  for (int client = 0; client < 60; ++client) {
    threads.emplace_back([&, client] {
      const RawReply reply =
          post_json(front_end.port(), client % 2 == 0 ? R"({"message":"a"})"
                                                      : R"({"message":"a","wait":"accepted"})");
      busy += reply.status == 503 ? 1 : 0;
      too_many += reply.status == 429 ? 1 : 0;
    });
  }
  const auto start = Clock::now();
  backend.set_loop_idle(11s);
  CHECK(get(front_end.admin_port(), "/healthz").status == 503);
  CHECK(Clock::now() - start < 500ms);
  CHECK(get(front_end.port(), "/ring").status == 200);
  CHECK(Clock::now() - start < 3s);
  for (std::thread& thread : threads) thread.join();
  CHECK(busy + too_many == 60);
  CHECK(busy >= 30);
}
