// What is put into frames, when and again (proto-docs/delivery.md, section 4): the forwarder with a
// link that the test plays. No membership, no hello.
#include "core/forwarder.h"

#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

const Address kOwn = Address::v4(0x0a000001);
const Address kNext = Address::v4(0x0a000002);

Settings settings() {
  Settings settings;
  settings.frame_bytes = 2048;
  settings.report_visits = false;
  return settings;
}

struct Fixture {
  Local local{{"own", "", "", kOwn, {1}}, settings()};
  Turn turn{1};
  RelayCodecs codecs;
  OutSessions out{local, turn};
  InSessions in{local, turn};
  Delivery delivery{local, turn, codecs, out, in};
  Forwarder forwarder{local, turn, codecs, delivery, out};
  std::uint64_t counter = 0;
  std::vector<Bytes> kept;

  explicit Fixture(Credit credit = {1000, 1'000'000}) {
    turn.now.steady = TimePoint{100s};
    out.dial(kNext);
    HelloFrame hello;
    hello.identity = {"next", "", "", kNext, {2}};
    hello.credit_envelopes = credit.envelopes;
    hello.credit_bytes = credit.bytes;
    out.on_connected(link(), {});
    out.on_up(link(), hello, 1);
    out.set_target(kNext);
    turn.out.actions.clear();
  }
  OutSession& link() { return *out.find(kNext); }
  void seed(std::size_t bytes = 100, std::uint32_t ttl_ms = 60'000) {
    EnvelopeHead head;
    head.id = {{1}, ++counter};
    head.origin = kOwn;
    head.time_left_ms = ttl_ms;
    Envelope envelope = make_envelope(head, std::string(bytes, 'x'));
    delivery.accept_seed(envelope, kOwn);
  }
  /// First number and count of each relay frame since the last call.
  std::vector<std::pair<std::uint64_t, std::size_t>> relays() {
    std::vector<std::pair<std::uint64_t, std::size_t>> all;
    for (const Action& action : turn.out.actions) {
      const auto* send = std::get_if<SendLink>(&action);
      AnyFrame frame;
      if (send == nullptr || !read_frame(send->frame, frame) || frame.type != FrameType::relay)
        continue;
      CHECK(send->frame.size() <= local.settings.frame_bytes + 300);
      all.emplace_back(frame.relay.first, frame.relay.envelopes.size());
    }
    turn.out.actions.clear();
    return all;
  }
  void receive(std::uint64_t first, std::uint64_t last, AckLevel word = AckLevel::received) {
    delivery.on_ack(link(), {1000, 1'000'000, {{word, {first, last}}}, 0});
  }
  using Relays = std::vector<std::pair<std::uint64_t, std::size_t>>;
};

}  // namespace

TEST_CASE("what waits goes in frames that stop growing at their bound", "[forwarder]") {
  Fixture f;
  for (int i = 0; i < 12; ++i) f.seed(400);  // four of them fit
  f.forwarder.send_queue(f.link());
  CHECK(f.relays() == Fixture::Relays{{0, 4}, {4, 4}, {8, 4}});
  CHECK(f.link().timers.is_on(LinkTimer::resend));
  CHECK(f.delivery.queue().empty());
  CHECK(f.delivery.queue().used() == 12);  // until the next one has them
  f.receive(0, 11);
  CHECK(f.delivery.queue().used() == 0);
  f.delivery.check_invariants();
}

TEST_CASE("no more is sent than there is credit for, but for one in a time-out", "[forwarder]") {
  Fixture f{{2, 1'000'000}};
  for (int i = 0; i < 4; ++i) f.seed();
  f.forwarder.send_queue(f.link());
  CHECK(f.relays() == Fixture::Relays{{0, 2}});
  CHECK(f.forwarder.next_deadline(false) == TimePoint::max());  // resending is the attempt
  f.delivery.on_ack(f.link(), {0, 0, {{AckLevel::received, {0, 1}}}, 0});
  f.forwarder.send_queue(f.link());
  CHECK(f.relays().empty());
  const TimePoint offer_at = f.forwarder.next_deadline(false);
  REQUIRE(offer_at < f.turn.steady() + 2s);
  f.turn.now.steady = offer_at;
  f.forwarder.send_queue(f.link());
  CHECK(f.relays() == Fixture::Relays{{2, 1}});
}

TEST_CASE("what the next one does not say it has is sent again under its number", "[forwarder]") {
  Fixture f;
  for (int i = 0; i < 5; ++i) f.seed();
  f.forwarder.send_queue(f.link());
  (void)f.relays();
  f.receive(1, 2);
  SECTION("after the time-out") {
    f.forwarder.resend(f.link());
    CHECK(f.relays() == Fixture::Relays{{0, 1}, {3, 2}});
    CHECK(f.turn.counters.hops_resent == 3);
  }
  SECTION("at once, when a lane has lost its frame") {
    f.forwarder.on_lost(f.link(), {2, 2});
    CHECK(f.relays() == Fixture::Relays{{3, 1}});
  }
}

TEST_CASE("a dead session's envelopes go to the front of the queue, in their order",
          "[forwarder]") {
  Fixture f;
  for (int i = 0; i < 3; ++i) f.seed();
  f.forwarder.send_queue(f.link());
  f.receive(0, 1);                  // received is not released
  f.receive(1, 1, AckLevel::safe);  // this one is
  f.seed();
  CHECK(f.forwarder.reroute(f.link()) == 2);
  CHECK(f.turn.counters.detours == 2);
  std::vector<std::uint64_t> order;
  f.delivery.queue().for_each([&](EntryIndex index) {
    order.push_back(f.delivery.custody()[index].envelope.head.id.counter);
  });
  CHECK(order == std::vector<std::uint64_t>{1, 3, 4});
  CHECK(f.link().window.empty());
}

TEST_CASE("what waits too long expires where it waits", "[forwarder]") {
  Fixture f;
  f.seed(100, 1000);
  f.seed(100, 60'000);
  f.turn.now.steady += 1s;
  SECTION("when its turn comes") {
    f.forwarder.send_queue(f.link());
    CHECK(f.relays() == Fixture::Relays{{0, 1}});
  }
  SECTION("or before") { f.forwarder.expire_queue(); }
  CHECK(f.turn.counters.expired == 1);
}

TEST_CASE("alone, a peer hands to itself until the envelope ends", "[forwarder]") {
  Fixture f;
  f.seed();  // 10 hops
  CHECK(f.forwarder.next_deadline(true) == f.turn.steady());
  f.forwarder.hand_to_self();
  CHECK(f.turn.counters.completed == 1);
  CHECK(f.turn.counters.visits == 11);
  CHECK(f.turn.counters.safe == 0);  // it adds no replica
}
