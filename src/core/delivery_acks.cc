// The successor's acks: what they say of replicas, what they release, and when is sent again.
#include <algorithm>

#include "core/check.h"
#include "core/delivery.h"

namespace podring {
namespace {

constexpr std::size_t kPrefetched = 6;  // entries ahead that are fetched while one is worked on

}  // namespace

void Delivery::on_ack(OutSession& link, const AckFrame& ack) {
  const LinkId id = link.id;
  const bool had_credit = link.window.credit().any();
  // Overtaken by a newer one: what it says of credit and of replicas further on may be past.
  const bool stale = !link.window.take_credit(ack.number, {ack.credit_envelopes, ack.credit_bytes});
  AckEffect effect;
  for (const AckRange& range : ack.ranges) {
    if (link.window.empty()) break;
    on_range(link, range, stale, effect);
  }
  PODRING_CHECK(out_.find(id) == &link);
  restart_timers(link, effect, had_credit);
}

void Delivery::on_range(OutSession& link, const AckRange& range, bool stale, AckEffect& effect) {
  SendWindow& window = link.window;
  const std::uint64_t first = std::max(range.range.first, window.base());
  const std::uint64_t end = std::min(range.range.last, window.end() - 1) + 1;
  for (std::uint64_t sequence = first; sequence < end; ++sequence) {
    if (!window.contains(sequence)) continue;  // its front was released on the way
    prefetch(window, sequence + kPrefetched);
    SendWindow::Slot& slot = window.at(sequence);
    if (slot.entry == kNoEntry) continue;
    const bool news = !slot.received;
    if (news) on_first_received(link, slot, effect);
    if (rules::releases(range.level)) {
      release(slot.entry, range.level == AckLevel::final);
      effect.released_any = true;
    } else if (!stale || news) {
      CustodyEntry& entry = custody_[slot.entry];
      const CopiesOn copies_on = entry.envelope.head.copies_on;
      const bool names_one = range.replica_count > 0 && !stale;
      Custody::set_replicas(entry, local_.site(copies_on), link.sites[static_cast<int>(copies_on)],
                            names_one ? std::optional{range.replica} : std::nullopt);
      update_level(slot.entry);
    }
  }
}

void Delivery::prefetch(const SendWindow& window, std::uint64_t sequence) const {
  if (const EntryIndex entry = window.entry_of(sequence); entry != kNoEntry)
    custody_.prefetch(entry);
}

void Delivery::on_first_received(OutSession& link, SendWindow::Slot& slot, AckEffect& effect) {
  CustodyEntry& entry = custody_[slot.entry];
  const bool counted = entry.in_queue();
  entry.received = true;
  if (counted && !entry.in_queue()) count_out(entry);
  if (!slot.resent) effect.sampled = slot.sent_at;  // Karn
  link.window.on_received(turn_.steady(), slot);
  queue_.note_progress(turn_.steady());
  effect.received_any = true;
}

void Delivery::restart_timers(OutSession& link, const AckEffect& effect, bool had_credit) {
  const TimePoint now = turn_.steady();
  Retries& retries = link.retries;
  if (effect.sampled) link.round_trip.sample(now - *effect.sampled);
  const std::uint64_t before = link.window.oldest_unreceived_before();
  if (link.window.oldest_unreceived() > before) {
    retries.resends = 0;
    link.timers.set(LinkTimer::resend, now + out_.timeout(link, 0));
  }
  if (link.window.unreceived() == 0) link.timers.stop(LinkTimer::resend);
  if (effect.received_any && !had_credit && !link.window.credit().any()) {
    // It takes without credit what it holds a copy of. After a failure that is what was rerouted
    // here: a ring whose peers are all full gets it off its queues before anything else can move.
    retries.offered = std::min(2 * retries.offered, Retries::kOfferMax);
    if (link.window.unreceived() > 0) {
      link.timers.set(LinkTimer::resend, now);
    } else {
      retries.offer_at = now;
    }
  }
  out_.use_credit(link, had_credit);
  if (effect.released_any) retries.asks = 0;
  if (link.window.unsafe() == 0) {
    link.timers.stop(LinkTimer::ask);
  } else if (effect.released_any || !link.timers.is_on(LinkTimer::ask)) {
    link.timers.set(LinkTimer::ask, now + out_.timeout(link, retries.asks));
  }
}

}  // namespace podring
