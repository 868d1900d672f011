// Two ends of a lane and a wire between them that delays, loses, doubles and has holes.
// proto-docs/datagrams.md, sections 3 and 4.
#include "lane/lane.h"

#include <array>
#include <map>
#include <set>

#include "support/catch.h"

using namespace podring;
using namespace podring::lane;
using namespace std::chrono_literals;

namespace {

struct WireOptions {
  std::uint64_t seed = 1;
  std::uint32_t loss_pm = 0;
  std::uint32_t double_pm = 0;
  Duration delay_min = 50us;
  Duration delay_max = 200us;
  std::size_t largest = 2000;       ///< larger datagrams vanish
  std::uint32_t room = 256 * 1024;  ///< of each end
};

LaneOffer offer_of(std::uint32_t lane, std::uint32_t room) {
  LaneOffer offer;
  offer.lane = lane;
  offer.datagram_max = 9000;
  offer.window = room;
  return offer;
}

class Pair {
 public:
  explicit Pair(WireOptions options)
      : options_{options},
        random_{options.seed},
        ends_{Lane{now_, offer_of(1, options.room), 9000, 11},
              Lane{now_, offer_of(0, options.room), 9000, 22}} {}

  Lane& operator[](std::size_t end) { return ends_[end]; }
  WireOptions& wire() { return options_; }
  std::array<bool, 2> blocked{};  ///< what this end sends is lost

  /// Sends by the lane, or by the stream that always works when the lane does not take it.
  void send(std::size_t end, const Bytes& frame) {
    Bytes copy = frame;
    const SendId id{sent_.size(), 1};
    if (!ends_[end].send(id, copy)) {
      by_stream_.push_back(frame);
    } else {
      sent_.push_back(frame);
    }
  }
  void run_for(Duration duration) {
    const TimePoint until = now_ + duration;
    while (true) {
      turn(0);
      turn(1);
      TimePoint next = std::min(ends_[0].next_deadline(now_), ends_[1].next_deadline(now_));
      if (!under_way_.empty()) next = std::min(next, under_way_.begin()->first);
      if (next > until) break;
      REQUIRE((next > now_ || ++spins_ < 1000));
      if (next > now_) spins_ = 0;
      now_ = std::max(now_, next);
      while (!under_way_.empty() && under_way_.begin()->first <= now_) {
        const auto [to, datagram] = under_way_.begin()->second;
        under_way_.erase(under_way_.begin());
        arrive(to, datagram);
      }
    }
    now_ = until;
  }
  std::multiset<Bytes> arrived;  ///< at end 1, by the lane
  const std::vector<Bytes>& by_stream() const { return by_stream_; }
  int datagrams = 0;
  std::size_t largest_seen = 0;

 private:
  void turn(std::size_t end) {
    Lane& lane = ends_[end];
    lane.on_tick(now_);
    for (const SendId& lost : lane.take_lost()) send(end, Bytes{sent_[lost.first]});
    Bytes datagram;
    while (lane.write(now_, datagram)) {
      ++datagrams;
      largest_seen = std::max(largest_seen, datagram.size());
      if (blocked[end] || datagram.size() > options_.largest) continue;
      if (random_.below(1000) < options_.loss_pm) continue;
      for (int copies = random_.below(1000) < options_.double_pm ? 2 : 1; copies > 0; --copies) {
        const auto spread =
            static_cast<std::uint64_t>((options_.delay_max - options_.delay_min).count()) + 1;
        under_way_.emplace(
            now_ + options_.delay_min + Duration{static_cast<Duration::rep>(random_.below(spread))},
            std::pair{1 - end, datagram});
      }
    }
  }
  void arrive(std::size_t end, const Bytes& datagram) {
    const auto header = read_header(datagram);
    REQUIRE(header.has_value());
    CHECK(header->lane == static_cast<std::uint32_t>(end));
    Payload payload;
    REQUIRE(read_payload(ByteView{datagram}.substr(kHeaderBytes), payload));
    if (!ends_[end].fresh(now_, header->number, payload.ack_eliciting)) return;
    REQUIRE(ends_[end].on_payload(now_, payload));
    for (const ByteView frame : payload.frames) {
      if (end == 1) arrived.emplace(frame);
    }
  }

  WireOptions options_;
  SplitMix random_;
  TimePoint now_{1s};
  std::array<Lane, 2> ends_;
  std::multimap<TimePoint, std::pair<std::size_t, Bytes>> under_way_;
  std::vector<Bytes> by_stream_;
  std::vector<Bytes> sent_;  // by the lanes; the id of each is its place
  int spins_ = 0;
};

Bytes message(int number, std::size_t size = 300) {
  Bytes bytes = std::to_string(number);
  bytes.resize(size, '.');
  return bytes;
}

/// Every frame came by one way or the other.
void check_all_came(const Pair& pair, int count) {
  std::set<Bytes> all(pair.arrived.begin(), pair.arrived.end());
  all.insert(pair.by_stream().begin(), pair.by_stream().end());
  CHECK(all.size() == static_cast<std::size_t>(count));
}

}  // namespace

TEST_CASE("a lane opens at both ends once probes have gone both ways", "[lane]") {
  Pair pair{{}};
  CHECK(pair[0].frame_max() == 0);
  pair.run_for(2ms);
  CHECK(pair[0].is_open());
  CHECK(pair[1].is_open());
  CHECK(pair[0].figures().round_trip.has_value());
}

TEST_CASE("probes that go one way only open nothing, and cost one a second", "[lane]") {
  Pair pair{{}};
  pair.blocked[1] = true;
  pair.run_for(20s);
  CHECK_FALSE(pair[0].is_open());
  CHECK_FALSE(pair[1].is_open());
  CHECK(pair.datagrams < 100);
}

TEST_CASE("an idle lane costs a few datagrams a second", "[lane]") {
  Pair pair{{}};
  pair.run_for(5s);
  const int before = pair.datagrams;
  pair.run_for(10s);
  CHECK(pair.datagrams - before <= 60);  // a probe, its answer and an ack, from each end
  CHECK(pair.datagrams - before >= 20);
}

TEST_CASE("frames come once each on a good wire, several in a datagram", "[lane]") {
  Pair pair{{.delay_min = 100us, .delay_max = 100us}};
  pair.run_for(10ms);
  const int before = pair.datagrams;
  for (int i = 0; i < 300; ++i) pair.send(0, message(i));
  pair.run_for(1s);
  CHECK(pair.arrived.size() == 300);
  CHECK(pair.by_stream().empty());
  CHECK(pair.datagrams - before < 250);  // acks included
  CHECK(pair[0].figures().sent_lost == 0);
}

TEST_CASE("what would wait too long goes by the stream", "[lane]") {
  // 1,200 bytes every 20 ms or so: two or three datagrams in 50 ms.
  Pair pair{{.delay_min = 10ms, .delay_max = 10ms, .room = kDatagramBase}};
  pair.run_for(1s);
  REQUIRE(pair[0].is_open());
  for (int i = 0; i < 20; ++i) pair.send(0, message(i, 900));
  CHECK(pair.by_stream().size() >= 15);
  CHECK(pair.by_stream().size() <= 18);
  pair.run_for(150ms);
  check_all_came(pair, 20);
  CHECK(pair[0].figures().queued == 0);
}

TEST_CASE("whatever is lost, doubled and overtaken, everything comes", "[lane]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 30)));
  const auto loss = static_cast<std::uint32_t>(GENERATE(10, 50, 200, 300));
  INFO("seed " << seed << ", loss " << loss);
  Pair pair{{.seed = seed, .loss_pm = loss, .double_pm = 50, .delay_max = 5ms}};
  pair.run_for(3s);
  for (int i = 0; i < 200; ++i) {
    pair.send(0, message(i));
    if (i % 10 == 0) pair.run_for(3ms);
  }
  pair.run_for(20s);
  check_all_came(pair, 200);
}

TEST_CASE(
    "blocked mid-stream: everything goes by the stream within a fifth of a second, one way "
    "or both",
    "[lane]") {
  const auto [out, back] =
      GENERATE(std::pair{true, false}, std::pair{false, true}, std::pair{true, true});
  INFO("out " << out << ", back " << back);
  Pair pair{{}};
  pair.run_for(100ms);
  for (int i = 0; i < 50; ++i) pair.send(0, message(i));
  pair.blocked[0] = out;
  pair.blocked[1] = back;
  pair.run_for(200ms);
  CHECK_FALSE(pair[0].is_open());
  CHECK(pair[0].figures().state == LaneState::failed);
  for (int i = 50; i < 60; ++i) pair.send(0, message(i));
  CHECK(pair.by_stream().size() >= 10);
  pair.run_for(10ms);
  check_all_came(pair, 60);

  // It comes back after three answers in a row.
  pair.blocked = {};
  pair.run_for(8s);
  CHECK(pair[0].is_open());
  CHECK(pair[1].is_open());
}

TEST_CASE("the pause between probes ends with the first answer", "[lane]") {
  Pair pair{{}};
  pair.run_for(100ms);
  pair.blocked = {true, true};
  pair.run_for(120s);  // every 30 s by now
  pair.blocked = {};
  pair.run_for(33s);  // at most one pause, and two seconds for the second and the third answer
  CHECK(pair[0].is_open());
  CHECK(pair[1].is_open());
}

TEST_CASE("a lane that stays dead is probed less and less", "[lane]") {
  Pair pair{{}};
  pair.run_for(100ms);
  pair.blocked = {true, true};
  pair.run_for(60s);
  const int before = pair.datagrams;
  pair.run_for(300s);
  CHECK(pair.datagrams - before <= 30);  // each end every 30 s
  CHECK(pair.datagrams - before >= 10);
}

TEST_CASE("datagrams grow to what the path takes, and no further", "[lane]") {
  Pair pair{{.largest = 1500}};
  pair.run_for(10s);
  CHECK(pair[0].figures().path_mtu == 1452);
  CHECK(pair[1].figures().path_mtu == 1452);
  CHECK(pair.largest_seen == 8952);
  CHECK(pair[0].is_open());
}

TEST_CASE("a datagram does not grow beyond the room that the other side has", "[lane]") {
  Pair pair{{.largest = 9000, .room = 1400}};
  pair.run_for(10s);
  REQUIRE(pair[0].figures().path_mtu == 1392);
  for (int i = 0; i < 20; ++i) pair.send(0, message(i, 1300));
  pair.run_for(2s);
  CHECK(pair.by_stream().empty());
  CHECK(pair.arrived.size() == 20);
}

TEST_CASE("a window that losses have made small does not end the search for a size", "[lane]") {
  Pair pair{{.largest = 1300}};
  pair.run_for(1s);
  REQUIRE(pair[0].figures().path_mtu == 1200);  // the next search is ten minutes later
  pair.wire().loss_pm = 400;
  for (int i = 0; i < 4000 && pair[0].figures().window >= 8952; ++i) {
    pair.send(0, message(i));
    if (i % 10 == 0) pair.run_for(3ms);
  }
  REQUIRE(pair[0].figures().window < 8952);
  pair.wire().loss_pm = 0;
  pair.wire().largest = 9000;
  pair.run_for(11min);
  CHECK(pair[0].figures().path_mtu == 8952);
}

TEST_CASE("a search that a failure of the lane interrupts goes on when it is open again",
          "[lane]") {
  Pair pair{{.delay_min = 10ms, .delay_max = 10ms, .largest = 9000}};
  pair.run_for(30ms);
  REQUIRE(pair[0].is_open());
  REQUIRE(pair[0].figures().path_mtu == 1200);
  REQUIRE(pair[0].figures().in_flight == 1392);  // the first path probe
  pair.blocked = {true, true};
  pair.run_for(4s);
  REQUIRE(pair[0].figures().state == LaneState::failed);
  pair.blocked = {};
  pair.run_for(20s);
  CHECK(pair[0].figures().path_mtu == 8952);
}

TEST_CASE("a lane that is always full finds the size all the same", "[lane]") {
  Pair pair{{.largest = 9000, .room = 12'000}};
  for (int i = 0; i < 20'000; ++i) {
    pair.send(0, message(i));
    if (i % 50 == 0) pair.run_for(200us);
  }
  CHECK(pair[0].figures().queued > 0);
  CHECK(pair[0].figures().path_mtu == 8952);
}

TEST_CASE("a path that shrinks mid-stream costs the size, not the lane", "[lane]") {
  Pair pair{{.largest = 9000}};
  pair.run_for(10s);
  REQUIRE(pair[0].figures().path_mtu == 8952);
  pair.wire().largest = 1300;
  for (int i = 0; i < 200; ++i) pair.send(0, message(i));
  pair.run_for(2s);
  CHECK(pair[0].figures().path_mtu == 1200);
  CHECK(pair[0].is_open());
  check_all_came(pair, 200);
}

TEST_CASE("where full datagrams vanish there is no lane, and none stays", "[lane]") {
  Pair pair{{.largest = kDatagramBase}};
  pair.wire().largest = kDatagramBase - 1;
  pair.run_for(20s);
  CHECK_FALSE(pair[0].is_open());
  CHECK_FALSE(pair[1].is_open());
  pair.wire().largest = kDatagramBase;
  pair.run_for(10s);
  REQUIRE(pair[0].is_open());
  REQUIRE(pair[1].is_open());
  pair.wire().largest = 1000;
  for (int i = 0; i < 200; ++i) {
    pair.send(0, message(i));
    pair.run_for(30ms);
  }
  CHECK_FALSE(pair[0].is_open());
  CHECK(pair.by_stream().size() > 50);
  check_all_came(pair, 200);
}

TEST_CASE("what does not fit a datagram is not taken", "[lane]") {
  Pair pair{{.largest = 1300}};
  pair.run_for(10ms);
  REQUIRE(pair[0].is_open());
  Bytes fits = message(1, pair[0].frame_max());
  Bytes too_large = message(2, pair[0].frame_max() + 1);
  CHECK(pair[0].send({}, fits));
  CHECK_FALSE(pair[0].send({}, too_large));
  CHECK(too_large.size() == pair[0].frame_max() + 1);  // still the caller's
  pair.run_for(10ms);
  CHECK(pair.arrived.size() == 1);
}
