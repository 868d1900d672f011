// Sessions coming in: who says hello, who is refused, who makes room, who leaves.
#include <algorithm>

#include "core/peer_state.h"

namespace podring {

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
  HelloFrame answer = own_hello(hello.dialled);
  answer.answer = true;
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
