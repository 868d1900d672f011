// Sessions going out: dialling, hello, pings, losing a link, probing those who are suspected.
#include <algorithm>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr auto kProbationMax = std::chrono::seconds{30};
constexpr auto kRefusedProbeAfter = std::chrono::seconds{5};
constexpr auto kHelloAgainAfter = std::chrono::milliseconds{200};
constexpr auto kIdleLinkKept = std::chrono::seconds{3};
constexpr auto kInboundForgottenAfter = std::chrono::seconds{60};
constexpr unsigned kDialWidthMax = 8;
constexpr std::size_t kProbesMax = 8;   // under way
constexpr std::size_t kProbesNear = 4;  // of them for the nearest, whenever they are due
constexpr auto kWidenedTogether = std::chrono::milliseconds{50};  // failures of one round

/// How long a peer with so many strikes must answer before it is taken back.
Duration probation(unsigned strikes) {
  if (strikes <= 1) return Duration::zero();
  const Duration needed = std::chrono::seconds{1} * (1U << std::min(strikes - 2, 5U));
  return std::min(needed, Duration{kProbationMax});
}

}  // namespace

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

/// What this peer says of itself, whether it greets or answers.
HelloFrame Peer::State::own_hello(Address dialled) const {
  HelloFrame hello;
  hello.version_min = settings.version_min;
  hello.version_max = settings.version_max;
  hello.ring = settings.ring;
  hello.identity = self;
  hello.dialled = dialled;
  hello.leaving = leaving;
  hello.room_envelopes = room_envelopes();
  hello.room_bytes = room_bytes();
  hello.takes_status = settings.takes_status;
  return hello;
}

void Peer::State::say_hello(Link& link) {
  send(link, write_frame({1, link.session}, own_hello(link.to)));
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

void Peer::State::ping(Link& link, std::vector<SequenceRange> asks) {
  if (link.ping_token == 0) {
    link.ping_token = next_token++;
    link.ping_sent_at = now.steady;
  }
  send(link,
       write_frame(header(link), PingFrame{link.ping_token, link.window.base(), std::move(asks)}));
  link.ping_at = now.steady + settings.ping_every;
}

/// Dials those who may be back, a few at a time: the nearest, who would be handed to first, and of
/// the others who has waited the longest, so that many dead ones in front hide nobody.
void Peer::State::probe() {
  std::vector<std::pair<TimePoint, Address>> near;
  std::vector<std::pair<TimePoint, Address>> far;
  std::size_t candidates = 0;
  std::size_t under_way = 0;
  const auto look = [&](auto begin, auto end) {
    for (auto entry = begin; entry != end; ++entry) {
      const auto& [address, known] = *entry;
      // A leaving one too: somebody new may sit there, who has no reason to dial this peer.
      if (!known.suspected && !known.departed && !known.leaving) continue;
      if (known.departed ? !std::binary_search(base.begin(), base.end(), address)
                         : !ring.contains(address))
        continue;
      const bool is_near = candidates++ < kProbesNear;
      if (const Link* link = link_to(address); link != nullptr) {
        under_way += link->is_up() ? 0 : 1;
      } else if (known.probe_at <= now.steady) {
        (is_near ? near : far).emplace_back(known.probe_at, address);
      }
    }
  };
  const auto above = health.upper_bound(self.address);  // in ring order from here
  look(above, health.end());
  look(health.begin(), above);
  std::sort(far.begin(), far.end());
  near.insert(near.end(), far.begin(), far.end());
  for (const auto& [due, address] : near) {
    if (under_way == kProbesMax) break;
    ++under_way;
    health[address].probe_at = now.steady + settings.probe_every;
    dial(address);
  }
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
  probe();
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

}  // namespace podring
