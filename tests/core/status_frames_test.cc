// proto-docs/wire-protocol.md, section 9: who gets `status` frames, and that nothing else minds
// them.
#include <map>

#include "core/codec.h"
#include "core/peer.h"
#include "core/status_exchange.h"
#include "support/catch.h"

using namespace podring;  // NOLINT(google-build-using-namespace): the subject is the namespace
using namespace std::chrono_literals;

namespace {

/// Two peers that see one another; what one sends the other reads at once.
class Pair {
 public:
  Pair() : peers_{make(1), make(2)} {
    const std::vector<Address> view{peers_[0].self().address, peers_[1].self().address};
    for (Peer& peer : peers_) peer.set_fixed_view(now_, view);
    settle();
  }
  Peer& peer(int index) { return peers_[index]; }
  void settle() {
    for (int round = 0; round < 20; ++round) {
      turn(0);
      turn(1);
    }
  }
  void on_status(int from, ByteView told) {
    const auto neighbours = peers_[from].status_neighbours(now_);
    REQUIRE(neighbours.size() == 1);
    peers_[from].send_status(now_, neighbours.front(), told);
    settle();
  }

  Now now_{TimePoint{1h}, {}};
  std::map<int, std::vector<StatusHeard>> heard_;

 private:
  static Peer make(std::uint64_t boot) {
    return Peer{{"pod-" + std::to_string(boot),
                 "",
                 "",
                 Address::v4(0x0a000000U + static_cast<std::uint32_t>(boot)),
                 {boot}},
                {},
                boot};
  }
  void turn(int index) {
    Peer& self = peers_[index];
    Peer& other = peers_[1 - index];
    Outputs& out = self.flush(now_);
    for (StatusHeard& heard : out.statuses) heard_[index].push_back(std::move(heard));
    for (Action& action : out.actions) {
      if (const auto* dial = std::get_if<Dial>(&action)) {
        self.on_link_connected(now_, dial->link);
      } else if (const auto* link = std::get_if<SendLink>(&action)) {
        other.on_route_frame(now_, link->link, self.self().address, link->frame);
      } else if (const auto* route = std::get_if<SendRoute>(&action)) {
        other.on_link_frame(now_, route->route, route->frame);
      }
    }
  }

  Peer peers_[2];
};

}  // namespace

TEST_CASE("neighbours get a status frame over the link and back over it", "[status]") {
  Pair pair;
  for (int index : {0, 1}) {
    const auto neighbours = pair.peer(index).status_neighbours(pair.now_);
    REQUIRE(neighbours.size() == 1);  // successor and predecessor are one process
    CHECK(neighbours.front().successor);
    CHECK(neighbours.front().boot == pair.peer(1 - index).self().boot);
  }
  pair.on_status(0, "over the link");
  REQUIRE(pair.heard_[1].size() == 1);
  CHECK(pair.heard_[1].front().told == "over the link");
  CHECK(pair.heard_[1].front().from == pair.peer(0).self().boot);
  CHECK(pair.peer(1).counters().frames_bad == 0);
}

TEST_CASE("a peer that does not say that it takes status frames gets none", "[status]") {
  Pair pair;
  HelloFrame hello;
  hello.ring = "podring";
  hello.identity = {"pod-0", "", "", Address::v4(0x0a000003), {3}};
  hello.dialled = pair.peer(1).self().address;
  const auto listed = [&] {
    std::size_t count = 0;
    for (const auto& one : pair.peer(1).status_neighbours(pair.now_))
      count += one.boot == hello.identity.boot ? 1 : 0;
    return count;
  };
  pair.peer(1).on_route_frame(pair.now_, 9, hello.identity.address, write_frame({1, 1}, hello));
  CHECK(listed() == 0);
  hello.takes_status = true;
  pair.peer(1).on_route_frame(pair.now_, 9, hello.identity.address, write_frame({1, 2}, hello));
  CHECK(listed() == 1);
  for (int half_second = 0; half_second < 6;
       ++half_second) {  // silent for longer than one that lives
    pair.now_.steady += 500ms;
    pair.peer(1).on_tick(pair.now_);
  }
  CHECK(listed() == 0);
}

TEST_CASE("a client's status frame is nothing", "[status]") {
  Pair pair;
  HelloFrame hello;
  hello.role = Role::client;
  hello.ring = "podring";
  hello.identity = {"inject", "", "", Address::v4(0), {3}};
  hello.dialled = pair.peer(1).self().address;
  pair.peer(1).on_route_frame(pair.now_, 9, Address::v4(0x0a000009), write_frame({1, 1}, hello));
  pair.peer(1).on_route_frame(pair.now_, 9, Address::v4(0x0a000009),
                              write_frame({1, 1}, StatusFrame{"lies"}));
  CHECK(pair.peer(1).flush(pair.now_).statuses.empty());
}

TEST_CASE("a peer tells what the lanes of its present link lost in the last minute", "[status]") {
  Pair pair;
  Peer& peer = pair.peer(0);
  StatusExchange exchange{peer.self(), "1.0.0", pair.now_.steady};
  const auto tell = [&](const LaneTotals& udp) {
    exchange.set_lanes({}, udp);
    pair.now_.steady += 5s;
    exchange.tell(pair.now_, peer);
    return exchange.table().known().at(peer.self().address).status.lanes;
  };
  LaneTotals udp;
  udp.there = true;
  udp.over = 1;
  udp.peer = pair.peer(1).self().address;
  udp.now.path_mtu = 1'472;
  udp.sent = 1'000;
  udp.lost = 500;
  CHECK(tell(udp).udp->lost == 0);  // it counts from where it saw the link first
  udp.sent += 100;
  udp.lost += 35;
  const auto lossy = tell(udp);
  REQUIRE(lossy.udp);
  CHECK_FALSE(lossy.zmq);
  CHECK(lossy.udp->sent == 100);
  CHECK(lossy.udp->lost == 35);
  CHECK(lossy.udp->path_mtu == 1'472);
  SECTION("what was measured of the way to another one is not told of the successor") {
    udp.peer = Address::v4(0x0a000009U);
    CHECK_FALSE(tell(udp).udp);
  }
  SECTION("a minute later it is over") {
    for (int step = 0; step < 12; ++step) (void)tell(udp);
    CHECK(tell(udp).udp->lost == 0);
  }
  SECTION("the link to the next successor has lost nothing of it") {
    udp.over = 2;
    CHECK(tell(udp).udp->lost == 0);
    udp.sent += 10;
    udp.lost += 1;
    CHECK(tell(udp).udp->lost == 1);
  }
  SECTION("a lane that went away begins anew") {
    udp.there = false;
    CHECK_FALSE(tell(udp).udp);
    udp.there = true;
    CHECK(tell(udp).udp->lost == 0);
  }
}
