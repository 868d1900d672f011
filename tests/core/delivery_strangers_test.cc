// proto-docs/delivery.md, section 10: who is believed.
#include "core/codec.h"
#include "support/catch.h"
#include "support/sim_story.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::sim;

namespace {

constexpr Host kStranger = 100;
constexpr RouteId kRoute = 1U << 30;

struct Liar {
  Story& story;
  RouteId route = kRoute;

  HelloFrame hello(char to) const {
    HelloFrame frame;
    frame.ring = story.net.settings(story.at(to)).ring;
    frame.identity.pod = "liar";
    frame.identity.address = SimNet::address_of(kStranger);
    frame.identity.boot = {0xbad};
    frame.dialled = SimNet::address_of(Story::host(to));
    return frame;
  }
  void say(char to, const HelloFrame& frame, std::uint64_t session = 1) {
    story.net.forge(kStranger, route, story.at(to), write_frame({1, session}, frame));
  }
  void hand_over(char to, EnvelopeId id, Address origin, HandOver hand_over,
                 End ended = End::none) {
    EnvelopeHead head;
    head.id = id;
    head.origin = origin;
    head.limit = 1;
    head.ended = ended;
    Bytes envelopes;
    append_envelope(envelopes, make_envelope(head, "a lie"), hand_over);
    story.net.forge(kStranger, route, story.at(to), write_relay({1, 1}, 0, next_++, 1, envelopes));
  }
  std::uint64_t next_ = 0;
};

HandOver hop(std::uint32_t number, std::uint32_t lap) {
  return {.hop = number,
          .lap = lap,
          .time_left_ms = 60'000,
          .append_entry = true,
          .pod = "A",
          .arrived = {}};
}

}  // namespace

TEST_CASE("ids that a peer will give out cannot be used up by somebody else",
          "[delivery][strangers]") {
  Story story{{.hosts = "ABC"}};
  Liar liar{story};
  const Identity& origin = story.net.peer(story.at('A')).self();
  for (const char to : {'B', 'C'}) {
    liar.route = kRoute + static_cast<RouteId>(to);
    liar.say(to, liar.hello(to));
    liar.next_ = 0;
    for (std::uint64_t counter = 1; counter <= 20; ++counter) {
      liar.hand_over(to, {origin.boot, counter}, origin.address, hop(1, 1'000'000));
      liar.hand_over(to, {origin.boot, counter}, origin.address, hop(2, 1));
    }
    CHECK(story.counters(to).envelopes_refused == 40);
  }
  for (int i = 0; i < 10; ++i) {
    const EnvelopeId id = story.seed_laps('A', 1);
    CHECK(story.until_quiet());
    CHECK(story.path(id) == "A B C A");
  }
  CHECK(story.wrong() == "");
}

TEST_CASE("a peer's own ids that it never gave out are refused, from whomever",
          "[delivery][strangers]") {
  Settings settings;
  settings.strangers_relay = true;
  Story story{{.hosts = "AB", .settings = settings}};
  Liar liar{story};
  liar.say('A', liar.hello('A'));
  const Identity& self = story.net.peer(story.at('A')).self();
  liar.hand_over('A', {self.boot, 1}, self.address, hop(3, 1), End::completed);
  liar.hand_over('A', {BootId{7}, 1}, self.address, hop(2, 3));  // more laps than hops
  liar.hand_over('A', {BootId{7}, 1}, self.address, hop(2, 0));  // more hops than its limit of 1
  liar.hand_over('A', {BootId{7}, 1}, self.address, hop(1, 0));  // a first hop of another process
  CHECK(story.counters('A').envelopes_refused == 4);
  CHECK(story.wrong() == "");
}

TEST_CASE("a hello speaks for the address that it comes from", "[delivery][strangers]") {
  Story story{{.hosts = "ABC"}};
  Liar liar{story};
  HelloFrame forged = liar.hello('A');
  SECTION("a member's address") { forged.identity.address = SimNet::address_of(Story::host('B')); }
  SECTION("the reader's own") { forged.identity.address = forged.dialled; }
  SECTION("none") { forged.identity.address = Address::v4(0); }
  SECTION("a member's process and session number, at an own address") {
    forged.identity.boot = story.net.peer(story.at('B')).self().boot;
  }
  const std::uint64_t refused = story.counters('A').hellos_refused;
  liar.say('A', forged, UINT64_MAX);
  CHECK(story.counters('A').hellos_refused == refused + 1);
  story.run(5s);
  CHECK(story.successor('A') == "B");
  CHECK(story.successor('C') == "A");
  CHECK(story.counters('A').suspicions == 0);
  CHECK(story.wrong() == "");
}

TEST_CASE("nobody leaves because somebody else says so", "[delivery][strangers]") {
  Story story{{.hosts = "ABC"}};
  Liar liar{story};
  HelloFrame forged = liar.hello('A');
  forged.leaving = true;
  liar.say('A', forged);
  forged.identity = story.net.peer(story.at('B')).self();
  liar.say('A', forged, 7);
  story.run(1s);
  CHECK(story.successor('A') == "B");
  CHECK(story.view('A') == "ABC");
  CHECK(story.wrong() == "");
}
