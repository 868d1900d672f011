// The view and its health: whom a peer knows, who is suspected, and who is its successor.
#include <algorithm>
#include <iterator>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr auto kStrikesForgottenAfter = std::chrono::seconds{60};

}  // namespace

void Peer::State::take_names(std::span<const Address> addresses) {
  if (fixed_view) return;
  std::vector<Address> fresh(addresses.begin(), addresses.end());
  std::sort(fresh.begin(), fresh.end());
  fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
  std::erase(fresh, self.address);
  std::vector<Address> missing;
  std::set_difference(base.begin(), base.end(), fresh.begin(), fresh.end(),
                      std::back_inserter(missing));
  if (!missing.empty() && missing.size() * 2 >= base.size() + 1) {
    // Half of the view or more: only what the last answer missed as well goes now.
    std::vector<Address> next = fresh;
    for (const Address& address : missing) {
      if (!missing_once.contains(address)) next.push_back(address);
    }
    std::sort(next.begin(), next.end());
    missing_once = {missing.begin(), missing.end()};
    fresh = std::move(next);
  } else {
    missing_once.clear();
  }
  set_base(std::move(fresh));
}

void Peer::State::set_base(std::vector<Address> addresses) {
  for (const Address& member : ring.members()) {
    if (member == self.address || std::binary_search(addresses.begin(), addresses.end(), member))
      continue;
    if (has_live_link(member)) kept.insert(member);
  }
  for (const Address& address : addresses) kept.erase(address);
  if (addresses == base && kept.empty()) return;
  base = std::move(addresses);
  rebuild_view();
}

void Peer::State::rebuild_view() {
  std::vector<Address> members = base;
  members.insert(members.end(), kept.begin(), kept.end());
  std::erase_if(members, [this](Address address) {
    const auto found = health.find(address);
    return found != health.end() && found->second.departed;
  });
  std::erase_if(health, [this](const auto& entry) {
    const auto& [address, known] = entry;
    return known.departed && !std::binary_search(base.begin(), base.end(), address) &&
           link_to(address) == nullptr;
  });
  Ring next{self.address, members};
  if (next == ring) return;
  ViewChanged change;
  std::set_difference(next.members().begin(), next.members().end(), ring.members().begin(),
                      ring.members().end(), std::back_inserter(change.added));
  std::set_difference(ring.members().begin(), ring.members().end(), next.members().begin(),
                      next.members().end(), std::back_inserter(change.removed));
  change.digest = next.digest();
  change.size = static_cast<std::uint32_t>(next.size());
  ring = std::move(next);
  view_changed_at = now.steady;
  emit(std::move(change));
  std::erase_if(health, [this](const auto& entry) {
    return !entry.second.departed && !ring.contains(entry.first) && link_to(entry.first) == nullptr;
  });
  std::erase_if(reported, [this](const auto& entry) { return !ring.contains(entry.first); });
  refresh_links();
}

bool Peer::State::has_live_link(Address address) const {
  const auto found = health.find(address);
  if (found != health.end() && (found->second.leaving || found->second.departed)) return false;
  for (const auto& link : links) {
    if (link->to == address && link->is_up()) return true;
  }
  for (const Inbound& session : inbound) {
    if (session.used && session.role == Role::peer && session.remote.address == address &&
        !session.leaving && now.steady - session.last_heard < settings.silent_after) {
      return true;
    }
  }
  return false;
}

void Peer::State::suspect(Address address, BootId boot) {
  Health& known = health[address];
  if (boot.value != 0) known.boot = boot;
  if (!known.suspected) {
    const bool again =
        known.strikes > 0 && now.steady - known.suspected_at < kStrikesForgottenAfter;
    known.suspected = true;
    known.strikes = again ? known.strikes + 1 : 1;
    known.suspected_at = now.steady;
    ++counters.suspicions;
  }
  known.answering_since = TimePoint::max();
  known.probe_at = now.steady + settings.probe_every;
}

void Peer::State::report_health(Address address, PeerHealth::State state) {
  const auto found = reported.find(address);
  const PeerHealth::State before = found == reported.end() ? PeerHealth::State::up : found->second;
  if (before == state) return;
  reported[address] = state;
  emit(PeerHealth{address, state});
}

/// Dials what is missing, chooses the best link that is up, and tells whom it passes over.
void Peer::State::refresh_links() {
  const auto distance_less = [this](Address a, Address b) {  // going upward from here
    const bool a_wraps = a < self.address;
    const bool b_wraps = b < self.address;
    return a_wraps != b_wraps ? b_wraps : a < b;
  };
  const auto known_of = [this](Address address) -> const Health* {
    const auto found = health.find(address);
    return found == health.end() ? nullptr : &found->second;
  };
  // Healthy before leaving before on probation; then the first in ring order.
  const Link* best = nullptr;
  int best_class = 3;
  for (const auto& link : links) {
    if (!link->is_up() || !ring.contains(link->to)) continue;
    const Health* known = known_of(link->to);
    const int its_class = known == nullptr ? 0 : known->suspected ? 2 : known->leaving ? 1 : 0;
    if (its_class < best_class || (its_class == best_class && distance_less(link->to, best->to))) {
      best = link.get();
      best_class = its_class;
    }
  }
  // Candidates in front of it: unsuspected ones, a few at once; leaving ones only for want of
  // others.
  unsigned dialling = 0;
  std::vector<Address> passed_over;
  std::optional<Address> leaving_candidate;
  Address at = self.address;
  for (std::size_t i = 1; i < ring.size(); ++i) {
    at = ring.next(at);
    if (best != nullptr && best_class == 0 && at == best->to) break;
    const Health* known = known_of(at);
    if (known != nullptr && known->suspected) {
      passed_over.push_back(at);
      continue;
    }
    if (known != nullptr && known->leaving) {
      if (!leaving_candidate) leaving_candidate = at;
      passed_over.push_back(at);
      continue;
    }
    if (dialling == dial_width) {  // what lies in front of the best one is passed over all the same
      if (best == nullptr || !distance_less(at, best->to)) break;
      passed_over.push_back(at);
      continue;
    }
    passed_over.push_back(at);
    ++dialling;
    if (link_to(at) == nullptr) dial(at);
  }
  if (best_class > 0 && dialling == 0 && leaving_candidate &&
      link_to(*leaving_candidate) == nullptr) {
    dial(*leaving_candidate);
  }

  const LinkId before = target;
  target = best == nullptr ? 0 : best->id;
  if (best != nullptr) {
    for (const Address& address : passed_over) {
      if (!distance_less(address, best->to)) continue;
      const Health* known = known_of(address);
      const bool is_leaving = known != nullptr && known->leaving && !known->suspected;
      report_health(address, is_leaving ? PeerHealth::State::leaving : PeerHealth::State::down);
    }
    report_health(best->to, PeerHealth::State::up);
  }
  if (target != before) {
    if (Link* old = link_by_id(before); old != nullptr) old->idle_since = now.steady;
    moved_at = now.steady;
  }
  const std::optional<Address> successor = best == nullptr ? std::nullopt : std::optional{best->to};
  if (successor != successor_told) {
    successor_told = successor;
    emit(SuccessorChanged{successor});
  }
}

}  // namespace podring
