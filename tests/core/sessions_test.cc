// The two tables of sessions, each by itself (proto-docs/wire-protocol.md, sections 3 and 7).
#include "core/in_sessions.h"
#include "core/out_sessions.h"
#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

const Address kOwn = Address::v4(0x0a000001);
const Address kOther = Address::v4(0x0a000002);

Settings settings() {
  Settings settings;
  settings.sessions_max = 2;
  return settings;
}

struct Fixture {
  Local local{{"own", "", "", kOwn, {1}}, settings()};
  Turn turn{1};
  OutSessions out{local, turn};
  InSessions in{local, turn};

  Fixture() { turn.now.steady = TimePoint{100s}; }

  static HelloFrame hello(std::uint64_t boot) {
    HelloFrame hello;
    hello.identity = {"other", "", "", kOther, {boot}};
    hello.credit_envelopes = hello.credit_bytes = 1000;
    return hello;
  }
  /// The frames that were sent since the last call.
  std::vector<AnyFrame> frames() {
    std::vector<AnyFrame> all;
    for (const Action& action : turn.out.actions) {
      const auto* link = std::get_if<SendLink>(&action);
      const auto* route = std::get_if<SendRoute>(&action);
      if (link == nullptr && route == nullptr) continue;
      kept.push_back(link != nullptr ? link->frame : route->frame);
      REQUIRE(read_frame(kept.back(), all.emplace_back()));
    }
    turn.out.actions.clear();
    return all;
  }
  OutSession& link_up() {
    out.dial(kOther);
    OutSession& link = *out.find(kOther);
    out.on_connected(link, {10, 1000});
    out.on_up(link, hello(2), 1);
    (void)frames();
    return link;
  }
  SessionIndex open(RouteId route, std::uint64_t session, std::uint64_t boot) {
    return in.open(route, hello(boot).identity.address, session, hello(boot), 1).index;
  }
  InSessions::Opening how(RouteId route, std::uint64_t session, std::uint64_t boot) {
    return in.open(route, hello(boot).identity.address, session, hello(boot), 1).how;
  }
  std::vector<Bytes> kept;
};

using Opening = InSessions::Opening;

}  // namespace

TEST_CASE("a link greets when it is connected, and again until it is answered", "[sessions]") {
  Fixture f;
  f.out.dial(kOther);
  OutSession& link = *f.out.find(kOther);
  CHECK(f.out.next_deadline() == f.turn.steady() + f.local.settings.hello_timeout);
  f.out.on_connected(link, {10, 1000});
  CHECK(f.frames().at(0).hello.credit_envelopes == 10);
  CHECK(f.out.next_deadline() == f.turn.steady() + 200ms);
  f.turn.now.steady += 200ms;
  f.out.say_hello(link, {10, 1000});
  CHECK(f.out.next_deadline() == f.turn.steady() + 200ms);
  f.out.on_up(link, Fixture::hello(2), 1);
  CHECK(link.is_up());
  CHECK(f.out.next_deadline() == f.turn.steady() + f.local.settings.ping_every);
}

TEST_CASE("a frame puts silence off, and a peer that is late itself blames nobody", "[sessions]") {
  Fixture f;
  OutSession& link = f.link_up();
  link.timers.stop(LinkTimer::ping);
  const TimePoint silence = f.turn.steady() + f.local.settings.silent_after;
  CHECK(f.out.next_deadline() == silence);
  f.turn.now.steady += 1s;
  f.out.on_heard(link);
  CHECK(f.out.next_deadline() == silence + 1s);
  f.out.put_off(500ms);
  CHECK(f.out.next_deadline() == silence + 1500ms);
}

TEST_CASE("the next successor's link is the target, and the old one begins to be idle",
          "[sessions]") {
  Fixture f;
  OutSession& link = f.link_up();
  CHECK(f.out.target() == nullptr);
  CHECK(f.out.set_target(kOther));
  CHECK_FALSE(f.out.set_target(kOther));
  CHECK(f.out.target() == &link);
  f.turn.now.steady += 5s;
  CHECK(f.out.set_target(std::nullopt));
  CHECK(link.idle_since == f.turn.steady());
  f.out.hang_up(link.id);
  CHECK(f.out.find(kOther) == nullptr);
}

TEST_CASE("what is received and not released is asked for, in ranges", "[sessions]") {
  Fixture f;
  OutSession& link = f.link_up();
  for (EntryIndex i = 0; i < 6; ++i) link.window.push(f.turn.steady(), i, 100);
  for (const std::uint64_t n : {0U, 1U, 3U, 5U})
    link.window.on_received(f.turn.steady(), link.window.at(n));
  link.window.release(5);
  f.turn.now.steady += 1s;
  f.out.ask(link);
  const std::vector<AnyFrame> sent = f.frames();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].ping.asks == std::vector<SequenceRange>{{0, 1}, {3, 3}});
  CHECK(f.turn.counters.asks == 3);
  CHECK(link.timers.is_on(LinkTimer::ask));
}

TEST_CASE("a pong measures its ping, and a new one only", "[sessions]") {
  Fixture f;
  OutSession& link = f.link_up();
  f.out.ping(link, {});
  const std::uint64_t token = f.frames().at(0).ping.token;
  f.turn.now.steady += 3ms;
  f.out.on_pong(link, {token + 1, 5, 500});
  CHECK(link.window.credit() == Credit{5, 500});
  CHECK_FALSE(link.round_trip.smoothed());
  f.out.on_pong(link, {token, 5, 500});
  CHECK(link.pings.round_trip.smoothed() == std::optional<Duration>{3ms});
}

TEST_CASE("a session is a process, a route and a number", "[sessions]") {
  Fixture f;
  const SessionIndex first = f.open(1, 10, 2);
  CHECK(f.in.find(1, 10) == first);
  CHECK(f.in.find(1, 11) == kNoSession);
  CHECK(f.in.find(2, 10) == kNoSession);
  CHECK(f.open(1, 10, 2) == first);  // the same hello again
  CHECK(f.how(2, 10, 2) == Opening::elsewhere);
  CHECK(f.how(1, 9, 2) == Opening::late);
  const std::uint32_t generation = f.in[first].generation;
  const SessionIndex next = f.open(1, 11, 2);  // a new number: the old session is over
  CHECK(f.in.find(1, 10) == kNoSession);
  CHECK(f.in.find(1, 11) == next);
  CHECK_FALSE(f.in.is_waiting({first, generation, 0}));
}

TEST_CASE("at the bound the session that has been silent the longest makes a place", "[sessions]") {
  Fixture f;
  for (const std::uint64_t boot : {2U, 3U}) {
    const SessionIndex index = f.open(static_cast<RouteId>(boot), 10, boot);
    f.in.answer(index, Fixture::hello(boot), {});
    f.turn.now.steady += 1ms;
  }
  CHECK(f.how(4, 10, 4) == Opening::too_many);
  f.turn.now.steady += f.local.settings.silent_after;
  CHECK(f.how(4, 10, 4) == Opening::taken);
  CHECK(f.in.find(2, 10) == kNoSession);
  CHECK(f.in.find(3, 10) != kNoSession);
  CHECK(f.turn.counters.sessions_evicted == 1);
}

TEST_CASE("acks go when they are due, and credit that comes back is told at once", "[sessions]") {
  Fixture f;
  const SessionIndex index = f.open(1, 10, 2);
  f.in.answer(index, Fixture::hello(2), {});  // no credit
  (void)f.frames();
  (void)f.in[index].window.reach(1);
  const auto set = [&](std::uint64_t sequence) {
    f.in.set({index, f.in[index].generation, sequence}, {AckLevel::received});
  };
  set(0);
  f.in.write_acks({});
  CHECK(f.frames().at(0).ack.ranges == std::vector<AckRange>{{AckLevel::received, {0, 0}}});
  f.in.write_acks({});
  CHECK(f.frames().empty());
  f.in.write_acks({100, 1000});
  CHECK(f.frames().at(0).ack.ranges.empty());
  set(1);
  f.in.write_acks({100, 1000});
  CHECK(f.frames().empty());  // not yet
  CHECK(f.in.next_ack() == f.turn.steady() + f.local.settings.ack_every);
  f.turn.now.steady += f.local.settings.ack_every;
  f.in.write_acks({100, 1000});
  CHECK(f.frames().at(0).ack.ranges == std::vector<AckRange>{{AckLevel::received, {1, 1}}});
  CHECK_FALSE(f.in.has_unreported());
}
