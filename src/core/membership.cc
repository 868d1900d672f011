#include "core/membership.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace podring {
namespace {

constexpr auto kRefusedProbeAfter = std::chrono::seconds{5};
constexpr unsigned kDialWidthMax = 8;
constexpr std::size_t kProbesMax = 8;   // under way
constexpr std::size_t kProbesNear = 4;  // of them for the nearest, whenever they are due
constexpr auto kWidenedTogether = std::chrono::milliseconds{50};  // failures of one round

}  // namespace

const Contacts::Link* Contacts::link_to(Address address) const {
  const auto found = std::find_if(links.begin(), links.end(),
                                  [address](const Link& link) { return link.to == address; });
  return found == links.end() ? nullptr : &*found;
}

bool Contacts::is_live(Address address) const {
  const Link* link = link_to(address);
  return (link != nullptr && link->up) ||
         std::find(diallers.begin(), diallers.end(), address) != diallers.end();
}

// ---- names

bool Membership::take_names(std::span<const Address> addresses, const Contacts& contacts) {
  if (fixed_) return false;
  return set_names(view_.guarded(view_.others_in(addresses)), contacts);
}

bool Membership::set_fixed(std::span<const Address> addresses, const Contacts& contacts) {
  fixed_ = true;
  return set_names(view_.others_in(addresses), contacts);
}

bool Membership::set_names(std::vector<Address> names, const Contacts& contacts) {
  const auto live = [&](Address address) { return is_live(address, contacts); };
  return view_.set_names(std::move(names), live) && rebuild(contacts);
}

bool Membership::is_member(Address address) const {
  if (ring().contains(address) || view_.is_named(address)) return true;
  const auto former = former_.find(address);
  return former != former_.end() && turn_.steady() < former->second;
}

bool Membership::drop_dead(const Contacts& contacts) {
  const auto live = [&](Address address) { return is_live(address, contacts); };
  return view_.drop_kept_unless(live) && rebuild(contacts);
}

bool Membership::is_live(Address address, const Contacts& contacts) const {
  return !health_.is_going(address) && contacts.is_live(address);
}

bool Membership::rebuild(const Contacts& contacts) {
  const auto departed = [this](Address address) { return health_.is_departed(address); };
  std::optional<ViewChanged> change = view_.rebuild(turn_.steady(), departed);
  health_.erase_if([&](Address address, const Health& known) {
    return known.departed && !view_.is_named(address) && contacts.link_to(address) == nullptr;
  });
  if (!change) return false;
  std::erase_if(former_, [this](const auto& one) { return one.second <= turn_.steady(); });
  for (const Address& gone : change->removed) {
    if (former_.size() < kFormerMax) former_[gone] = turn_.steady() + kMemberFor;
  }
  turn_.emit(std::move(*change));
  health_.erase_if([&](Address address, const Health& known) {
    return !known.departed && !ring().contains(address) && contacts.link_to(address) == nullptr;
  });
  std::erase_if(reported_, [this](const auto& entry) { return !ring().contains(entry.first); });
  return true;
}

// ---- what links show

void Membership::on_up(Address address, BootId boot, bool leaving, const Contacts& contacts) {
  dial_width_ = 1;
  Health* known = health_.find(address);
  if (known == nullptr) {
    if (!leaving) return;
    known = &health_.at(address);
  }
  const bool was_departed = known->departed;
  if (known->boot != boot) *known = Health{};  // somebody else sits there now
  known->boot = boot;
  known->departed = false;
  known->leaving = leaving;
  known->answering_since = turn_.steady();
  if (known->suspected && known->probation_is_over(turn_.steady())) known->suspected = false;
  if (was_departed) rebuild(contacts);
}

bool Membership::on_lost(const Loss& loss, const Contacts& contacts) {
  const bool is_known = ring().contains(loss.address) || view_.is_named(loss.address) ||
                        health_.find(loss.address) != nullptr;
  if (!is_known) return false;  // an origin that was dialled for its receipt: no member, no health
  const bool news = health_.suspect(turn_.steady(), settings_.probe_every, loss.address, loss.boot);
  if (news) ++turn_.counters.suspicions;
  Health& known = health_.at(loss.address);
  if (loss.refused) known.probe_at = turn_.steady() + kRefusedProbeAfter;
  if (news) widen(loss);
  if (known.leaving && loss.broken && !known.departed) {
    known.departed = true;
    view_.drop_kept(loss.address);
    rebuild(contacts);
  } else if (view_.is_kept(loss.address) && !is_live(loss.address, contacts)) {
    view_.drop_kept(loss.address);
    rebuild(contacts);
  }
  return news;
}

/// Nobody answers there: more candidates at once.
void Membership::widen(const Loss& loss) {
  if (loss.was_up || turn_.steady() - widened_at_ <= kWidenedTogether) return;
  dial_width_ = std::min(dial_width_ * 2, kDialWidthMax);
  widened_at_ = turn_.steady();
}

bool Membership::on_hello(Address address, BootId boot, bool leaving, const Contacts& contacts) {
  Health* known = health_.find(address);
  if (known == nullptr) return false;
  if (known->boot == boot) {
    known->leaving = leaving;
    known->probe_at = turn_.steady();
    return true;
  }
  const bool was_departed = known->departed;
  health_.erase(address);
  if (was_departed) rebuild(contacts);
  return true;
}

bool Membership::on_leaving(Address address, BootId boot) {
  if (!is_member(address) && health_.find(address) == nullptr) return false;
  Health& known = health_.at(address);
  if (known.boot.value != 0 && known.boot != boot) known = Health{};
  known.boot = boot;
  if (known.leaving) return false;
  known.leaving = true;
  report(address, PeerHealth::State::leaving);
  return true;
}

bool Membership::on_answering(Address address) {
  Health* known = health_.find(address);
  if (known == nullptr || !known->suspected || !known->probation_is_over(turn_.steady()))
    return false;
  known->suspected = false;
  return true;
}

// ---- what follows

/// Going upward from here.
bool Membership::is_nearer(Address a, Address b) const {
  const bool a_wraps = a < self_;
  const bool b_wraps = b < self_;
  return a_wraps != b_wraps ? b_wraps : a < b;
}

Membership::Rank Membership::rank_of(Address address) const {
  const Health* known = health_.find(address);
  if (known == nullptr) return Rank::healthy;
  if (known->suspected) return Rank::on_probation;
  return known->leaving ? Rank::leaving : Rank::healthy;
}

/// Healthy before leaving before on probation; then the first in ring order.
Membership::Best Membership::best_link(const Contacts& contacts) const {
  Best best;
  for (const Contacts::Link& link : contacts.links) {
    if (!link.up || !ring().contains(link.to)) continue;
    const Rank rank = rank_of(link.to);
    if (rank < best.rank || (rank == best.rank && is_nearer(link.to, *best.address)))
      best = {link.to, rank};
  }
  return best;
}

Membership::Choice Membership::choose(const Contacts& contacts) {
  const Best best = best_link(contacts);
  const Candidates candidates = candidates_before(best);
  Choice choice{best.address, {}};
  for (const Address address : candidates.healthy) {
    if (contacts.link_to(address) == nullptr) choice.dial.push_back(address);
  }
  // Leaving ones are dialled only for want of others.
  const std::optional<Address> leaving = candidates.leaving;
  if (best.rank != Rank::healthy && candidates.healthy.empty() && leaving &&
      contacts.link_to(*leaving) == nullptr)
    choice.dial.push_back(*leaving);
  if (best.address) report_passed_over(candidates.passed_over, *best.address);
  return choice;
}

/// Those in front of the best link, or of nobody: unsuspected ones, a few at once.
Membership::Candidates Membership::candidates_before(const Best& best) const {
  Candidates candidates;
  Address at = self_;
  for (std::size_t i = 1; i < ring().size(); ++i) {
    at = ring().next(at);
    if (best.rank == Rank::healthy && at == *best.address) break;
    const Rank rank = rank_of(at);
    if (rank == Rank::leaving && !candidates.leaving) candidates.leaving = at;
    if (rank == Rank::healthy && candidates.healthy.size() < dial_width_) {
      candidates.healthy.push_back(at);
    } else if (rank == Rank::healthy && !(best.address && is_nearer(at, *best.address))) {
      break;  // what lies in front of the best one is passed over all the same
    }
    candidates.passed_over.push_back(at);
  }
  return candidates;
}

void Membership::report_passed_over(std::span<const Address> passed_over, Address best) {
  for (const Address& address : passed_over) {
    if (!is_nearer(address, best)) continue;
    report(address, rank_of(address) == Rank::leaving ? PeerHealth::State::leaving
                                                      : PeerHealth::State::down);
  }
  report(best, PeerHealth::State::up);
}

void Membership::set_successor(std::optional<Address> successor) {
  if (successor == successor_) return;
  successor_ = successor;
  turn_.emit(SuccessorChanged{successor});
}

void Membership::report(Address address, PeerHealth::State state) {
  const auto found = reported_.find(address);
  const PeerHealth::State before = found == reported_.end() ? PeerHealth::State::up : found->second;
  if (before == state) return;
  reported_[address] = state;
  turn_.emit(PeerHealth{address, state});
}

std::vector<Address> Membership::take_probes(const Contacts& contacts) {
  using Due = std::pair<TimePoint, Address>;
  std::vector<Due> due;  // the nearest first
  std::vector<Due> far;
  std::size_t candidates = 0;
  std::size_t under_way = 0;
  // A leaving one too: somebody new may sit there, who has no reason to dial this peer.
  health_.for_each_from(self_, [&](Address address, const Health& known) {
    if (!known.is_probed()) return;
    if (known.departed ? !view_.is_named(address) : !ring().contains(address)) return;
    const bool is_near = candidates++ < kProbesNear;
    if (const Contacts::Link* link = contacts.link_to(address); link != nullptr) {
      under_way += link->up ? 0 : 1;
    } else if (known.probe_at <= turn_.steady()) {
      (is_near ? due : far).emplace_back(known.probe_at, address);
    }
  });
  std::sort(far.begin(), far.end());
  due.insert(due.end(), far.begin(), far.end());
  due.resize(std::min(due.size(), kProbesMax - std::min(under_way, kProbesMax)));
  std::vector<Address> probes;
  for (const auto& [since, address] : due) {
    health_.at(address).probe_at = turn_.steady() + settings_.probe_every;
    probes.push_back(address);
  }
  return probes;
}

}  // namespace podring
