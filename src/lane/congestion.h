// How much may be in flight, and how fast: the NewReno controller of RFC 9002 section 7 and its
// pacing. Bytes of UDP payload.
//
// NewReno because losses inside a cluster come from full buffers, mostly the receiver's own, and a
// session's window is bounded by the receiver's room anyway; nothing here has to fill a long path.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/types.h"

namespace podring::lane {

class Congestion {
 public:
  static constexpr std::size_t kInitialPackets = 10;
  static constexpr std::size_t kMinimumPackets = 2;

  /// `limit`: never more than this in flight, whatever the path takes (the receiver's room); at
  /// least the size of the largest datagram, or none would ever go.
  Congestion(std::size_t datagram, std::size_t limit);

  void on_sent(std::size_t bytes) { in_flight_ += bytes; }
  void on_acked(TimePoint sent_at, std::size_t bytes);
  void on_lost(TimePoint now, TimePoint sent_at, std::size_t bytes);
  /// No longer waited for, for another reason than a loss.
  void on_forgotten(std::size_t bytes) { in_flight_ -= bytes; }
  // Path probes go beside the window, which may be smaller than they are: their loss tells of their
  // size, not of congestion (RFC 8899 section 3, 7). The receiver's room holds for them as well.
  [[nodiscard]] bool may_probe_path(std::size_t bytes) const {
    return in_flight() + bytes <= limit_;
  }
  void on_path_probe_sent(std::size_t bytes) { beside_ += bytes; }
  void on_path_probe_over(std::size_t bytes) { beside_ -= bytes; }  ///< acked, lost or forgotten
  /// Everything over a long time was lost: begin again with the least.
  void on_persistent_congestion();
  /// The window has room for the least number of datagrams of any size that is used.
  void set_datagram(std::size_t datagram) {
    datagram_ = datagram;
    window_ = std::max(window_, kMinimumPackets * datagram);
  }

  [[nodiscard]] bool may_send(std::size_t bytes) const {
    return in_flight_ + bytes <= window() && in_flight() + bytes <= limit_;
  }
  [[nodiscard]] std::size_t window() const;
  [[nodiscard]] std::size_t in_flight() const { return in_flight_ + beside_; }

  // Pacing: a token bucket that fills with 5/4 of a window a round trip, and holds what two turns
  // of a loop with timers of a millisecond need.
  /// When `bytes` may go at the earliest; `now` or before: at once.
  [[nodiscard]] TimePoint paced_at(TimePoint now, std::size_t bytes, Duration smoothed);
  void on_paced(std::size_t bytes) { tokens_ -= static_cast<std::int64_t>(bytes); }

 private:
  std::size_t datagram_;
  std::size_t limit_;
  std::size_t window_;
  std::size_t threshold_ = SIZE_MAX;
  std::size_t acked_in_avoidance_ = 0;
  std::size_t in_flight_ = 0;  // without path probes
  std::size_t beside_ = 0;     // of path probes
  TimePoint recovery_from_ = TimePoint::min();
  std::int64_t tokens_ = 0;
  TimePoint filled_at_ = TimePoint::min();
};

}  // namespace podring::lane
