// What podring top knows: the state is the stream's, as on the page (proto-docs/openapi.yaml,
// GET /events).
#include "top/model.h"

#include "support/catch.h"
#include "top/told_ring.h"

using namespace podring;       // NOLINT(google-build-using-namespace): the subject
using namespace podring::top;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

TEST_CASE("a snapshot tells the whole ring, in ring order", "[top]") {
  const Model model = model_of(ring_of(3), {message_over(4, 3, 1)});
  REQUIRE(model.ring());
  const std::vector<Pod>& pods = model.ring()->pods;
  REQUIRE(pods.size() == 3);
  CHECK(pods[0].self);
  CHECK(pods[0].name == "pod-1");
  CHECK(pods[2].address == "10.42.0.3");
  CHECK(pods[2].state == "up");
  CHECK(pods[1].figures->round_trip == 400us);
  CHECK(pods[1].figures->uptime == 1'000s);
  CHECK(model.target_of(pods[0]) == "10.42.0.2");
  CHECK(model.target_of(pods[2]) == "10.42.0.1");
  CHECK(model.troubles().empty());
  REQUIRE(model.messages().size() == 1);
  CHECK(model.messages()[0].id == "0000000000000abc-1");
  CHECK(model.hop_time() == Duration{500us});
}

TEST_CASE("nothing counts before a snapshot, and another one starts anew", "[top]") {
  Model model;
  CHECK(model.take("ring", told(ring_of(3)), at({})));
  CHECK_FALSE(model.ring());
  CHECK(model.take("snapshot", snapshot(ring_of(3), {message_over(4, 3, 1)}), at({})));
  CHECK(model.take("link_down", R"({"ts":"2026-01-02T03:04:05.1Z","peer":"10.42.0.2"})", at({})));
  CHECK(model.take("snapshot", snapshot(ring_of(2)), at(1s)));
  CHECK(model.ring()->pods.size() == 2);
  CHECK(model.messages().empty());
  CHECK(model.news().size() == 1);  // the same process's
  http::RingView other = ring_of(2);
  other.self.boot = BootId{0xdef};
  CHECK(model.take("snapshot", snapshot(other), at(2s)));
  CHECK(model.news().empty());
}

TEST_CASE("what keeps a ring from being whole is named", "[top]") {
  http::RingView ring = ring_of(8);
  SECTION("a suspected pod, and who is passed over holds nobody") {
    suspect(ring, 3, 2);
    ring.peers[0].status->status.successor = pod_address(4);  // pod-2's
    const Model model = model_of(ring);
    CHECK(model.troubles() == std::vector<std::string>{"1 suspected: pod-3"});
    CHECK(model.target_of(model.ring()->pods[1]) == "10.42.0.4");
    CHECK(model.target_of(model.ring()->pods[2]).empty());
  }
  SECTION("the pod that tells it is itself suspected") {
    ring.suspected_by = {pod_address(8)};
    const Model model = model_of(ring);
    CHECK(model.self().state == "suspected");
    CHECK(model.troubles() == std::vector<std::string>{"1 suspected: pod-1"});
  }
  SECTION("many are counted, some are named") {
    for (unsigned i = 2; i <= 6; ++i) ring.peers[i - 2].state = "leaving";
    CHECK(model_of(ring).troubles() ==
          std::vector<std::string>{"5 leaving: pod-2, pod-3, pod-4 and 2 more"});
  }
  SECTION("a pod of which nothing is heard") {
    ring.peers[3].status.reset();
    ring.peers.pop_back();
    const Model model = model_of(ring);
    CHECK(model.ring()->pods[7].state == "listed");
    CHECK(model.troubles() == std::vector<std::string>{"of 2 nothing is heard: pod-5, 10.42.0.8"});
  }
  SECTION("a pod that passes over a healthy one, and one with another view") {
    ring.peers[2].status->status.successor = pod_address(6);  // pod-4's
    ring.peers[4].status->status.digest = 8;                  // pod-6's
    CHECK(model_of(ring).troubles() == std::vector<std::string>{"1 not handing to the next: pod-4",
                                                                "1 with another view: pod-6"});
  }
}

TEST_CASE("a pod alone hands to itself and is whole", "[top]") {
  CHECK(model_of(ring_of(1)).troubles().empty());
}

TEST_CASE("suspicion is news when it begins and when it ends, and once each", "[top]") {
  Model model = model_of(ring_of(4));
  http::RingView ring = ring_of(4);
  suspect(ring, 3, 2);
  for (int i = 0; i < 3; ++i) REQUIRE(model.take("ring", told(ring), at(1s)));
  REQUIRE(model.news().size() == 1);
  CHECK(model.news()[0].text == "pod-3 is suspected by pod-2");
  CHECK(model.news()[0].bad);
  REQUIRE(model.take("ring", told(ring_of(4)), at(2s)));
  REQUIRE(model.news().size() == 2);
  CHECK(model.news()[0].text == "pod-3 is suspected by nobody any more");
}

TEST_CASE("events of the log become sentences; what is not known is told as it is", "[top]") {
  Model model = model_of(ring_of(3));
  const auto news = [&](const char* type, const char* data) {
    CHECK(model.take(type, data, at({})));
    return model.news().front();
  };
  const News down = news(
      "link_down",
      R"({"ts":"2026-01-02T03:04:05.6Z","peer":"10.42.0.2","reason":"broken","handed_back":2})");
  CHECK(down.time == "03:04:05");
  CHECK(down.bad);
  CHECK(down.text == "link to 10.42.0.2 is down: broken, 2 messages handed on elsewhere");
  CHECK_FALSE(news("link_down", R"({"peer":"10.42.0.2","reason":"idle"})").bad);
  CHECK(news("view", R"({"size":9,"added":["a","b","c","d","e"],"removed":[]})").text ==
        "view: 9 pods, added a, b, c and 2 more");
  CHECK(news("successor", R"({"successor":null})").text == "no successor");
  CHECK(news("novelty", R"({"ts":"2026-01-02T03:04:05.6Z","seq":4,"size":2,"what":"x"})").text ==
        "novelty size=2 what=x");
  const std::size_t count = model.news().size();
  for (const char* often : {"seeded", "safe", "completed", "alive", "lane_measured"}) {
    CHECK(model.take(often, "{}", at({})));
  }
  CHECK(model.news().size() == count);
}

TEST_CASE("visits are counted, also those that were left out", "[top]") {
  Model model = model_of(ring_of(3));
  CHECK_FALSE(model.visits());
  CHECK(model.take("received", "{}", at({})));
  CHECK(model.take("skipped", R"({"count":30,"received":19})", at(500ms)));
  model.tick(at(2s).steady);
  REQUIRE(model.visits());
  CHECK(*model.visits() == Approx(10));
  model.tick(at(4s).steady);
  CHECK(*model.visits() == Approx(5));
}

TEST_CASE("the message with the latest news is first, and stands there once", "[top]") {
  Model model = model_of(ring_of(3), {message_over(2, 3, 2), message_over(2, 3, 1)});
  http::MessageView again = message_over(3, 3, 1);
  again.ended = End::completed;
  CHECK(model.take("messages", told({message_over(1, 3, 3), again}), at(1s)));
  REQUIRE(model.messages().size() == 3);
  CHECK(model.messages()[0].id == "0000000000000abc-3");
  CHECK(model.messages()[1].id == "0000000000000abc-1");
  CHECK(model.messages()[1].state == "completed");
  CHECK(model.messages()[1].trace.size() == 3);
}

TEST_CASE("a trace that went all the way round names pods that no link tells", "[top]") {
  http::RingView ring = ring_of(5);
  for (const std::size_t i : {1U, 2U}) ring.peers[i].pod.clear();  // pods 3 and 4
  Model model = model_of(ring);
  CHECK(model.name_of("10.42.0.3") == "10.42.0.3");
  CHECK(model.take("messages", told({message_over(5, 5, 1)}), at(1s)));
  CHECK(model.name_of("10.42.0.3") == "10.42.0.3");  // not yet round
  CHECK(model.take("messages", told({message_over(6, 5, 1)}), at(2s)));
  CHECK(model.name_of("10.42.0.3") == "pod-3");
  CHECK(model.take("ring", told(ring), at(3s)));  // which still does not tell them
  CHECK(model.ring()->pods[3].name == "pod-4");
}

TEST_CASE("names and texts of other machines cannot drive the terminal", "[top]") {
  http::RingView ring = ring_of(2);
  ring.peers[0].pod = "pod\x1b[2J";
  http::MessageView message = message_over(1, 2, 1);
  message.message = "a\nb\x1b]0;title\x07" + std::string(5'000, 'x');
  Model model = model_of(ring, {message});
  CHECK(model.ring()->pods[1].name == "pod\\u001b[2J");
  CHECK(model.messages()[0].text.starts_with("a\\nb\\u001b]0;title\\u0007x"));
  CHECK(model.messages()[0].text.size() < 1'100);
  CHECK(model.take("new\x1b[A", "{\"x\\u001b\":\"\\u009b2J\"}", at({})));
  CHECK(model.news()[0].text == "new\\u001b[A x\\u001b=\\u009b2J");
}

TEST_CASE("what podring does not say is refused and changes nothing", "[top]") {
  Model model = model_of(ring_of(3));
  for (const char* data :
       {"", "{", "[]", "null", "{\"peers\":7}", "{\"leaving\":false,\"address\":\"a\"}",
        "{\"leaving\":false,\"address\":\"a\",\"view\":[],\"queue_used\":-1}"}) {
    INFO(data);
    CHECK_FALSE(model.take("ring", data, at({})));
    CHECK_FALSE(model.take("snapshot", data, at({})));
  }
  CHECK_FALSE(model.take("skipped", "{\"received\":-1}", at({})));
  CHECK_FALSE(model.take("link_down", "nothing", at({})));
  CHECK(model.ring()->pods.size() == 3);
  // A pod that does not list itself is still there.
  http::RingView astray = ring_of(3);
  astray.view = {pod_address(9)};
  CHECK(model.take("ring", told(astray), at({})));
  CHECK(model.self().name == "pod-1");
}
