#include "lane/congestion.h"

#include <algorithm>

namespace podring::lane {
namespace {

constexpr Duration kTimerStep = std::chrono::milliseconds{1};

}  // namespace

Congestion::Congestion(std::size_t datagram, std::size_t limit)
    : datagram_{datagram}, limit_{limit}, window_{kInitialPackets * datagram} {}

std::size_t Congestion::window() const { return std::min(window_, limit_); }

void Congestion::on_acked(TimePoint sent_at, std::size_t bytes) {
  const bool used = in_flight_ * 2 >= window();  // a window that is not used tells nothing
  in_flight_ -= bytes;
  if (sent_at <= recovery_from_ || !used || window_ >= limit_) return;
  if (window_ < threshold_) {
    window_ += bytes;
    return;
  }
  acked_in_avoidance_ += bytes;
  if (acked_in_avoidance_ < window_) return;
  acked_in_avoidance_ -= window_;
  window_ += datagram_;
}

void Congestion::on_lost(TimePoint now, TimePoint sent_at, std::size_t bytes) {
  in_flight_ -= bytes;
  if (sent_at <= recovery_from_) return;
  recovery_from_ = now;
  window_ = std::max(window() / 2, kMinimumPackets * datagram_);
  threshold_ = window_;
  acked_in_avoidance_ = 0;
}

void Congestion::on_persistent_congestion() {
  window_ = kMinimumPackets * datagram_;
  recovery_from_ = TimePoint::min();
}

TimePoint Congestion::paced_at(TimePoint now, std::size_t bytes, Duration smoothed) {
  const auto round_trip = static_cast<double>(std::max(smoothed, Duration{1}).count());
  const double rate = 1.25 * static_cast<double>(window()) / round_trip;  // bytes a nanosecond
  const auto burst =
      std::max(static_cast<std::int64_t>(kInitialPackets * datagram_),
               static_cast<std::int64_t>(rate * static_cast<double>((2 * kTimerStep).count())));
  if (filled_at_ == TimePoint::min()) {
    tokens_ = burst;
  } else {
    const double fresh = rate * static_cast<double>((now - filled_at_).count());
    tokens_ = static_cast<std::int64_t>(
        std::min(static_cast<double>(burst), static_cast<double>(tokens_) + fresh));
  }
  filled_at_ = now;
  const std::int64_t missing = static_cast<std::int64_t>(bytes) - tokens_;
  if (missing <= 0) return now;
  return now + Duration{static_cast<Duration::rep>(static_cast<double>(missing) / rate) + 1};
}

}  // namespace podring::lane
