// proto-docs/metrics.md, "Lanes"; log-lines.md, "lane_measured".
#include "app/link_lanes.h"

#include "support/catch.h"

using namespace std::chrono_literals;
using podring::Address, podring::LinkReading, podring::NeighbourLanes, podring::TimePoint;
using podring::lane::LaneState;
using podring::observe::LaneMetrics;

namespace {

constexpr Address kPeer = Address::v4(0x0a2a0002);
constexpr Address kOther = Address::v4(0x0a2a0003);

LinkReading udp(std::uint64_t sent, std::uint64_t lost, std::uint64_t received = 0,
                std::uint64_t expected = 0) {
  LinkReading reading;
  reading.udp.emplace();
  reading.udp->round_trip = 90us;
  reading.udp->path_mtu = 8952;
  reading.udp->counts_arrivals = true;
  reading.udp->counts = {sent, lost, received, expected};
  return reading;
}

LaneMetrics udp_to_successor(const NeighbourLanes& neighbours) {
  return neighbours.metrics().at(1);
}

}  // namespace

TEST_CASE("counts of a lane go on when another peer becomes the successor", "[lanes]") {
  NeighbourLanes neighbours;
  neighbours.to_successor(1, kPeer, udp(0, 0));
  neighbours.to_successor(1, kPeer, udp(100, 7, 50, 60));
  // The new one's link was there before: what it counted then was no successor's.
  neighbours.to_successor(2, kOther, udp(5000, 900));
  neighbours.to_successor(2, kOther, udp(5010, 901));
  const LaneMetrics lane = udp_to_successor(neighbours);
  CHECK(lane.counts.sent == 110);
  CHECK(lane.counts.lost == 8);
  CHECK(lane.counts.received == 50);
  CHECK(lane.counts.expected == 60);
  CHECK(lane.open == true);
  CHECK(lane.path_mtu == 8952);

  SECTION("and when its datagrams begin again") {
    neighbours.to_successor(2, kOther, udp(4, 1));
    CHECK(udp_to_successor(neighbours).counts.sent == 114);
  }
  SECTION("and stay when there is no successor") {
    neighbours.no_successor();
    const LaneMetrics gone = udp_to_successor(neighbours);
    CHECK(gone.counts.sent == 110);
    CHECK_FALSE(gone.open.has_value());
    CHECK(gone.path_mtu == 0);
  }
}

TEST_CASE("each lane of each neighbour has figures of its own", "[lanes]") {
  NeighbourLanes neighbours;
  LinkReading both = udp(0, 0);
  both.zmq.emplace().path_mtu = 1448;
  neighbours.to_successor(1, kPeer, udp(0, 0));
  neighbours.to_predecessor(1, kOther, both);
  both.zmq->counts.sent = 3;
  both.udp->state = LaneState::failed;
  both.udp->counts.sent = 4;
  neighbours.to_predecessor(1, kOther, both);
  const auto all = neighbours.metrics();
  REQUIRE(all.size() == 4);
  CHECK_FALSE(all[0].open.has_value());  // no such lane
  CHECK(all[1].open == true);
  CHECK((all[2].open == true && all[2].counts.sent == 3 && all[2].path_mtu == 1448));
  CHECK((all[3].open == false && all[3].counts.sent == 4));
  CHECK((std::string_view{all[3].link} == "predecessor" && std::string_view{all[3].lane} == "udp"));
}

TEST_CASE("a line a minute tells what has been counted since the one before", "[lanes]") {
  NeighbourLanes neighbours;
  neighbours.to_successor(1, kPeer, udp(0, 0));
  CHECK(neighbours.lines(TimePoint{0s}).empty());
  neighbours.to_successor(1, kPeer, udp(100, 7, 90, 99));
  CHECK(neighbours.lines(TimePoint{59s}).empty());
  auto lines = neighbours.lines(TimePoint{61s});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].peer == kPeer);
  CHECK(std::string_view{lines[0].lane} == "udp");
  CHECK(lines[0].counts.sent == 100);
  CHECK(lines[0].counts.expected == 99);
  CHECK(lines[0].over == 61s);

  neighbours.to_successor(1, kPeer, udp(130, 7));
  CHECK(neighbours.lines(TimePoint{120s}).empty());
  lines = neighbours.lines(TimePoint{121s});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].counts.sent == 30);
  CHECK(lines[0].counts.lost == 0);

  neighbours.no_successor();
  CHECK(neighbours.lines(TimePoint{200s}).empty());
}
