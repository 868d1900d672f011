#include "observe/recents.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace podring::observe {
namespace {

/// At most `bytes_max` bytes, cut between characters.
std::string_view cut_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

Recents::Recents(const Identity& self, RecentsLimits limits)
    : self_{self.boot}, pod_{self.pod}, limits_{limits} {
  entries_.reserve(limits_.messages);
  by_id_.reserve(limits_.messages + 1);
}

void Recents::take(Now now, std::vector<Event>& events) {
  const std::lock_guard lock{mutex_};
  for (Event& event : events) take_one(now, event);
}

void Recents::take_one(Now now, Event& event) {
  if (auto* visit = std::get_if<Visited>(&event)) {
    Entry& entry = touch(now, visit->envelope.head.id);
    entry.seeded_here |= visit->envelope.head.hop == 0 && visit->envelope.head.id.boot == self_;
    ++entry.visits;
    entry.sender = visit->sender;
    keep(entry, visit->envelope);
  } else if (auto* end = std::get_if<Ended>(&event)) {
    Entry& entry = touch(now, end->envelope.head.id);
    if (entry.ended != End::completed) entry.ended = end->end;  // completed on one branch is that
    entry.ended_here = true;
    keep(entry, end->envelope);
  } else if (auto* receipt = std::get_if<ReceiptArrived>(&event)) {
    Entry& entry = touch(now, receipt->envelope.head.id);
    if (entry.ended != End::completed) entry.ended = receipt->end;
    keep(entry, receipt->envelope);
  } else if (const auto* safe = std::get_if<SafeConfirmed>(&event)) {
    touch(now, safe->id).safe = true;
  } else if (const auto* seeded = std::get_if<Seeded>(&event)) {
    for (std::uint32_t i = 0; i < seeded->count; ++i) {
      Entry& entry = touch(now, {seeded->first.boot, seeded->first.counter + i});
      entry.seeded_here = true;
      entry.sender = seeded->sender;
    }
  }
}

void Recents::note(Now now, const ProgramAnswered& answered) {
  if (answered.visit.hop > 0) return;  // the envelope carries it
  const std::lock_guard lock{mutex_};
  if (by_id_.contains(answered.id)) touch(now, answered.id).at_origin = answered.visit;
}

/// The id's entry, made when it is new, and moved to the front.
Recents::Entry& Recents::touch(Now now, EnvelopeId id) {
  const auto found = by_id_.find(id);
  std::uint32_t index = kNone;
  if (found != by_id_.end()) {
    index = found->second;
    if (index != newest_) {
      unlink(index);
      link_newest(index);
    }
  } else {
    if (by_id_.size() >= limits_.messages) forget_oldest();
    if (free_.empty()) {
      index = static_cast<std::uint32_t>(entries_.size());
      entries_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Entry& fresh = entries_[index];
    fresh.envelope.head = {};
    fresh.envelope.head.id = id;
    fresh.since = now.wall;
    by_id_.emplace(id, index);
    link_newest(index);
  }
  entries_[index].last = now.wall;
  return entries_[index];
}

void Recents::keep(Entry& entry, Envelope& envelope) {
  bytes_ -= entry.envelope.tail.size();
  std::swap(entry.envelope, envelope);
  bytes_ += entry.envelope.tail.size();
  while (bytes_ > limits_.bytes && oldest_ != newest_) forget_oldest();
}

void Recents::forget_oldest() {
  const std::uint32_t index = oldest_;
  Entry& entry = entries_[index];
  by_id_.erase(entry.envelope.head.id);
  bytes_ -= entry.envelope.tail.size();
  unlink(index);
  entry = Entry{};
  free_.push_back(index);
  ++forgotten_;
}

void Recents::link_newest(std::uint32_t index) {
  entries_[index].newer = kNone;
  entries_[index].older = newest_;
  if (newest_ != kNone) entries_[newest_].newer = index;
  newest_ = index;
  if (oldest_ == kNone) oldest_ = index;
}

void Recents::unlink(std::uint32_t index) {
  const Entry& entry = entries_[index];
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
}

/// The visits, and what the programs said.
void Recents::add_visits(const Entry& entry, Recent& shown) const {
  Journey journey = journey_of(entry.envelope);
  shown.trace = std::move(journey.trace);
  shown.last_visit = std::move(journey.last_visit);
  if (entry.ended_here && !shown.last_visit) {
    shown.last_visit = VisitRecord{pod_, entry.last};
    const auto outcomes = annotations_of(entry.envelope).outcomes;
    if (!outcomes.empty() && outcomes.back().hop == entry.envelope.head.hop) {
      shown.last_visit->outcome = outcomes.back();
    }
  }
  if (entry.at_origin && !shown.trace.empty() && !shown.trace.front().outcome) {
    shown.trace.front().outcome = entry.at_origin;
  }
}

Recent Recents::show(const Entry& entry) const {
  const Envelope& envelope = entry.envelope;
  Recent shown;
  shown.id = envelope.head.id;
  shown.message = cut_text(envelope.message(), limits_.message_bytes);
  shown.message_bytes = envelope.message_bytes;
  shown.seeded_here = entry.seeded_here;
  shown.safe = entry.safe;
  shown.ended = entry.ended;
  shown.hop = envelope.head.hop;
  shown.lap = envelope.head.lap;
  shown.visits = entry.visits;
  shown.sender = entry.sender;
  shown.trace_omitted = envelope.trace_omitted;
  add_visits(entry, shown);
  shown.detours = envelope.detours;
  shown.since = entry.since;
  shown.last = entry.last;
  return shown;
}

std::vector<Recent> Recents::latest(std::size_t count) const {
  std::vector<Entry> copies;  // so that the loop waits for copying, and not for reading traces
  {
    const std::lock_guard lock{mutex_};
    copies.reserve(std::min(count, by_id_.size()));
    for (std::uint32_t index = newest_; index != kNone && copies.size() < count;
         index = entries_[index].older) {
      copies.push_back(entries_[index]);
    }
  }
  std::vector<Recent> shown;
  shown.reserve(copies.size());
  for (const Entry& entry : copies) shown.push_back(show(entry));
  return shown;
}

std::optional<Recent> Recents::find(EnvelopeId id) const {
  Entry copy;
  {
    const std::lock_guard lock{mutex_};
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return std::nullopt;
    copy = entries_[found->second];
  }
  return show(copy);
}

std::uint64_t Recents::forgotten() const {
  const std::lock_guard lock{mutex_};
  return forgotten_;
}

}  // namespace podring::observe
