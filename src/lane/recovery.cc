#include "lane/recovery.h"

#include <algorithm>
#include <utility>

#include "lane/received.h"

namespace podring::lane {
namespace {

constexpr int kPersistentTimeouts = 3;  // RFC 9002 section 7.6.1

}  // namespace

void Recovery::on_sent(SentPacket packet) {
  if (packet.eliciting) {
    ++eliciting_;
    ++sent_eliciting_;
    last_eliciting_at_ = packet.at;
    if (packet.path_probe) {
      congestion_.on_path_probe_sent(packet.bytes);
    } else {
      congestion_.on_sent(packet.bytes);
    }
  }
  sent_.push() = std::move(packet);
  pop_done();
}

bool Recovery::on_ack(TimePoint now, const PacketAck& ack, News& news) {
  const std::uint64_t largest = ack.ranges.front().last;
  if (largest >= sent_.end()) return false;
  std::optional<TimePoint> sampled;
  for (const PacketRange& range : ack.ranges) {
    const std::uint64_t first = std::max(range.first, sent_.base());
    for (std::uint64_t number = first; number <= range.last && sent_.contains(number); ++number) {
      SentPacket& packet = sent_.at(number);
      if (number == largest && !packet.acked) sampled = packet.at;
      packet.acked = true;
      if (!packet.eliciting) continue;
      if (packet.bytes > kDatagramBase) larger_lost_ = 0;
      if (packet.path_probe) {
        news.path_probe_acked = packet.bytes;
        congestion_.on_path_probe_over(packet.bytes);
      } else {
        congestion_.on_acked(packet.at, packet.bytes);
      }
      packet.eliciting = false;
      packet.frames.clear();
      --eliciting_;
      news.acked_any = true;
    }
  }
  largest_acked_ = std::max(largest_acked_.value_or(0), largest);
  if (sampled && news.acked_any) {
    Duration sample = now - *sampled;
    least_ = std::min(least_.value_or(sample), sample);
    const Duration delay = std::min(ack.delay, Received::kAckDelayMax);
    if (sample >= *least_ + delay) sample -= delay;
    latest_ = sample;
    round_trip_.sample(sample);
  }
  if (news.acked_any) {
    timeouts_ = 0;
    probes_due_ = 0;
  }
  detect_lost(now, news);
  pop_done();
  return true;
}

void Recovery::detect_lost(TimePoint now, News& news) {
  loss_at_ = TimePoint::max();
  if (!largest_acked_) return;
  const Duration basis =
      std::max(round_trip_.smoothed().value_or(Duration{}), latest_.value_or(Duration{}));
  const Duration wait = std::max(basis * 9 / 8, kGranularity);
  const Duration persistent = kPersistentTimeouts * probe_timeout();
  std::optional<TimePoint> run_from;  // of losses with no ack in between
  bool is_persistent = false;
  for (std::uint64_t number = sent_.base(); number < *largest_acked_; ++number) {
    SentPacket& packet = sent_.at(number);
    if (!packet.eliciting) {
      run_from.reset();
      continue;
    }
    if (*largest_acked_ - number < kPacketThreshold && packet.at + wait > now) {
      loss_at_ = std::min(loss_at_, packet.at + wait);
      continue;
    }
    packet.eliciting = false;
    --eliciting_;
    if (packet.path_probe) {
      news.path_probe_lost = true;
      congestion_.on_path_probe_over(packet.bytes);
    } else {
      congestion_.on_lost(now, packet.at, packet.bytes);
      ++lost_;
      if (packet.bytes > kDatagramBase) ++larger_lost_;
      if (!run_from) run_from = packet.at;
      is_persistent = is_persistent || packet.at - *run_from > persistent;
    }
    news.lost_frames.insert(news.lost_frames.end(), packet.frames.begin(), packet.frames.end());
    packet.frames.clear();
  }
  if (is_persistent) congestion_.on_persistent_congestion();
}

void Recovery::pop_done() {
  while (!sent_.empty() && !sent_.at(sent_.base()).eliciting) sent_.pop();
}

Duration Recovery::probe_timeout() const {
  return round_trip_.timeout(kTimeoutMin, kTimeoutMax, 0) + Received::kAckDelayMax;
}

TimePoint Recovery::deadline() const {
  if (loss_at_ != TimePoint::max()) return loss_at_;
  if (eliciting_ == 0) return TimePoint::max();
  return last_eliciting_at_ + round_trip_.timeout(kTimeoutMin, kTimeoutMax, timeouts_) +
         Received::kAckDelayMax;
}

void Recovery::on_timeout(TimePoint now, News& news) {
  if (now < deadline()) return;
  if (loss_at_ != TimePoint::max()) {
    detect_lost(now, news);
    pop_done();
    return;
  }
  ++timeouts_;
  probes_due_ = timeouts_ > 1 ? 2 : 1;
}

void Recovery::forget_all(std::vector<SendId>& frames) {
  for (std::uint64_t number = sent_.base(); number < sent_.end(); ++number) {
    SentPacket& packet = sent_.at(number);
    if (!packet.eliciting) continue;
    packet.eliciting = false;
    if (packet.path_probe) {
      congestion_.on_path_probe_over(packet.bytes);
    } else {
      congestion_.on_forgotten(packet.bytes);
      ++lost_;
    }
    frames.insert(frames.end(), packet.frames.begin(), packet.frames.end());
    packet.frames.clear();
  }
  pop_done();
  eliciting_ = 0;
  loss_at_ = TimePoint::max();
  timeouts_ = probes_due_ = larger_lost_ = 0;
}

}  // namespace podring::lane
