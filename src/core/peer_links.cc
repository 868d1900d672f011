// Membership, sessions and health: whom a peer knows, whom it talks to, and who is its successor.
#include <algorithm>
#include <iterator>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr auto kStrikesForgottenAfter = std::chrono::seconds{60};
constexpr auto kProbationMax = std::chrono::seconds{30};
constexpr auto kRefusedProbeAfter = std::chrono::seconds{5};
constexpr auto kHelloAgainAfter = std::chrono::milliseconds{200};
constexpr auto kIdleLinkKept = std::chrono::seconds{3};
constexpr auto kInboundForgottenAfter = std::chrono::seconds{60};
constexpr unsigned kDialWidthMax = 8;
constexpr std::size_t kProbesMax = 8;
constexpr auto kWidenedTogether = std::chrono::milliseconds{50};  // failures of one round

/// How long a peer with so many strikes must answer before it is taken back.
Duration probation(unsigned strikes) {
  if (strikes <= 1) return Duration::zero();
  const Duration needed = std::chrono::seconds{1} * (1U << std::min(strikes - 2, 5U));
  return std::min(needed, Duration{kProbationMax});
}

}  // namespace

// ---- membership
// -----------------------------------------------------------------------------------

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

// ---- sessions going out
// ---------------------------------------------------------------------------

Peer::State::Link* Peer::State::link_by_id(LinkId id) {
  for (const auto& link : links) {
    if (link->id == id) return link.get();
  }
  return nullptr;
}

Peer::State::Link* Peer::State::link_to(Address address) {
  for (const auto& link : links) {
    if (link->to == address) return link.get();
  }
  return nullptr;
}

const Peer::State::Link* Peer::State::target_link() const {
  for (const auto& link : links) {
    if (link->id == target) return link.get();
  }
  return nullptr;
}

Duration Peer::State::rto(const Link& link, unsigned expiries) {
  const Duration timeout = link.round_trip.timeout(settings.rto_min, settings.rto_max, expiries);
  // +-10 %, so that many peers do not resend in step.
  return timeout + timeout / 1000 * (static_cast<Duration::rep>(jitter.below(201)) - 100);
}

void Peer::State::dial(Address to) {
  auto link = std::make_unique<Link>();
  link->id = next_link++;
  link->to = to;
  link->last_heard = now.steady;
  link->hello_until = now.steady + settings.hello_timeout;
  act(Dial{link->id, to});
  links.push_back(std::move(link));
}

void Peer::State::say_hello(Link& link) {
  HelloFrame hello;
  hello.version_min = settings.version_min;
  hello.version_max = settings.version_max;
  hello.ring = settings.ring;
  hello.identity = self;
  hello.dialled = link.to;
  hello.leaving = leaving;
  hello.room_envelopes = room_envelopes();
  hello.room_bytes = room_bytes();
  hello.takes_status = settings.takes_status;
  send(link, write_frame({1, link.session}, hello));
  link.hello_at = now.steady + kHelloAgainAfter;
}

void Peer::State::on_hello_answer(Link& link, const HelloFrame& hello) {
  if (link.is_up() && hello.answer && hello.identity.boot != link.remote.boot)
    return lose(link, LinkDownReason::broken, "another process answers from there");
  if (link.state != Link::State::greeting || !hello.answer) return;
  const std::uint8_t version = std::min(hello.version_max, settings.version_max);
  if (hello.ring != settings.ring) {
    return lose(link, LinkDownReason::refused, "it answers for the ring '" + hello.ring + "'");
  }
  if (version < std::max(hello.version_min, settings.version_min)) {
    return lose(link, LinkDownReason::refused, "no common protocol version");
  }
  if (hello.identity.address != link.to || hello.identity.boot == self.boot) {
    return lose(link, LinkDownReason::refused,
                "it answers as " + to_string(hello.identity.address));
  }
  link.state = Link::State::up;
  link.version = version;
  link.remote = hello.identity;
  link.takes_status = hello.takes_status;
  link.places[0] = place_of(hello.identity, CopiesOn::peers);
  link.places[1] = place_of(hello.identity, CopiesOn::nodes);
  link.room = hello.room_envelopes;
  link.room_bytes = hello.room_bytes;
  link.last_heard = link.up_since = link.idle_since = now.steady;
  link.ping_at = now.steady + settings.ping_every;
  dial_width = 1;
  emit(LinkUp{link.to, link.remote, link.session, version});
  if (const auto found = health.find(link.to); found != health.end()) {
    Health& known = found->second;
    const bool was_departed = known.departed;
    if (known.boot != hello.identity.boot) known = Health{};  // somebody else sits there now
    known.boot = hello.identity.boot;
    known.departed = false;
    known.leaving = hello.leaving;
    known.answering_since = now.steady;
    if (known.suspected && probation(known.strikes) == Duration::zero()) known.suspected = false;
    if (was_departed) rebuild_view();
  } else if (hello.leaving) {
    Health& fresh = health[link.to];
    fresh.boot = hello.identity.boot;
    fresh.leaving = true;
  }
  refresh_links();
}

void Peer::State::on_link_refused(Link& link, const RefuseFrame& refusal) {
  if (refusal.code == RefuseCode::no_session) {
    if (link.is_up()) restart_session(link);
  } else if (link.state == Link::State::greeting) {
    lose(link, LinkDownReason::refused,
         std::string{to_string(refusal.code)} + ": " + refusal.reason);
  }
}

/// The other side does not know the session any more. The peer is not suspected for that.
void Peer::State::restart_session(Link& link) {
  ++counters.sessions_lost;
  std::uint32_t count = 0;
  hand_back(link, count);
  emit(LinkDown{link.to, LinkDownReason::no_session, {}, count});
  const Address to = link.to;
  if (target == link.id) target = 0;
  hang_up(link.id);
  if (ring.contains(to)) dial(to);
  refresh_links();
}

void Peer::State::hang_up(LinkId id) {
  act(HangUp{id});
  if (target == id) target = 0;
  std::erase_if(links, [id](const auto& link) { return link->id == id; });
}

void Peer::State::lose(Link& link, LinkDownReason reason, const std::string& detail) {
  const Address to = link.to;
  const BootId boot = link.remote.boot;
  const bool was_up = link.is_up();
  std::uint32_t count = 0;
  hand_back(link, count);
  const auto before = health.find(to);
  const bool suspected_before = before != health.end() && before->second.suspected;
  if (was_up) ++counters.sessions_lost;
  if (was_up || !suspected_before) emit(LinkDown{to, reason, detail, count});
  hang_up(link.id);
  suspect(to, boot);
  Health& known = health[to];
  if (reason == LinkDownReason::refused) known.probe_at = now.steady + kRefusedProbeAfter;
  if (!was_up && !suspected_before && now.steady - widened_at > kWidenedTogether) {
    dial_width = std::min(dial_width * 2, kDialWidthMax);
    widened_at = now.steady;
  }
  if (known.leaving && reason == LinkDownReason::broken && !known.departed) {
    known.departed = true;
    kept.erase(to);
    rebuild_view();
  } else if (kept.contains(to) && !has_live_link(to)) {
    kept.erase(to);
    rebuild_view();
  }
  refresh_links();
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

void Peer::State::ping(Link& link, std::vector<SequenceRange> asks) {
  if (link.ping_token == 0) {
    link.ping_token = next_token++;
    link.ping_sent_at = now.steady;
  }
  send(link,
       write_frame(header(link), PingFrame{link.ping_token, link.window.base(), std::move(asks)}));
  link.ping_at = now.steady + settings.ping_every;
}

void Peer::State::tick_links() {
  std::vector<LinkId> ids;
  for (const auto& link : links) ids.push_back(link->id);
  for (const LinkId id : ids) {
    Link* link = link_by_id(id);
    if (link == nullptr) continue;
    if (!link->is_up()) {
      if (now.steady >= link->hello_until) {
        lose(*link, LinkDownReason::silent, "no answer to hello");
      } else if (link->state == Link::State::greeting && now.steady >= link->hello_at) {
        say_hello(*link);
      }
      continue;
    }
    if (now.steady - link->last_heard >= settings.silent_after) {
      lose(*link, LinkDownReason::silent);
      continue;
    }
    if (now.steady >= link->ask_at) ask(*link);
    if (now.steady >= link->ping_at) ping(*link, {});
    if (now.steady >= link->resend_at) resend(*link);
    if (const auto found = health.find(link->to); found != health.end()) {
      Health& known = found->second;
      if (known.suspected && known.answering_since != TimePoint::max() &&
          now.steady - known.answering_since >= probation(known.strikes)) {
        known.suspected = false;
        refresh_links();
      }
      // On probation, or leaving: it is kept, and watched. (Its end tells that a leaving one is
      // gone.)
      if (known.suspected || known.leaving) continue;
    }
    if (id == target || !link->window.empty()) {
      link->idle_since = now.steady;
    } else if (now.steady - link->idle_since >= kIdleLinkKept) {
      emit(LinkDown{link->to, LinkDownReason::idle, {}, 0});
      hang_up(id);
    }
  }
  std::size_t probing = 0;
  const auto probe = [&](auto begin, auto end) {
    for (auto entry = begin; entry != end && probing < kProbesMax; ++entry) {
      auto& [address, known] = *entry;
      // A leaving one too: somebody new may sit there, who has no reason to dial this peer.
      if (!known.suspected && !known.departed && !known.leaving) continue;
      if (known.departed ? !std::binary_search(base.begin(), base.end(), address)
                         : !ring.contains(address))
        continue;
      ++probing;
      if (known.probe_at > now.steady || link_to(address) != nullptr) continue;
      known.probe_at = now.steady + settings.probe_every;
      dial(address);
    }
  };
  const auto above = health.upper_bound(self.address);  // in ring order from here
  probe(above, health.end());
  probe(health.begin(), above);
  std::vector<Address> dropped;
  for (const Address& address : kept) {
    if (!has_live_link(address)) dropped.push_back(address);
  }
  for (const Address& address : dropped) kept.erase(address);
  if (!dropped.empty()) rebuild_view();
  for (std::uint32_t index = 0; index < inbound.size(); ++index) {
    if (inbound[index].used && now.steady - inbound[index].last_heard > kInboundForgottenAfter)
      drop_inbound(index);
  }
}

// ---- sessions coming in
// ---------------------------------------------------------------------------

std::uint32_t Peer::State::session_of(RouteId route, std::uint64_t session) const {
  const auto found = inbound_by_route.find(route);
  if (found == inbound_by_route.end() || inbound[found->second].session != session) return kNone;
  return found->second;
}

void Peer::State::refuse(RouteId route, FrameHeader to, RefuseCode code, const std::string& reason,
                         std::uint64_t request) {
  ++counters.frames_sent;
  act(SendRoute{route, write_frame(to, RefuseFrame{code, reason, request})});
}

void Peer::State::drop_inbound(std::uint32_t index) {
  Inbound& session = inbound[index];
  if (session.told_no_room) --no_room_told;
  if (const auto route = inbound_by_route.find(session.route);
      route != inbound_by_route.end() && route->second == index) {
    inbound_by_route.erase(route);
  }
  inbound_by_boot.erase(session.remote.boot);
  const std::uint32_t generation = session.generation + 1;
  session = Inbound{};
  session.generation = generation;
  inbound_free.push_back(index);
}

void Peer::State::on_hello(RouteId route, const AnyFrame& read) {
  const HelloFrame& hello = read.hello;
  const FrameHeader to{1, read.session};
  const auto refused = [&](RefuseCode code, const std::string& reason) {
    ++counters.hellos_refused;
    refuse(route, to, code, reason);
    if (code == RefuseCode::too_many) return;
    if (!hello_refused_said || now.steady - hello_refused_at >= std::chrono::seconds{1}) {
      hello_refused_said = true;
      hello_refused_at = now.steady;
      emit(HelloRefused{hello.identity, hello.ring, reason});
    }
  };
  if (hello.answer || read.session == 0) {
    ++counters.frames_bad;
    return;
  }
  if (hello.ring != settings.ring) {
    return refused(RefuseCode::wrong_ring,
                   "this is the ring '" + settings.ring + "', not '" + hello.ring + "'");
  }
  const std::uint8_t version = std::min(hello.version_max, settings.version_max);
  if (version < std::max(hello.version_min, settings.version_min)) {
    return refused(RefuseCode::no_common_version,
                   "versions " + std::to_string(settings.version_min) + " to " +
                       std::to_string(settings.version_max) + " are spoken here");
  }
  if (hello.dialled != self.address) {
    return refused(RefuseCode::wrong_address,
                   "this is " + to_string(self.address) + ", not " + to_string(hello.dialled));
  }
  if (hello.identity.boot == self.boot)
    return refused(RefuseCode::wrong_address, "this is yourself");

  std::uint32_t index = kNone;
  if (const auto found = inbound_by_boot.find(hello.identity.boot);
      found != inbound_by_boot.end()) {
    index = found->second;
    Inbound& session = inbound[index];
    if (read.session < session.session) {
      ++counters.frames_no_session;  // late, from a session that was given up
      return;
    }
    if (read.session > session.session) {
      drop_inbound(index);
      index = kNone;
    } else if (session.route != route) {
      return;
    }
  }
  if (index == kNone) {
    if (const auto other = inbound_by_route.find(route); other != inbound_by_route.end())
      drop_inbound(other->second);
    if (inbound_by_boot.size() >= settings.sessions_max && !evict_inbound()) {
      return refused(RefuseCode::too_many, "too many sessions; try again later");
    }
    if (inbound_free.empty()) {
      inbound.emplace_back();
      index = static_cast<std::uint32_t>(inbound.size() - 1);
    } else {
      index = inbound_free.back();
      inbound_free.pop_back();
    }
    Inbound& session = inbound[index];
    session.used = true;
    session.route = route;
    session.session = read.session;
    session.remote = hello.identity;
    session.role = hello.role;
    session.version = version;
    inbound_by_route[route] = index;
    inbound_by_boot[hello.identity.boot] = index;
    ++counters.hellos_accepted;
  }
  Inbound& session = inbound[index];
  session.last_heard = now.steady;
  session.leaving = hello.leaving;
  session.takes_status = hello.takes_status;
  HelloFrame answer;
  answer.answer = true;
  answer.version_min = settings.version_min;
  answer.version_max = settings.version_max;
  answer.ring = settings.ring;
  answer.identity = self;
  answer.dialled = hello.dialled;
  answer.leaving = leaving;
  answer.room_envelopes = room_envelopes();
  answer.room_bytes = room_bytes();
  answer.takes_status = settings.takes_status;
  told_room(session);
  send(session, write_frame(to, answer));
  if (hello.role == Role::peer) heard_of_peer(hello);
}

/// A hello is a sign of life of whoever sits at that address.
void Peer::State::heard_of_peer(const HelloFrame& hello) {
  const Address address = hello.identity.address;
  if (Link* link = link_to(address);
      link != nullptr && link->is_up() && link->remote.boot != hello.identity.boot) {
    lose(*link, LinkDownReason::broken, "another process says hello from there");
  }
  if (const auto found = health.find(address); found != health.end()) {
    Health& known = found->second;
    const bool was_departed = known.departed;
    if (known.boot != hello.identity.boot) {
      health.erase(found);
      if (was_departed) rebuild_view();
    } else {
      known.leaving = hello.leaving;
      known.probe_at = tick_by = now.steady;
    }
    refresh_links();
  }
  if (hello.leaving) on_peer_leaving(address, hello.identity.boot);
}

/// Makes room at the bound by dropping the session that has been silent the longest.
bool Peer::State::evict_inbound() {
  std::uint32_t oldest = kNone;
  for (std::uint32_t index = 0; index < inbound.size(); ++index) {
    if (inbound[index].used &&
        (oldest == kNone || inbound[index].last_heard < inbound[oldest].last_heard))
      oldest = index;
  }
  if (oldest == kNone || now.steady - inbound[oldest].last_heard < settings.silent_after)
    return false;
  drop_inbound(oldest);
  ++counters.sessions_evicted;
  shed(Shed::What::session_evicted);
  return true;
}

void Peer::State::on_peer_leaving(Address address, BootId boot) {
  if (address == self.address) return;
  // The last words of the one that sat there before say nothing of the one that answers now.
  if (const Link* link = link_to(address);
      link != nullptr && link->is_up() && link->remote.boot != boot)
    return;
  Health& known = health[address];
  if (known.boot.value != 0 && known.boot != boot) known = Health{};
  known.boot = boot;
  if (known.leaving) return;
  known.leaving = true;
  report_health(address, PeerHealth::State::leaving);
  refresh_links();
}

}  // namespace podring
