// Parts of the node that need no sockets: what HTTP threads see, and what becomes of their seeds.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "app/backend.h"
#include "app/node_seeds.h"
#include "app/node_view.h"
#include "core/codec.h"
#include "net/loop_clock.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::EnvelopeId, podring::Now, podring::TimePoint;
using podring::http::SeedOrder, podring::http::SeedStage, podring::http::SeedTicket;

namespace {

const podring::Identity kSelf{"p1", "uid", "", podring::Address::v4(0x0a2a0001), {7}};

Now at(podring::Duration since_start) { return {TimePoint{since_start}, {}}; }

struct Seeding {
  Seeding() { peer.set_fixed_view(at(0s), {}); }
  std::shared_ptr<SeedTicket> seed(std::uint32_t count, bool receipt = false) {
    auto ticket = std::make_shared<SeedTicket>();
    SeedOrder order;
    order.message = "hello";
    order.count = count;
    order.hops = 1;
    order.receipt = receipt;
    seeds.seed(at(0s), peer, order, ticket);
    return ticket;
  }
  podring::Peer peer{kSelf, {}, 1};
  podring::NodeSeeds seeds;
};

SeedTicket::Outcome now_at(SeedTicket& ticket, SeedStage stage) {
  return ticket.wait(stage, std::chrono::steady_clock::time_point{}, [] { return false; });
}

}  // namespace

TEST_CASE("a seed is told that it is safe when the line that says so is written, not before",
          "[node]") {
  Seeding seeding;
  const auto ticket = seeding.seed(2);
  REQUIRE(now_at(*ticket, SeedStage::accepted) == SeedTicket::Outcome::reached);
  const auto ids = ticket->ids();
  REQUIRE(ids.size() == 2);
  seeding.seeds.note(podring::SafeConfirmed{ids[0], 1});
  seeding.seeds.note(podring::SafeConfirmed{ids[1], 2});
  seeding.seeds.on_logged(1);
  CHECK(now_at(*ticket, SeedStage::safe) == SeedTicket::Outcome::timed_out);
  seeding.seeds.on_logged(2);
  CHECK(now_at(*ticket, SeedStage::safe) == SeedTicket::Outcome::reached);
}

TEST_CASE("a receipt brings the end and its trace, after the lines before it", "[node]") {
  Seeding seeding;
  const auto ticket = seeding.seed(1, /*receipt=*/true);
  const EnvelopeId id = ticket->ids().at(0);
  podring::Envelope envelope = podring::make_envelope({}, "hello");
  envelope.head.id = id;
  seeding.seeds.note(podring::SafeConfirmed{id, 3});
  seeding.seeds.note(podring::ReceiptArrived{envelope, podring::End::completed});
  CHECK(now_at(*ticket, SeedStage::completed) == SeedTicket::Outcome::timed_out);
  seeding.seeds.on_logged(3);
  REQUIRE(now_at(*ticket, SeedStage::completed) == SeedTicket::Outcome::reached);
  CHECK(ticket->ends().at(0).end == podring::End::completed);
}

TEST_CASE("a seed that the core refuses is refused with its words", "[node]") {
  Seeding seeding;
  (void)seeding.seed(1000);
  const auto ticket = seeding.seed(1000);  // the queue holds 1,024
  CHECK(now_at(*ticket, SeedStage::accepted) == SeedTicket::Outcome::refused);
  REQUIRE(ticket->refusal());
  CHECK(ticket->refusal()->first == podring::http::SeedRefusal::ring_full);
  CHECK_FALSE(ticket->refusal()->second.empty());
}

TEST_CASE("a client that has gone is not seeded for", "[node]") {
  Seeding seeding;
  const auto ticket = std::make_shared<SeedTicket>();
  REQUIRE(ticket->cancel());
  seeding.seeds.seed(at(0s), seeding.peer, {}, ticket);
  CHECK(seeding.peer.counters().seeds_accepted == 0);
}

TEST_CASE("followed ids are bounded: the oldest are forgotten and counted", "[node]") {
  podring::Settings settings;
  settings.queue = 100'000;
  podring::Peer peer{kSelf, settings, 1};
  const std::vector<podring::Address> view{kSelf.address, podring::Address::v4(0x0a2a0002)};
  peer.set_fixed_view(at(0s), view);
  podring::NodeSeeds seeds;
  std::vector<std::shared_ptr<SeedTicket>> tickets;
  SeedOrder order;
  order.message = "x";
  order.count = 1000;
  for (int i = 0; i < 66; ++i) {
    tickets.push_back(std::make_shared<SeedTicket>());
    seeds.seed(at(0s), peer, order, tickets.back());
    REQUIRE(now_at(*tickets.back(), SeedStage::accepted) == SeedTicket::Outcome::reached);
  }
  CHECK(seeds.take_forgotten() == 66'000 - podring::NodeSeeds::kFollowedMax);
  CHECK(seeds.take_forgotten() == 0);
  const EnvelopeId newest = tickets.back()->ids().back();
  seeds.note(podring::SafeConfirmed{newest, 1});
  seeds.on_logged(1);  // the newest are still followed; the first one is not
  seeds.note(podring::SafeConfirmed{tickets.front()->ids().front(), 2});
  seeds.on_logged(2);
  CHECK(now_at(*tickets.front(), SeedStage::safe) == SeedTicket::Outcome::timed_out);
}

TEST_CASE("the backend tells how long the loop has not turned, without asking the loop", "[node]") {
  podring::Loop loop;
  podring::observe::Recents recents{kSelf};
  podring::observe::Feed feed{kSelf};
  podring::NodeBackend backend{loop, recents, feed, {}};
  backend.turned(podring::LoopClock{}.read().steady - 11s);
  CHECK(backend.health().loop_idle >= 11s);
  backend.turned(podring::LoopClock{}.read().steady);
  CHECK(backend.health().loop_idle < 11s);
}

TEST_CASE("seeds beyond what may wait for the loop are refused at once", "[node]") {
  podring::Loop loop;
  podring::observe::Recents recents{kSelf};
  podring::observe::Feed feed{kSelf};
  std::size_t seeded = 0;
  podring::NodeBackend backend{
      loop,
      recents,
      feed,
      {.seed = [&](const auto&, const auto&) { ++seeded; }, .shed = [](auto&&, auto&&) {}}};
  for (std::size_t i = 0; i < podring::Loop::kPostedMax; ++i) {
    backend.seed({}, std::make_shared<SeedTicket>());
  }
  const auto ticket = std::make_shared<SeedTicket>();
  backend.seed({}, ticket);
  CHECK(now_at(*ticket, SeedStage::accepted) == SeedTicket::Outcome::refused);
  loop.wait(0s);
  loop.dispatch();
  CHECK(seeded == podring::Loop::kPostedMax);
}

TEST_CASE("the loop's worst lateness is remembered for 30 to 60 s", "[node]") {
  podring::LoopLateness lateness;
  lateness.turned(TimePoint{1s}, 300ms);
  lateness.turned(TimePoint{20s}, 1ms);
  CHECK(lateness.metrics().late_max == 300ms);
  lateness.turned(TimePoint{31s}, 2ms);
  CHECK(lateness.metrics().late_max == 300ms);
  lateness.turned(TimePoint{62s}, 3ms);
  CHECK(lateness.metrics().late_max == 3ms);
  CHECK(lateness.metrics().late_sum == 306ms);
  CHECK(lateness.metrics().turns == 4);
}

TEST_CASE("what the transport sheds is told once for each kind, with its count", "[node]") {
  podring::TransportSheds sheds;
  podring::TransportCounters counters;
  counters.sends_full = 3;
  counters.sends_unreachable = 5;  // connections end; no trouble
  auto lines = sheds.look(TimePoint{10s}, counters);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].what == "sends_full");
  CHECK(lines[0].detail.starts_with("3: "));
  CHECK_FALSE(sheds.due(TimePoint{10s + 999ms}));
  CHECK(sheds.due(TimePoint{11s}));
  CHECK(sheds.look(TimePoint{11s}, counters).empty());
}

TEST_CASE("the ring's version grows with its neighbours, not with figures", "[node]") {
  podring::Config config;
  podring::NodeView view{config, kSelf};
  podring::Status status;
  status.view = {kSelf.address};
  const auto first = view.ring(status, {});
  status.queue_used = 7;
  CHECK(view.ring(status, {})->version == first->version);
  podring::LinkStatus link;
  link.address = podring::Address::v4(0x0a2a0002);
  link.up = true;
  status.links.push_back(link);
  const auto second = view.ring(status, {});
  CHECK(second->version > first->version);
  REQUIRE(second->peers.size() == 1);
  CHECK(second->peers[0].state == "up");
  status.links[0].suspected = true;
  CHECK(view.ring(status, {})->peers[0].state == "suspected");
}
