// What podring top shows, in terminals of all sizes.
#include "top/screen.h"

#include <regex>

#include "support/catch.h"
#include "terminal/text.h"
#include "top/told_ring.h"

using namespace podring;       // NOLINT(google-build-using-namespace): the subject
using namespace podring::top;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

const Connection kLive{true, at({}).steady, {}};

std::string all(const Screen& screen) {
  std::string out;
  for (const std::string& line : screen.lines) out += line + "\n";
  return out;
}
bool has(const std::string& text, const std::string& part) {
  INFO(text);
  INFO(part);
  return text.find(part) != std::string::npos;
}
/// The first line with this word as one of its own; without runs of blanks.
std::string line_of(const Screen& screen, const std::string& word) {
  for (const std::string& line : screen.lines) {
    if (!std::regex_search(line, std::regex{"(^| )" + word + "( |$)"})) continue;
    const std::string one = std::regex_replace(line, std::regex{" +"}, " ");
    return one.substr(0, one.find_last_not_of(' ') + 1);
  }
  return {};
}
Screen draw_at(const Model& model, std::size_t columns, std::size_t rows, Look look = {}) {
  look.columns = columns;
  look.rows = rows;
  return draw(model, kLive, look, at({}).steady);
}

}  // namespace

TEST_CASE("a ring that is well, in a wide terminal", "[top]") {
  const Screen screen = draw_at(model_of(ring_of(3), {message_over(10, 3, 1)}), 160, 30);
  const std::string text = all(screen);
  CHECK(has(text, "ring podring, 3 pods: 3 up"));
  CHECK(has(text, "live from pod-1 (10.42.0.1)"));
  CHECK(has(text, "ok: every pod hands to the next one"));
  CHECK(has(text, "hops 60/s, sent again 0, queue 6, held 9, time per hop 0.500 ms"));
  CHECK(has(text, "this pod: queue 5 of 1,024, held 0, names: answer, 3 addresses 1 s ago"));
  CHECK(line_of(screen, "address") ==
        " # pod address node age state hands to round trip sent again queue held told");
  CHECK(line_of(screen, "10.42.0.1") ==
        "* 1 pod-1 10.42.0.1 node-1 16 min up next 0.400 ms 0 2 3 0 s");
  CHECK(has(text,
            "running    hop 10   lap 0   hello  0000000000000abc-1  "
            "pod-1 > pod-2 > pod-3 > .. > pod-2 > pod-3 > pod-1"));
  CHECK(has(text, "nothing since the stream began"));
  CHECK(screen.lines.size() == 30);
  CHECK(screen.lines.back() == "q quit  p troubled only");
}

TEST_CASE("each state has a mark and a word, so that colour alone says nothing", "[top]") {
  http::RingView ring = ring_of(7);
  suspect(ring, 2, 1);
  ring.peers[1].state = "leaving";
  ring.peers[2].state = "connecting";
  ring.peers[3].state = "stale";
  ring.peers[4].state = "listed";
  ring.peers[5].status->status.successor = pod_address(3);
  const Screen screen = draw_at(model_of(ring), 160, 30);
  CHECK(line_of(screen, "10.42.0.2").starts_with("! 2 pod-2"));
  CHECK(has(line_of(screen, "10.42.0.2"), "suspected pod-1"));
  CHECK(line_of(screen, "10.42.0.3").starts_with("- 3 pod-3"));
  CHECK(line_of(screen, "10.42.0.4").starts_with("~ 4 pod-4"));
  CHECK(line_of(screen, "10.42.0.5").starts_with("? 5 pod-5"));
  CHECK(line_of(screen, "10.42.0.6").starts_with("? 6 pod-6"));
  CHECK(line_of(screen, "10.42.0.7").starts_with("! 7 pod-7"));
  CHECK(has(line_of(screen, "10.42.0.7"), "up pod-3"));
  CHECK(has(all(screen), "2 up, 1 suspected, 1 leaving, 1 connecting, 1 stale, 1 listed"));
  CHECK(has(all(screen), "! 1 suspected: pod-2; 1 leaving: pod-3"));
}

TEST_CASE("retries and lost packets of a link are told", "[top]") {
  http::RingView ring = ring_of(3);
  ring.peers[0].status->status.retries = 30;
  http::LaneView lane;
  lane.state = "open";
  lane.sent = 1'000;
  lane.lost = 20;
  ring.peers[0].udp_to = lane;
  lane.lost = 1;
  ring.peers[0].zmq_to = lane;
  lane.received = 990;
  lane.missing = 10;
  ring.peers[1].udp_from = lane;
  const Screen screen = draw_at(model_of(ring), 160, 30);
  CHECK(has(line_of(screen, "10.42.0.1"), "0.400 ms 0 zmq 0.1 %, udp 2 % 2"));
  CHECK(has(line_of(screen, "10.42.0.2"), "0.400 ms 30 (2.5 %) 2"));
  CHECK(has(line_of(screen, "10.42.0.3"), "0.400 ms 0 udp 1 % 2"));
  CHECK(has(all(screen), "sent again 30 (0.83 %)"));
}

TEST_CASE("figures grow older, and a lost connection is told", "[top]") {
  const Model model = model_of(ring_of(3));
  Look look;
  look.columns = 160;
  look.rows = 30;
  const TimePoint later = at(400s).steady;
  Screen screen = draw(model, {true, later - 7s, {}}, look, later);
  CHECK(has(all(screen), "nothing heard from pod-1 (10.42.0.1) for 7 s"));
  CHECK(line_of(screen, "10.42.0.2") ==
        " 2 pod-2 10.42.0.2 node-1 23 min up next 0.400 ms 0 2 3 6 min");
  screen = draw(model, {false, at(388s).steady, "Connection refused"}, look, later);
  CHECK(
      has(all(screen), "CONNECTION LOST, data of pod-1 (10.42.0.1) 12 s old: Connection refused"));
}

TEST_CASE("no line is wider than the terminal, and no screen higher", "[top]") {
  http::RingView ring = ring_of(40);
  ring.peers[4].pod = "a-deployment-with-a-very-long-name-7d9f8c6b5d-x7k2p";
  suspect(ring, 9, 8);
  ring.dns.detail = "a long reason";
  Model model = model_of(ring, {message_over(400, 40, 1)});
  for (int i = 0; i < 20; ++i)
    model.note("something that takes quite some room", i % 2 == 0, at({}));
  const bool colour = GENERATE(false, true);
  for (std::size_t columns = 20; columns < 220; columns += 7) {
    for (std::size_t rows = 1; rows < 70; rows += 3) {
      Look look;
      look.colour = colour;
      const Screen screen = draw_at(model, columns, rows, look);
      INFO(columns << " x " << rows << "\n" << all(screen));
      REQUIRE(screen.lines.size() == rows);
      for (const std::string& line : screen.lines) {
        const std::string bare = std::regex_replace(line, std::regex{"\x1b\\[[0-9]+m"}, "");
        REQUIRE(terminal::columns_of(bare) <= columns + 2);  // blanks behind a row
        REQUIRE((colour || bare == line));
        REQUIRE(bare.find('\x1b') == std::string::npos);
      }
    }
  }
}

TEST_CASE("a narrow terminal keeps name, state and round trip", "[top]") {
  const Screen screen = draw_at(model_of(ring_of(3)), 40, 24);
  CHECK(line_of(screen, "pod-2") == " pod-2 up 0.400 ms 0");
  CHECK(has(all(screen), "ok: every pod hands to the next one"));
}

TEST_CASE("500 pods scroll, the last page is full, and those in trouble can be shown alone",
          "[top]") {
  http::RingView ring = ring_of(500);
  suspect(ring, 300, 299);
  const Model model = model_of(ring);
  Look look;
  Screen screen = draw_at(model, 100, 40, look);
  CHECK(has(all(screen), "500 pods: 499 up, 1 suspected"));
  CHECK(screen.page == 27);
  CHECK(has(screen.lines.back(), "pods 1 to 27 of 500"));
  CHECK_FALSE(line_of(screen, "pod-27").empty());
  CHECK(line_of(screen, "pod-28").empty());
  look.first = 1'000'000;
  screen = draw_at(model, 100, 40, look);
  CHECK(screen.first == 473);
  CHECK_FALSE(line_of(screen, "pod-474").empty());
  CHECK_FALSE(line_of(screen, "pod-500").empty());
  look.troubled_only = true;
  screen = draw_at(model, 100, 40, look);
  CHECK(screen.first == 0);
  CHECK(screen.page == 1);
  CHECK(has(line_of(screen, "pod-300"), "suspected"));
  CHECK(line_of(screen, "pod-2").empty());
  screen = draw_at(model_of(ring_of(5)), 100, 40, look);
  CHECK(has(all(screen), "every pod is well"));
}

TEST_CASE("without a terminal all pods are printed, whole", "[top]") {
  Look look;
  look.columns = 1'000;
  const Screen screen = draw(model_of(ring_of(300)), kLive, look, at({}).steady);
  CHECK(screen.page == 300);
  CHECK_FALSE(line_of(screen, "pod-300").empty());
  CHECK_FALSE(has(all(screen), "q quit"));
}
