#include "core/status_table.h"

#include <algorithm>
#include <utility>

namespace podring {

StatusTable::StatusTable(Identity self, StatusLimits limits)
    : self_{std::move(self)}, limits_{limits} {}

void StatusTable::set_own(TimePoint now, PeerStatus status) {
  own_set_at_ = now;
  Known& own = known_[self_.address];
  const bool changed = own_version_ == 0 || differs_at_a_glance(own.status, status);
  own.status = std::move(status);
  own.told_at = own.details_at = now;
  own.has_details = true;
  if (!changed && now - own_told_at_ < limits_.round) return;
  own.version = ++own_version_;
  own_told_at_ = now;
  spread(own, changed, {});
}

bool StatusTable::take(TimePoint now, BootId from, ByteView bytes) {
  auto list = read_statuses(bytes);
  if (!list) return false;
  for (ToldStatus& told : *list) take_one(now, from, told);
  return true;
}

void StatusTable::take_one(TimePoint now, BootId from, ToldStatus& told) {
  const Identity identity = told.status.identity;
  if (identity.address == self_.address || told.age >= limits_.kept) return;
  const TimePoint told_at = now - told.age;
  const auto found = known_.find(identity.address);
  if (found == known_.end() && known_.size() >= limits_.peers) {
    ++left_out_;
    return;
  }
  const bool same = found != known_.end() && found->second.status.identity.boot == identity.boot;
  if (same ? told.version <= found->second.version
           : found != known_.end() && told_at <= found->second.told_at) {
    if (same && told.version == found->second.version) forget_change(from, identity.address);
    return;
  }
  Known& known = same ? found->second : known_[identity.address];
  if (!same) known = Known{};
  PeerStatus next = std::move(told.status);
  if (told.brief && known.has_details) {  // the details of an older telling stay, with their age
    PeerStatus merged = known.status;
    merged.leaving = next.leaving;
    merged.suspects = std::move(next.suspects);
    merged.suspect_count = next.suspect_count;
    next = std::move(merged);
  }
  const bool changed = !same || differs_at_a_glance(known.status, next);
  known.status = std::move(next);
  known.version = told.version;
  known.told_at = told_at;
  if (!told.brief) {
    known.details_at = told_at;
    known.has_details = true;
  }
  spread(known, changed, from);
}

/// The neighbour has at least this, so it need not hear it from here.
void StatusTable::forget_change(BootId neighbour, Address address) {
  const auto sender = neighbours_.find(neighbour);
  if (sender == neighbours_.end()) return;
  sender->second.changed.erase(address);
  sender->second.refreshed.erase(address);
}

void StatusTable::spread(const Known& known, bool changed, BootId but_not) {
  const Address address = known.status.identity.address;
  for (auto& [boot, neighbour] : neighbours_) {
    if (boot == but_not || boot == known.status.identity.boot) {
      neighbour.changed.erase(address);
      neighbour.refreshed.erase(address);
    } else if (changed) {
      neighbour.refreshed.erase(address);
      neighbour.changed.insert(address);
    } else if (!neighbour.changed.contains(address)) {
      neighbour.refreshed.insert(address);
    }
  }
}

void StatusTable::forget(TimePoint now, std::span<const Address> view) {
  std::erase_if(known_, [&](const auto& entry) {
    return entry.first != self_.address && now - entry.second.told_at >= limits_.kept &&
           !std::binary_search(view.begin(), view.end(), entry.first);
  });
  std::erase_if(neighbours_,
                [&](const auto& entry) { return now - entry.second.asked_at >= limits_.round; });
}

Bytes StatusTable::next_for(TimePoint now, BootId neighbour, std::uint64_t session) {
  Neighbour& to = neighbours_[neighbour];
  if (to.session != session) {  // it is to hear everything
    to = Neighbour{};
    to.session = session;
    to.round_from = now;
    to.batch_at = now + limits_.batch;
    for (const auto& [address, known] : known_) {
      if (known.status.identity.boot != neighbour) to.changed.insert(address);
    }
  }
  to.asked_at = now;
  if (now - to.round_from >= limits_.round) {
    to.round_from = now;
    to.round_spent = 0;
  }
  Bytes out;
  Stopped stopped = append_from(to.changed, limits_.round_bytes, now, to, out);
  if (stopped == Stopped::nothing_waits && now >= to.batch_at) {
    stopped = append_from(to.refreshed, limits_.round_bytes / 4 * 3, now, to, out);
    if (stopped == Stopped::nothing_waits) to.batch_at = now + limits_.batch;
  }
  to.full = stopped == Stopped::round_full;
  to.round_spent += out.size();
  return out;
}

StatusTable::Stopped StatusTable::append_from(std::set<Address>& waiting, std::size_t round_bytes,
                                              TimePoint now, Neighbour& to, Bytes& out) const {
  auto at = waiting.upper_bound(to.last);
  while (!waiting.empty()) {
    if (at == waiting.end()) at = waiting.begin();
    const auto found = known_.find(*at);
    if (found == known_.end() || now - found->second.told_at >= limits_.kept) {
      at = waiting.erase(at);  // too old to be news
      continue;
    }
    const Known& known = found->second;
    // Half of a round's bytes go to whole entries, the other half to brief ones: beyond what fits,
    // everybody's state is still told, and details less often.
    const std::size_t spent = to.round_spent + out.size();
    const std::size_t before = out.size();
    append_status(out, {known.status, known.version, now - known.told_at,
                        !known.has_details || spent * 2 >= limits_.round_bytes});
    const bool round_full = to.round_spent + out.size() > round_bytes;
    if (round_full || out.size() > limits_.frame_bytes) {
      out.resize(before);
      return round_full ? Stopped::round_full : Stopped::frame_full;
    }
    to.last = *at;
    at = waiting.erase(at);
  }
  return Stopped::nothing_waits;
}

TimePoint StatusTable::next_deadline() const {
  TimePoint at = own_version_ == 0 ? TimePoint{} : own_told_at_ + limits_.round;
  for (const auto& [boot, neighbour] : neighbours_) {
    if (neighbour.asked_at < own_set_at_) continue;  // it is gone, or not a neighbour any more
    if (neighbour.changed.empty() && neighbour.refreshed.empty()) continue;
    at = std::min(at, neighbour.full              ? neighbour.round_from + limits_.round
                      : neighbour.changed.empty() ? neighbour.batch_at
                                                  : neighbour.asked_at + limits_.batch);
  }
  return at;
}

}  // namespace podring
