// GET /events: snapshot first, numbered events, resuming, gaps, heartbeats.
#include "http/event_stream.h"

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "http/contains.h"
#include "http/fake_backend.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::http;

namespace {

constexpr auto kLook = 2ms;

/// Keeps what is written; a step of the test runs each time the stream looks whether it is open.
class Page : public Outlet {
 public:
  explicit Page(std::vector<std::function<void()>> steps) : steps_{std::move(steps)} {}
  bool write(std::string_view bytes) override {
    text += bytes;
    return !broken;
  }
  bool open() override {
    if (next_ == steps_.size()) {
      return false;
    }
    steps_[next_++]();
    return true;
  }
  std::string text;
  bool broken = false;

 private:
  std::vector<std::function<void()>> steps_;
  std::size_t next_ = 0;
};

std::string stream(FakeBackend& backend, const std::string& last_event_id,
                   std::vector<std::function<void()>> steps,
                   std::chrono::milliseconds heartbeat = 1h,
                   const EventStream::Choices& choices = {}) {
  Page page{std::move(steps)};
  EventStream{backend, {heartbeat, kLook, kLook}, choices}.run(page, last_event_id);
  return page.text;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

const auto nothing = [] {};

}  // namespace

TEST_CASE("a stream begins with a snapshot and goes on from it", "[http][events]") {
  FakeBackend backend;
  backend.add_event("received", R"({"id":"old"})");
  MessageView message;
  message.id = {FakeBackend::kBoot, 9};
  message.message = "hello";
  backend.add_message(message);
  const std::string text = stream(
      backend, "", {[&] { backend.add_event("received", R"({"id":"new"})"); }, nothing, nothing});
  CHECK_THAT(text, contains("id: 0123456789abcdef:1\nevent: snapshot\ndata: {\"ring\":{"));
  CHECK_THAT(text, contains("\"messages\":[{\"id\":\"0123456789abcdef-9\""));
  CHECK_THAT(text, contains("id: 0123456789abcdef:2\nevent: received\ndata: {\"id\":\"new\"}\n\n"));
  CHECK_THAT(text, !contains("\"old\""));
  CHECK(count_of(text, "event: snapshot") == 1);
  CHECK(text.find("retry: ") == 0);
}

TEST_CASE("a stream resumes after its own last event id, and only then", "[http][events]") {
  FakeBackend backend;
  for (int i = 1; i <= 4; ++i) backend.add_event("received", "{\"n\":" + std::to_string(i) + "}");
  const auto resumed = stream(backend, "0123456789abcdef:2", {nothing, nothing});
  CHECK_THAT(resumed, !contains("snapshot") && !contains("{\"n\":2}"));
  CHECK_THAT(resumed, contains("abcdef:3\n") && contains("abcdef:4\n"));
  CHECK_THAT(resumed, contains("event: ring\n"));  // its state is told anew

  for (const char* foreign :
       {"0123456789abcdee:2", "2", ":2", "0123456789abcdef:", "0123456789abcdef:x",
        "0123456789abcdef:5", "0123456789abcdef:99999999999999999999", "0123456789abcdef:-1"}) {
    INFO(foreign);
    CHECK_THAT(stream(backend, foreign, {nothing}), contains("event: snapshot"));
  }
  backend.forget_events();
  CHECK_THAT(stream(backend, "0123456789abcdef:2", {nothing}), contains("event: snapshot"));
}

TEST_CASE("a stream that falls behind the feed gets a new snapshot", "[http][events]") {
  FakeBackend backend;
  const auto text = stream(backend, "",
                           {nothing,
                            [&] {
                              for (int i = 0; i < 9; ++i) backend.add_event("a", "{}");
                              backend.forget_events();
                            },
                            nothing, nothing});
  CHECK(count_of(text, "event: snapshot") == 2);
  CHECK_THAT(text, contains("id: 0123456789abcdef:9\nevent: snapshot"));
}

TEST_CASE("a change of the ring is told once", "[http][events]") {
  FakeBackend backend;
  const auto text = stream(backend, "",
                           {nothing,
                            [&] {
                              backend.change_ring([](RingView& ring) {
                                ++ring.version;
                                ring.peers[0].state = "suspected";
                              });
                            },
                            nothing, nothing});
  CHECK(count_of(text, "event: ring") == 1);
  CHECK_THAT(text, contains("\"state\":\"suspected\""));
}

TEST_CASE("a quiet stream has heartbeats, as comment and as event", "[http][events]") {
  FakeBackend backend;
  const auto text = stream(backend, "", {nothing, nothing, nothing}, 1ms);
  CHECK_THAT(text, contains(": heartbeat\nevent: alive\ndata: {}\n\n"));
  CHECK(count_of(stream(backend, "", {nothing, nothing}), "heartbeat") == 0);
}

TEST_CASE("a stream ends when its outlet does", "[http][events]") {
  FakeBackend backend;
  Page page{std::vector<std::function<void()>>(100, nothing)};
  page.broken = true;
  EventStream{backend, {1ms, kLook, kLook}, {}}.run(page, "");
  CHECK_THAT(page.text, !contains("snapshot"));
}

TEST_CASE("a stream with a rate tells what it leaves out, and leaves out only messages",
          "[http][events]") {
  FakeBackend backend;
  const auto flood = [&] {
    for (int i = 0; i < 100; ++i) backend.add_event("received", R"({"id":"x"})");
    for (int i = 0; i < 20; ++i) backend.add_event("safe", R"({"id":"x"})");
    backend.add_event("link_down", R"({"peer":"10.0.0.1"})");
  };
  const auto wait = [] { std::this_thread::sleep_for(1100ms); };  // the rate is per second
  const auto text = stream(backend, "", {flood, nothing, wait, nothing, nothing}, 1h, {.rate = 30});
  CHECK(count_of(text, "event: received") == 30);
  CHECK(count_of(text, "event: safe") == 0);
  CHECK(count_of(text, "event: link_down") == 1);
  CHECK_THAT(text, contains("event: skipped\ndata: {\"count\":90,\"received\":70}\n\n"));
  const auto whole = stream(backend, "0123456789abcdef:0", {nothing, nothing});
  CHECK(count_of(whole, "event: received") == 100);
  CHECK_THAT(whole, !contains("skipped"));
}

TEST_CASE("messages are told whole once for each news of them, when asked for", "[http][events]") {
  FakeBackend backend;
  const auto add = [&](std::uint64_t counter) {
    MessageView message;
    message.id = {FakeBackend::kBoot, counter};
    message.last = WallTime{static_cast<std::int64_t>(counter)};
    message.trace = {{"pod-9", WallTime{5}}};
    backend.add_message(std::move(message));
  };
  add(1);
  const auto wait = [] { std::this_thread::sleep_for(2 * kLook); };
  const std::vector<std::function<void()>> steps{wait, [&] { add(2); }, wait, wait, wait};
  const auto text = stream(backend, "", steps, 1h, {.rate = {}, .messages = 10});
  CHECK(count_of(text, "event: messages\n") == 1);
  CHECK_THAT(text, contains(R"(event: messages
data: {"messages":[{"id":"0123456789abcdef-2")"));
  CHECK(count_of(text, "\"pod-9\",\"at\":") == 2);
  CHECK(count_of(stream(backend, "", steps), "event: messages\n") == 0);
}
