// proto-docs/wire-protocol.md, section 9: what everybody knows of everybody, over neighbours alone.
#include <deque>

#include "core/codec.h"
#include "core/status_table.h"
#include "support/catch.h"

using namespace podring;  // NOLINT(google-build-using-namespace): the subject is the namespace
using namespace std::chrono_literals;

namespace {

Identity identity_of(unsigned number, std::uint64_t boot = 0) {
  return {"pod-" + std::to_string(number),
          "",
          "node",
          Address::v4(0x0a000000U + number),
          {boot != 0 ? boot : number}};
}

PeerStatus status_of(unsigned number, std::uint64_t boot = 0) {
  PeerStatus status;
  status.identity = identity_of(number, boot);
  return status;
}

/// Pods 1..n in a ring; what each is given to tell reaches the other side at once.
class StatusRing {
 public:
  explicit StatusRing(unsigned count, StatusLimits limits = {}) : count_{count} {
    for (unsigned i = 1; i <= count; ++i) tables_.emplace_back(identity_of(i), limits);
  }
  StatusTable& table(unsigned number) { return tables_[number - 1]; }
  void tell(unsigned number, PeerStatus status) {
    table(number).set_own(now_, std::move(status));
    settle();
  }
  void pass(Duration time) {
    now_ += time;
    settle();
  }
  /// The next entry that is asked about; its age by the one who is asked.
  Duration age(unsigned asked, unsigned about) {
    return now_ - table(asked).known().at(Address::v4(0x0a000000U + about)).told_at;
  }
  void cut(unsigned number) { cut_ = number; }

  TimePoint now_{1h};
  std::size_t bytes_of_1_to_2_ = 0;

 private:
  void settle() {
    for (bool more = true; more;) {
      more = false;
      for (unsigned i = 1; i <= count_; ++i) {
        for (const unsigned to : {i % count_ + 1, (i + count_ - 2) % count_ + 1}) {
          if (i == cut_ || to == cut_) continue;
          const Bytes told = table(i).next_for(now_, {to}, 1);
          if (told.empty()) continue;
          REQUIRE(told.size() <= kStatusBytesMax);
          more = true;
          if (i == 1 && to == 2) bytes_of_1_to_2_ += told.size();
          REQUIRE(table(to).take(now_, {i}, told));
        }
      }
    }
  }

  unsigned count_;
  unsigned cut_ = 0;
  std::deque<StatusTable> tables_;
};

}  // namespace

TEST_CASE("lanes of another shape are as if they were not there", "[status]") {
  ToldStatus told{.status = status_of(1), .version = 1};
  told.status.lanes.zmq =
      LaneStatus{.sent = 7, .round_trip = 150us, .jitter = 20us, .path_mtu = 1448};
  Bytes bytes;
  append_status(bytes, told);
  const auto lane = bytes.find("lanes") + 5;  // an array of two: six fields, and none
  REQUIRE(read_statuses(bytes)->at(0).status.lanes == told.status.lanes);
  SECTION("a lane has one field less") {
    bytes[lane + 1] = '\x95';
    bytes.erase(lane + 2, 1);
  }
  SECTION("a state that nobody knows") { bytes[lane + 2] = 3; }
  SECTION("three lanes") {
    bytes[lane] = '\x93';
    bytes += '\x90';
  }
  const auto read = read_statuses(bytes);
  REQUIRE(read);
  CHECK(read->at(0).status.lanes == LaneStatuses{});
  CHECK(read->at(0).status.identity == told.status.identity);
}

TEST_CASE("everybody hears of everybody at once, over neighbours alone", "[status]") {
  StatusRing ring{7};
  for (unsigned i = 1; i <= 7; ++i) ring.tell(i, status_of(i));
  for (unsigned i = 1; i <= 7; ++i) {
    REQUIRE(ring.table(i).known().size() == 7);
    CHECK(ring.table(i).known().at(identity_of(4).address).status.identity.pod == "pod-4");
  }
}

TEST_CASE("a change goes round at once, figures within a batch for each hop", "[status]") {
  StatusRing ring{5};
  for (unsigned i = 1; i <= 5; ++i) ring.tell(i, status_of(i));
  ring.pass(1s);
  PeerStatus suspecting = status_of(1);
  suspecting.suspects = {identity_of(2).address};
  suspecting.suspect_count = 1;
  ring.tell(1, suspecting);
  for (unsigned i = 2; i <= 5; ++i)
    CHECK(ring.table(i).known().at(identity_of(1).address).status.suspects.size() == 1);

  PeerStatus busy = suspecting;
  busy.queue = 7;
  ring.tell(1, busy);  // a figure alone waits for its round
  CHECK(ring.table(3).known().at(identity_of(1).address).status.queue == 0);
  ring.pass(5s);
  ring.tell(1, busy);
  for (int i = 0; i < 5; ++i) ring.pass(250ms);
  CHECK(ring.table(3).known().at(identity_of(1).address).status.queue == 7);
}

TEST_CASE("what is stale says how old it is, and is forgotten outside the view", "[status]") {
  StatusRing ring{4};
  for (unsigned i = 1; i <= 4; ++i) ring.tell(i, status_of(i));
  ring.cut(3);
  ring.pass(59s);
  CHECK(ring.age(1, 3) == 59s);
  ring.pass(2s);
  const std::vector<Address> view{identity_of(1).address, identity_of(3).address};
  ring.table(1).forget(ring.now_, view);
  CHECK(ring.table(1).known().contains(identity_of(3).address));
  CHECK_FALSE(ring.table(1).known().contains(identity_of(4).address));
}

TEST_CASE("an age travels as a duration", "[status]") {
  StatusTable from{identity_of(1)};
  StatusTable to{identity_of(2)};
  const TimePoint at{1h};
  from.set_own(at, status_of(1));
  const TimePoint elsewhere{5s};  // another machine's clock
  REQUIRE(to.take(elsewhere, {1}, from.next_for(at + 3s, {2}, 1)));
  CHECK(elsewhere - to.known().at(identity_of(1).address).told_at == 3s);
}

TEST_CASE("of two processes at one address the one that told last is shown", "[status]") {
  StatusTable table{identity_of(1)};
  const auto told = [](std::uint64_t boot, std::uint64_t version, Duration age) {
    Bytes bytes;
    append_status(bytes, {status_of(2, boot), version, age, false});
    return bytes;
  };
  const TimePoint now{1h};
  REQUIRE(table.take(now, {9}, told(20, 50, 3s)));
  REQUIRE(table.take(now, {9}, told(21, 1, 1s)));
  REQUIRE(table.take(now, {9}, told(20, 50, 3s)));  // a late echo of the one before
  CHECK(table.known().at(identity_of(2).address).status.identity.boot.value == 21);
}

TEST_CASE("a neighbour in a new session hears everything again", "[status]") {
  StatusTable table{identity_of(1)};
  const TimePoint now{1h};
  table.set_own(now, status_of(1));
  CHECK_FALSE(table.next_for(now, {2}, 1).empty());
  CHECK(table.next_for(now, {2}, 1).empty());
  CHECK_FALSE(table.next_for(now, {2}, 2).empty());
}

TEST_CASE("who is no neighbour any more makes nobody hurry", "[status]") {
  StatusTable table{identity_of(1)};
  const TimePoint now{1h};
  table.set_own(now, status_of(1));
  CHECK_FALSE(table.next_for(now, {2}, 1).empty());
  Bytes news;
  append_status(news, {status_of(3), 1, 0ms, false});
  table.set_own(now + 1s, status_of(1));
  REQUIRE(table.take(now + 1s, {9}, news));  // it waits for 2, which is not asked about again
  CHECK(table.next_deadline() == now + StatusLimits{}.round);
}

TEST_CASE("a link carries at most 64 KiB a round, and still tells of everybody", "[status]") {
  const StatusLimits limits;
  StatusTable table{identity_of(1)};
  StatusTable other{identity_of(2)};
  TimePoint now{1h};
  constexpr unsigned kPods = 1500;
  for (unsigned i = 3; i <= kPods; ++i) {
    Bytes bytes;
    PeerStatus status = status_of(i);
    status.identity.uid = std::string(36, 'u');
    status.identity.node = std::string(60, 'n');
    append_status(bytes, {status, 1, 0ms, false});
    REQUIRE(table.take(now, {9}, bytes));
  }
  std::size_t rounds = 0;
  for (; other.known().size() < kPods - 2 && rounds < 10; ++rounds, now += limits.round) {
    std::size_t sent = 0;
    for (Bytes told; !(told = table.next_for(now, {2}, 1)).empty(); sent += told.size())
      REQUIRE(other.take(now, {1}, told));
    CHECK(sent <= limits.round_bytes);
    CHECK(sent > limits.round_bytes / 2);
  }
  CHECK(other.known().size() == kPods - 2);
  CHECK(rounds <= 2);
  std::size_t brief = 0;
  for (const auto& [address, known] : other.known()) brief += known.has_details ? 0 : 1;
  CHECK(brief > 0);
}

TEST_CASE("the table is bounded, and what it leaves out is counted", "[status]") {
  StatusLimits limits;
  limits.peers = 10;
  StatusTable table{identity_of(1), limits};
  for (unsigned i = 2; i < 30; ++i) {
    Bytes bytes;
    append_status(bytes, {status_of(i), 1, 0ms, false});
    REQUIRE(table.take(TimePoint{1h}, {9}, bytes));
  }
  CHECK(table.known().size() == 10);
  CHECK(table.left_out() == 18);
}

TEST_CASE("bytes that are no statuses change nothing", "[status]") {
  StatusTable table{identity_of(1)};
  Bytes bytes;
  append_status(bytes, {status_of(2), 1, 0ms, false});
  for (std::size_t size = 1; size < bytes.size(); ++size)
    CHECK_FALSE(table.take(TimePoint{1h}, {2}, bytes.substr(0, size)));
  CHECK_FALSE(table.take(TimePoint{1h}, {2}, bytes + "\x01"));
  CHECK(table.known().empty());
}
