// RFC 9002 sections 5 and 6: what counts as lost, and when somebody has to ask.
#include "lane/recovery.h"

#include "support/catch.h"

using namespace podring;
using namespace podring::lane;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{1s};

struct Sender {
  Recovery recovery{1200, 1'000'000};
  TimePoint now = kStart;
  void send(bool path_probe = false) {
    SentPacket packet;
    packet.at = now;
    packet.bytes = 1200;
    packet.eliciting = true;
    packet.path_probe = path_probe;
    packet.frames.push_back({recovery.next_number(), 1});
    recovery.on_sent(std::move(packet));
  }
  Recovery::News ack(std::uint64_t first, std::uint64_t last) {
    Recovery::News news;
    PacketAck read;
    read.ranges = {{first, last}};
    CHECK(recovery.on_ack(now, read, news));
    return news;
  }
};

}  // namespace

TEST_CASE("three later ones were acked: lost at once, and only those", "[lane]") {
  Sender sender;
  for (int i = 0; i < 6; ++i) sender.send();
  sender.now += 10ms;
  const auto news = sender.ack(4, 4);
  CHECK(news.lost_frames == std::vector<SendId>{{0, 1}, {1, 1}});
  CHECK(sender.recovery.lost() == 2);
}

TEST_CASE("a later one was acked: lost 9/8 of a round trip after it was sent", "[lane]") {
  Sender sender;
  sender.send();
  sender.send();
  sender.now += 80ms;
  CHECK(sender.ack(1, 1).lost_frames.empty());
  REQUIRE(sender.recovery.deadline() == kStart + 90ms);
  Recovery::News news;
  sender.recovery.on_timeout(kStart + 89ms, news);
  CHECK(news.lost_frames.empty());
  sender.recovery.on_timeout(kStart + 90ms, news);
  CHECK(news.lost_frames == std::vector<SendId>{{0, 1}});
  CHECK(sender.recovery.deadline() == TimePoint::max());
}

TEST_CASE("nothing is lost for silence alone: a time-out asks for probes, and doubles", "[lane]") {
  Sender sender;
  sender.send();
  sender.now += 100us;
  (void)sender.ack(0, 0);
  sender.send();
  const TimePoint sent_at = sender.now;
  REQUIRE(sender.recovery.deadline() == sent_at + 20ms + 5ms);  // floor, and the delay of acks
  Recovery::News news;
  sender.recovery.on_timeout(sender.recovery.deadline(), news);
  CHECK(news.lost_frames.empty());
  CHECK(sender.recovery.probes_due() == 1);
  CHECK(sender.recovery.timeouts() == 1);
  CHECK(sender.recovery.deadline() == sent_at + 40ms + 5ms);
}

TEST_CASE("the ack of a probe tells that the one before it is lost", "[lane]") {
  Sender sender;
  sender.send();
  sender.now += 100us;
  (void)sender.ack(0, 0);
  sender.send();  // 1: the tail, lost
  sender.now += 25ms;
  Recovery::News news;
  sender.recovery.on_timeout(sender.now, news);
  sender.send();  // 2: the probe
  sender.now += 100us;
  CHECK(sender.ack(2, 2).lost_frames == std::vector<SendId>{{1, 1}});
  CHECK(sender.recovery.timeouts() == 0);
}

TEST_CASE("the delay that the receiver states is taken off the sample, up to 5 ms", "[lane]") {
  Sender sender;
  sender.send();
  sender.now += 1ms;
  (void)sender.ack(0, 0);
  sender.send();
  sender.now += 4ms;
  PacketAck ack;
  ack.ranges = {{1, 1}};
  ack.delay = 3ms;
  Recovery::News news;
  REQUIRE(sender.recovery.on_ack(sender.now, ack, news));
  CHECK(sender.recovery.round_trip().smoothed() == 1ms);
}

TEST_CASE("the largest number gives the sample even where it wanted no ack itself", "[lane]") {
  Sender sender;
  sender.send();
  SentPacket ack_only;
  ack_only.at = sender.now += 1ms;
  sender.recovery.on_sent(std::move(ack_only));
  sender.now += 2ms;
  (void)sender.ack(0, 1);
  CHECK(sender.recovery.round_trip().smoothed() == 2ms);
}

TEST_CASE("an ack of what was never sent is refused", "[lane]") {
  Sender sender;
  sender.send();
  PacketAck ack;
  ack.ranges = {{0, 1}};
  Recovery::News news;
  CHECK_FALSE(sender.recovery.on_ack(sender.now, ack, news));
  CHECK_FALSE(news.acked_any);
}

TEST_CASE("an ack again changes nothing", "[lane]") {
  Sender sender;
  for (int i = 0; i < 3; ++i) sender.send();
  sender.now += 1ms;
  CHECK(sender.ack(0, 1).acked_any);
  const std::size_t in_flight = sender.recovery.congestion().in_flight();
  CHECK_FALSE(sender.ack(0, 1).acked_any);
  CHECK(sender.recovery.congestion().in_flight() == in_flight);
}

TEST_CASE("losses over three time-outs with no ack between leave two datagrams", "[lane]") {
  Sender sender;
  sender.send();
  sender.now += 1ms;
  (void)sender.ack(0, 0);
  for (int i = 0; i < 10; ++i) {
    sender.send();
    sender.now += 20ms;
  }
  for (int i = 0; i < 3; ++i) sender.send();
  sender.now += 1ms;
  (void)sender.ack(13, 13);
  CHECK(sender.recovery.congestion().window() == 2400);
}

TEST_CASE("a lost path probe hands back its loss, not congestion", "[lane]") {
  Sender sender;
  sender.send(true);
  for (int i = 0; i < 3; ++i) sender.send();
  sender.now += 1ms;
  const auto news = sender.ack(1, 3);
  CHECK(news.path_probe_lost);
  CHECK(sender.recovery.lost() == 0);
  CHECK(sender.recovery.congestion().window() >= 12'000);
}

TEST_CASE("giving up hands back every frame under way", "[lane]") {
  Sender sender;
  for (int i = 0; i < 3; ++i) sender.send();
  sender.now += 1ms;
  (void)sender.ack(1, 1);
  std::vector<SendId> frames;
  sender.recovery.forget_all(frames);
  CHECK(frames == std::vector<SendId>{{0, 1}, {2, 1}});
  CHECK(sender.recovery.congestion().in_flight() == 0);
  CHECK(sender.recovery.deadline() == TimePoint::max());
}
