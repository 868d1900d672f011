#include "lane/lane.h"

#include <algorithm>
#include <utility>

#include "lane/rules.h"

namespace podring::lane {
namespace {

constexpr std::size_t kAnswersMax = 8;  // that wait to be written
constexpr std::size_t kPadBelow = 8;    // a full datagram is padded when an eighth of it is free
constexpr Duration kMicrosecond = std::chrono::microseconds{1};

}  // namespace

Lane::Lane(TimePoint now, const LaneOffer& remote, std::uint32_t datagram_max, std::uint64_t seed)
    : remote_{remote},
      random_{seed},
      recovery_{kDatagramBase, rules::in_flight_max(remote.window)},
      path_mtu_{std::min({remote.datagram_max, datagram_max, remote.window})},
      probe_at_{now},
      last_heard_{now} {}

std::size_t Lane::frame_max() const {
  return state_ == LaneState::open ? path_mtu_.size() - kHeaderBytes - kFrameOverhead : 0;
}

// ---- coming in
// ------------------------------------------------------------------------------------

bool Lane::fresh(TimePoint now, std::uint64_t number, bool ack_eliciting) {
  const bool fresh = received_.take(now, number, ack_eliciting);
  return rules::is_read(fresh, number, received_.ranges());
}

bool Lane::on_payload(TimePoint now, const Payload& payload) {
  if (payload.ack) {
    Recovery::News news;
    if (!recovery_.on_ack(now, *payload.ack, news)) return false;
    take_news(now, news);
  }
  last_heard_ = now;
  for (const std::uint64_t probe : payload.probes) {
    if (to_answer_.size() < kAnswersMax) to_answer_.push_back(probe);
  }
  bool proven = false;
  for (const std::uint64_t answer : payload.answers) proven |= proves(now, answer);
  if (!is_open() && rules::opens(proven, state_ == LaneState::failed)) open();
  return true;
}

/// Answers to probes prove that both directions work: one, or several in a row after a failure.
bool Lane::proves(TimePoint now, std::uint64_t answer) {
  if (challenge_answered_ || answer != challenge_) return false;
  challenge_answered_ = true;
  unanswered_ = 0;
  if (state_ == LaneState::open) return false;
  const unsigned needed = state_ == LaneState::failed ? kAnswersAgain : 1;
  if (state_ == LaneState::failed) {  // the pause was for silence
    probe_every_ = kProbeEvery;
    probe_at_ = std::min(probe_at_, now + probe_every_);
  }
  return ++answers_ >= needed;
}

void Lane::open() {
  state_ = LaneState::open;
  probe_every_ = kProbeEvery;
  recovery_.reset_timeouts();
}

void Lane::take_news(TimePoint now, Recovery::News& news) {
  if (rules::reports_lost())
    lost_.insert(lost_.end(), news.lost_frames.begin(), news.lost_frames.end());
  if (news.path_probe_acked) {
    path_mtu_.on_probe_acked(*news.path_probe_acked);
    recovery_.congestion().set_datagram(path_mtu_.size());
  } else if (news.path_probe_lost) {
    path_mtu_.on_probe_lost(now);
  }
}

void Lane::on_tick(TimePoint now) {
  if (now >= recovery_.deadline()) {
    Recovery::News news;
    recovery_.on_timeout(now, news);
    take_news(now, news);
  }
  if (state_ != LaneState::open) {
    // The next probe is the next try; nothing is sent to hurry the last one.
    if (recovery_.timeouts() > 0) recovery_.forget_all(lost_);
  } else if (rules::is_black_hole(recovery_.larger_lost() >= kLargerLostMax) &&
             path_mtu_.on_black_hole(now)) {
    // Small ones are acked, larger ones vanish. What was made for them may not fit any more.
    recovery_.congestion().set_datagram(kDatagramBase);
    hand_back_all();
  } else if (recovery_.timeouts() >= kTimeoutsMax) {
    fail(now);
  }
  if (now >= probe_at_) challenge_again(now);
}

/// ZeroMQ takes over, with everything that is not known to have arrived.
void Lane::fail(TimePoint now) {
  if (!rules::is_left()) return;
  state_ = LaneState::failed;
  answers_ = unanswered_ = 0;
  hand_back_all();
  probe_every_ = kProbeEvery;
  probe_at_ = now + probe_every_;
  challenge_answered_ = true;
}

void Lane::hand_back_all() {
  Congestion& congestion = recovery_.congestion();
  congestion.on_sent(rules::in_flight_after_giving_up(congestion.in_flight()));
  recovery_.forget_all(lost_);
  path_mtu_.on_probe_forgotten();
  for (const Queued& waiting : queue_) lost_.push_back(waiting.id);
  if (!rules::reports_under_way()) lost_.clear();
  queue_.clear();
  queue_bytes_ = 0;
}

/// The time of the next probe has come; it is written with whatever goes next.
void Lane::challenge_again(TimePoint now) {
  // Where a time-out is longer than the pause between probes, each probe puts it off.
  if (is_open() && !challenge_answered_ && ++unanswered_ >= kTimeoutsMax) return fail(now);
  if (state_ == LaneState::probing) {
    // The first ones may overtake the hello that makes the lane known there.
    if (!challenge_answered_) probe_every_ = std::min(probe_every_ * 2, Duration{kProbeEvery});
  } else if (state_ == LaneState::failed && !challenge_answered_) {
    answers_ = 0;
    probe_every_ = std::min(probe_every_ * 2, Duration{kProbeEveryMax});
  }
  challenge_ = random_.next();
  challenge_answered_ = false;
}

// ---- going out
// ------------------------------------------------------------------------------------

/// What the window has room for at once, and what it lets through in kQueueFor.
std::size_t Lane::queue_max() const {
  const Congestion& congestion = recovery_.congestion();
  const auto smoothed = recovery_.round_trip().smoothed();
  if (!smoothed) return kQueueBytesMax;
  const std::size_t window = congestion.window();
  const std::size_t at_once = window - std::min(window, congestion.in_flight());
  const double round_trips = std::chrono::duration<double>{kQueueFor} /
                             std::chrono::duration<double>{std::max(*smoothed, kMicrosecond)};
  const double in_time = round_trips * static_cast<double>(window);
  return in_time < static_cast<double>(kQueueBytesMax)
             ? std::min(kQueueBytesMax, at_once + static_cast<std::size_t>(in_time))
             : kQueueBytesMax;
}

bool Lane::send(const SendId& id, Bytes& frame) {
  if (frame.size() > frame_max() || queue_bytes_ + frame.size() > queue_max()) return false;
  queue_bytes_ += frame.size();
  queue_.push_back({id, std::move(frame)});
  return true;
}

void Lane::begin(Bytes& datagram) const {
  datagram.clear();
  write_header(datagram,
               {.lane = remote_.lane, .token = remote_.token, .number = recovery_.next_number()});
}

std::optional<std::uint32_t> Lane::path_probe_due(TimePoint now) const {
  if (!is_open() || !recovery_.round_trip().smoothed()) return std::nullopt;
  return path_mtu_.probe(now);
}

/// But for pacing. A path probe that is due waits for room; frames would take it for ever.
bool Lane::frames_may_go(TimePoint now) const {
  return is_open() && !queue_.empty() && recovery_.has_room() &&
         recovery_.congestion().may_send(path_mtu_.size()) && !path_probe_due(now);
}

bool Lane::write(TimePoint now, Bytes& datagram) {
  SentPacket packet;
  if (const auto size = path_probe_due(now);
      size && recovery_.has_room() && recovery_.congestion().may_probe_path(*size)) {
    return write_path_probe(now, *size, datagram, packet);
  }
  begin(datagram);
  if (!fill(now, datagram, packet)) return false;
  finish(now, datagram, std::move(packet));
  return true;
}

bool Lane::write_path_probe(TimePoint now, std::uint32_t size, Bytes& datagram,
                            SentPacket& packet) {
  begin(datagram);
  write_probe(datagram, random_.next());  // its ack counts, nobody looks at the answer
  datagram.resize(size);
  packet.eliciting = packet.path_probe = true;
  path_mtu_.on_probe_sent();
  finish(now, datagram, std::move(packet));
  return true;
}

/// Acks and answers first, then a probe that is due, then frames as far as they fit and may go.
bool Lane::fill(TimePoint now, Bytes& datagram, SentPacket& packet) {
  const std::size_t size = path_mtu_.size();
  const Duration smoothed = recovery_.round_trip().smoothed().value_or(Duration{});
  const bool probe_due = now >= probe_at_ && !challenge_answered_;
  const bool probes = probe_due || recovery_.probes_due() > 0;
  const bool frames =
      frames_may_go(now) && recovery_.congestion().paced_at(now, size, smoothed) <= now;
  const auto ack_at = received_.ack_at();
  const bool ack_due = ack_at && *ack_at <= now;
  if (!ack_due && to_answer_.empty() && !probes && !frames) return false;
  // An ack that is not due goes along where a frame leaves room for it.
  const std::size_t ack_bytes = ack_bytes_of(received_.ranges().size());
  const std::size_t front = frames ? kFrameOverhead + queue_.front().frame.size() : 0;
  if (ack_due || (ack_at && datagram.size() + ack_bytes + front <= size)) {
    write_ack(datagram, received_.delay(now), rules::acked(received_.ranges()));
    received_.acked();
  }
  // Answers want no ack: one that is lost is asked for again, and the other side's probes must not
  // put off this side's time-outs.
  for (const std::uint64_t answer : std::exchange(to_answer_, {})) write_answer(datagram, answer);
  if (probes) {
    write_probe(datagram, challenge_);
    packet.eliciting = true;
    if (probe_due) probe_at_ = now + probe_every_;
    recovery_.probe_sent();
  }
  if (frames) write_frames(size, datagram, packet);
  // A lane is none where datagrams of this size vanish (RFC 9000 section 14.1), and is left there.
  if (probes) datagram.resize(std::max<std::size_t>(datagram.size(), kDatagramBase));
  // Datagrams of one size leave the machine together.
  if (frames && !queue_.empty() && (size - datagram.size()) * kPadBelow <= size)
    datagram.resize(size);
  return true;
}

void Lane::write_frames(std::size_t size, Bytes& datagram, SentPacket& packet) {
  for (; !queue_.empty(); queue_.pop_front()) {
    const Queued& next = queue_.front();
    if (datagram.size() + kFrameOverhead + next.frame.size() > size) return;
    write_lane_frame(datagram, next.frame);
    queue_bytes_ -= next.frame.size();
    packet.frames.push_back(next.id);
    packet.eliciting = true;
  }
}

void Lane::finish(TimePoint now, const Bytes& datagram, SentPacket packet) {
  packet.at = now;
  packet.bytes = static_cast<std::uint32_t>(datagram.size());
  if (packet.eliciting) recovery_.congestion().on_paced(datagram.size());
  recovery_.on_sent(std::move(packet));
}

TimePoint Lane::next_deadline(TimePoint now) {
  TimePoint at = std::min(recovery_.deadline(), probe_at_);
  if (const auto ack_at = received_.ack_at()) at = std::min(at, *ack_at);
  if (!is_open()) return at;
  at = std::min(at, std::max(path_mtu_.next_at(), probe_at_));
  if (frames_may_go(now)) {
    const Duration smoothed = recovery_.round_trip().smoothed().value_or(Duration{});
    at = std::min(at, recovery_.congestion().paced_at(now, path_mtu_.size(), smoothed));
  }
  return at;
}

LaneFigures Lane::figures() const {
  return {.number = remote_.lane,
          .state = state_,
          .round_trip = recovery_.round_trip().smoothed(),
          .variation = recovery_.round_trip().variation(),
          .path_mtu = path_mtu_.size(),
          .window = recovery_.congestion().window(),
          .in_flight = recovery_.congestion().in_flight(),
          .room = remote_.window,
          .queued = queue_bytes_,
          .heard = last_heard_,
          .sent = recovery_.sent(),
          .sent_lost = recovery_.lost(),
          .received = received_.count(),
          .received_missing = received_.missing(),
          .repeats = received_.repeats()};
}

}  // namespace podring::lane
