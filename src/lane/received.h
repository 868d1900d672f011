// Which datagram numbers have come: what is to be acked, what came twice, what is missing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/types.h"
#include "lane/packet.h"

namespace podring::lane {

class Received {
 public:
  /// Ranges remembered. What is older than all of them counts as had before: a replay window.
  static constexpr std::size_t kRangesMax = 64;
  static constexpr Duration kAckDelayMax = std::chrono::milliseconds{5};
  /// Datagrams that want an ack, until one goes alone. Most never do: every relay is answered in
  /// the turn that takes it, and an ack goes along. RFC 9000 section 13.2.2 wants every second one;
  /// here each ack alone is a system call of a hop that has three datagrams. A window of fewer
  /// waits kAckDelayMax at the most.
  static constexpr unsigned kAckEvery = 8;

  /// False: it has come before, or is too old to tell. Then it must not be read.
  [[nodiscard]] bool take(TimePoint now, std::uint64_t number, bool ack_eliciting);

  /// When an ack is to be sent at the latest: at once for every kAckEvery-th datagram that wants
  /// one and for one that is out of order, otherwise within kAckDelayMax. nullopt: nothing to say.
  [[nodiscard]] std::optional<TimePoint> ack_at() const { return ack_at_; }
  [[nodiscard]] Duration delay(TimePoint now) const { return now - largest_at_; }
  /// Newest first; kAckRangesMax of them are for the wire.
  [[nodiscard]] const std::vector<PacketRange>& ranges() const { return ranges_; }
  void acked() {
    ack_at_.reset();
    unacked_ = 0;
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t repeats() const { return repeats_; }
  /// Numbers below the largest that have not come. Late ones are taken off when they come.
  [[nodiscard]] std::uint64_t missing() const {
    return ranges_.empty() ? 0 : ranges_.front().last + 1 - count_;
  }

 private:
  std::vector<PacketRange> ranges_;
  std::uint64_t floor_ = 0;  // below: had before, as far as is remembered
  TimePoint largest_at_;
  std::optional<TimePoint> ack_at_;
  unsigned unacked_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t repeats_ = 0;
};

}  // namespace podring::lane
