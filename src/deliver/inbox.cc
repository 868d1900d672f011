#include "deliver/inbox.h"

#include <algorithm>
#include <utility>

namespace podring::deliver {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 250ms;  // whether the client that waits is still there

}  // namespace

Inbox::Inbox(Options options, std::function<void()> wake)
    : options_{options}, wake_{std::move(wake)} {}

bool Inbox::offer(TimePoint now, Delivery delivery) {
  {
    const std::lock_guard lock{mutex_};
    if (entries_.size() >= options_.waiting_max) return false;
    const DeliveryNumber number = delivery.number;
    by_id_.emplace(delivery.id, number);
    const auto at =
        entries_.emplace(number, Entry{std::move(delivery), now, now + options_.timeout, now, 0})
            .first;
    if (away_ && pulls_waiting_ == 0) {
      finish(now, at, Outcome::no_program, "nobody has asked for messages for a while");
    }
  }
  arrived_.notify_one();
  return true;
}

std::vector<DeliveryResult> Inbox::take_results() {
  const std::lock_guard lock{mutex_};
  return std::exchange(results_, {});
}

void Inbox::on_tick(TimePoint now) {
  const std::lock_guard lock{mutex_};
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto entry = at++;
    if (now < entry->second.until) break;  // all wait equally long
    if (entry->second.offers > 0) {
      finish(now, entry, Outcome::timed_out, "it was handed out and not acknowledged in time");
      continue;
    }
    const bool asked = pulls_waiting_ > 0 || (last_pull_ && *last_pull_ >= entry->second.arrived);
    if (!asked && !away_) {
      away_ = true;
      ++times_away_;
    }
    finish(now, entry, asked ? Outcome::timed_out : Outcome::no_program,
           asked ? "the program asked for others and not for this one in time"
                 : "nobody asked for messages in time");
  }
  if (!away_) return;
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto entry = at++;
    if (entry->second.offers > 0) continue;
    finish(now, entry, Outcome::no_program, "nobody has asked for messages for a while");
  }
}

TimePoint Inbox::next_deadline() const {
  const std::lock_guard lock{mutex_};
  return entries_.empty() ? TimePoint::max() : entries_.begin()->second.until;
}

Inbox::Stats Inbox::stats() const {
  const std::lock_guard lock{mutex_};
  return {entries_.size(), away_, times_away_, offers_};
}

std::vector<Inbox::Offer> Inbox::pull(std::size_t max, std::chrono::milliseconds wait,
                                      const std::function<TimePoint()>& clock,
                                      const std::function<bool()>& still_there) {
  std::unique_lock lock{mutex_};
  TimePoint now = clock();
  const TimePoint until = now + wait;
  ++pulls_waiting_;
  std::vector<Offer> offers;
  while (true) {
    last_pull_ = now;
    away_ = false;
    if (still_there()) offers = due(now, max);
    if (!offers.empty() || closed_ || now >= until || !still_there()) break;
    arrived_.wait_for(lock, std::min<Duration>(until - now, kLookEvery));
    now = clock();
  }
  --pulls_waiting_;
  return offers;
}

std::size_t Inbox::acknowledge(TimePoint now, const std::vector<Ack>& acks) {
  std::size_t known = 0;
  {
    const std::lock_guard lock{mutex_};
    for (const Ack& ack : acks) {
      const auto found = by_id_.find(ack.id);
      if (found == by_id_.end()) continue;
      const auto entry = entries_.find(found->second);
      if (entry->second.offers == 0) continue;  // nobody can have read it
      ++known;
      finish(now, entry, ack.delivered ? Outcome::delivered : Outcome::refused,
             ack.delivered ? "" : "the program refused it", ack.answer.substr(0, kAnswerBytesMax));
    }
  }
  if (known > 0) wake_();
  return known;
}

void Inbox::close() {
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  arrived_.notify_all();
}

void Inbox::finish(TimePoint now, Entries::iterator entry, Outcome outcome, std::string detail,
                   std::string answer) {
  DeliveryResult result;
  result.number = entry->first;
  result.id = entry->second.delivery.id;
  result.outcome = outcome;
  result.attempts = entry->second.offers;
  result.took = std::chrono::duration_cast<std::chrono::microseconds>(now - entry->second.arrived);
  result.detail = std::move(detail);
  result.answer = std::move(answer);
  results_.push_back(std::move(result));
  const auto [first, last] = by_id_.equal_range(entry->second.delivery.id);
  by_id_.erase(
      std::find_if(first, last, [&](const auto& known) { return known.second == entry->first; }));
  entries_.erase(entry);
}

std::vector<Inbox::Offer> Inbox::due(TimePoint now, std::size_t max) {
  std::vector<Offer> offers;
  std::size_t bytes = 0;
  for (auto& [number, entry] : entries_) {
    if (offers.size() == max) break;
    if (entry.offer_at > now) continue;
    bytes += entry.delivery.body.size();
    if (bytes > kPullBytesMax && !offers.empty()) break;
    entry.offer_at = now + kOfferAgain;
    ++entry.offers;
    ++offers_;
    offers.push_back({entry.delivery, entry.offers});
  }
  return offers;
}

}  // namespace podring::deliver
