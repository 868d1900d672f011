// What was sent and is not acked, and when it counts as lost: RFC 9002 sections 5 and 6.
//
// A datagram is lost when one sent kPacketThreshold later was acked, or when a later one was and
// 9/8 of a round trip has passed since it was sent. A time-out declares nothing lost: it asks for
// probes, whose acks tell. What was lost is reported by the ids of its frames; who sent them says
// again what is true by then.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/outputs.h"
#include "core/round_trip.h"
#include "core/sequence_window.h"
#include "core/types.h"
#include "lane/congestion.h"
#include "lane/packet.h"

namespace podring::lane {

struct SentPacket {
  TimePoint at;
  std::uint32_t bytes = 0;
  bool eliciting = false;   ///< an ack will come, and it counts as in flight until then
  bool path_probe = false;  ///< of a larger size than is used yet
  bool acked = false;
  std::vector<SendId> frames;  ///< in it
};

class Recovery {
 public:
  static constexpr std::uint64_t kPacketThreshold = 3;
  static constexpr Duration kTimeoutMin = std::chrono::milliseconds{20};
  static constexpr Duration kTimeoutMax = std::chrono::seconds{2};
  static constexpr Duration kGranularity = std::chrono::milliseconds{1};
  static constexpr std::uint64_t kUnackedMax = 65'536;  ///< numbers between oldest and newest

  /// What an ack or a time-out has brought to light.
  struct News {
    std::vector<SendId> lost_frames;
    std::optional<std::uint32_t> path_probe_acked;  ///< its size
    bool path_probe_lost = false;
    bool acked_any = false;  ///< something that wanted an ack was acked for the first time
  };

  Recovery(std::size_t datagram, std::size_t limit) : congestion_{datagram, limit} {}

  [[nodiscard]] std::uint64_t next_number() const { return sent_.end(); }
  [[nodiscard]] bool has_room() const { return sent_.size() < kUnackedMax; }
  void on_sent(SentPacket packet);
  /// False: it acks what was never sent, so it is not of the peer that it should be of.
  [[nodiscard]] bool on_ack(TimePoint now, const PacketAck& ack, News& news);
  /// The probe time-out or the loss time is over (deadline()).
  void on_timeout(TimePoint now, News& news);
  /// Gives up everything that is under way, as after a failure of the path.
  void forget_all(std::vector<SendId>& frames);

  [[nodiscard]] TimePoint deadline() const;
  /// Datagrams that a time-out wants to be sent to draw an ack, whatever the window says.
  [[nodiscard]] unsigned probes_due() const { return probes_due_; }
  void probe_sent() { probes_due_ = probes_due_ > 0 ? probes_due_ - 1 : 0; }
  [[nodiscard]] unsigned timeouts() const { return timeouts_; }  ///< in a row, without an ack
  void reset_timeouts() { timeouts_ = 0; }
  /// Datagrams above kDatagramBase that were lost since one was acked; path probes do not count.
  [[nodiscard]] unsigned larger_lost() const { return larger_lost_; }

  [[nodiscard]] Congestion& congestion() { return congestion_; }
  [[nodiscard]] const Congestion& congestion() const { return congestion_; }
  [[nodiscard]] const RoundTrip& round_trip() const { return round_trip_; }
  [[nodiscard]] std::uint64_t sent() const { return sent_eliciting_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }  ///< those given up included

 private:
  [[nodiscard]] Duration probe_timeout() const;
  void detect_lost(TimePoint now, News& news);
  void pop_done();

  Congestion congestion_;
  RoundTrip round_trip_;
  std::optional<Duration> latest_;
  std::optional<Duration> least_;
  SequenceWindow<SentPacket> sent_;
  std::optional<std::uint64_t> largest_acked_;
  TimePoint last_eliciting_at_;
  std::size_t eliciting_ = 0;  // unacked
  TimePoint loss_at_ = TimePoint::max();
  unsigned timeouts_ = 0;
  unsigned probes_due_ = 0;
  unsigned larger_lost_ = 0;
  std::uint64_t sent_eliciting_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace podring::lane
