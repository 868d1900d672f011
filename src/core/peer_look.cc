// Looking in: what a peer tells of itself, what it holds, and what must always be true of it.
#include <algorithm>
#include <utility>

#include "core/peer_state.h"

namespace podring {

Status Peer::State::status() const {
  Status status;
  status.view = ring.members();
  status.digest = ring.digest();
  status.successor = alone() ? std::optional{self.address} : successor_told;
  status.predecessor = ring.previous(self.address);
  for (const auto& link : links) {
    const auto found = health.find(link->to);
    const Health* known = found == health.end() ? nullptr : &found->second;
    LinkStatus told;
    told.link = link->id;
    told.address = link->to;
    if (link->remote.boot.value != 0) told.identity = link->remote;
    told.suspected = known != nullptr && known->suspected;
    told.up = link->is_up() && !told.suspected;
    told.leaving = known != nullptr && known->leaving;
    told.successor = link->id == target;
    told.session = link->session;
    told.round_trip = link->round_trip.smoothed();
    told.ping_round_trip = link->ping_round_trip.smoothed();
    told.ping_variation = link->ping_round_trip.variation();
    told.in_flight = link->unreceived;
    told.unsafe = link->unsafe;
    if (link->is_up()) told.heard_ago = now.steady - link->last_heard;
    status.links.push_back(std::move(told));
  }
  for (const auto& [address, known] : health) {
    const bool linked = std::any_of(links.begin(), links.end(),
                                    [to = address](const auto& link) { return link->to == to; });
    // Who is only remembered as having been suspected is not dialled, and needs no link.
    if (linked || !ring.contains(address) || !(known.suspected || known.leaving)) continue;
    LinkStatus told;
    told.address = address;
    told.suspected = known.suspected;
    told.leaving = known.leaving;
    status.links.push_back(std::move(told));
  }
  for (const Inbound& session : inbound) {
    if (!session.used) continue;
    const Duration heard_ago = now.steady - session.last_heard;
    status.inbound.push_back({session.route, session.remote, session.role == Role::client,
                              session.session, session.leaving, heard_ago < settings.silent_after,
                              heard_ago});
  }
  status.queue_used = queue_used;
  status.queue_used_bytes = queue_used_bytes;
  status.held = custody.size();
  status.remembered = memory.size();
  status.leaving = leaving;
  return status;
}

void Peer::State::check_invariants() const {
  std::size_t in_queue = 0;
  std::size_t bytes = 0;
  std::size_t used = 0;
  for (std::uint32_t index = 0; index < custody.slots(); ++index) {
    const Held& held = custody[index];
    if (held.state == Held::State::free) continue;
    ++used;
    PODRING_CHECK(held.named_count <= 2);
    if (held.in_queue()) {
      ++in_queue;
      bytes += held.bytes;
    }
    if (held.state == Held::State::queued) PODRING_CHECK(held.in_deque);
    if (held.state != Held::State::sent) continue;
    const auto link =
        std::find_if(links.begin(), links.end(), [&](const auto& l) { return l->id == held.link; });
    PODRING_CHECK(link != links.end() && (*link)->window.contains(held.sequence));
    PODRING_CHECK((*link)->window.at(held.sequence).held == index);
  }
  PODRING_CHECK(used == custody.size() && in_queue == queue_used && bytes == queue_used_bytes);
  for (const auto& link : links) {
    std::size_t unreceived = 0;
    std::size_t unsafe = 0;
    for (std::uint64_t n = link->window.base(); n < link->window.end(); ++n) {
      const OutSlot& slot = link->window.at(n);
      if (slot.held == kNone) continue;
      ++(slot.received ? unsafe : unreceived);
    }
    PODRING_CHECK(unreceived == link->unreceived && unsafe == link->unsafe);
    PODRING_CHECK(unreceived == 0 || link->resend_at != TimePoint::max());
    PODRING_CHECK(unsafe == 0 || link->ask_at != TimePoint::max());
  }
}

std::vector<EnvelopeId> Peer::held_ids() const {
  std::vector<EnvelopeId> ids;
  for (std::uint32_t index = 0; index < state_->custody.slots(); ++index) {
    const Held& held = state_->custody[index];
    if (held.state != Held::State::free) ids.push_back(held.envelope.head.id);
  }
  return ids;
}

std::optional<HeldStatus> Peer::held_status(EnvelopeId id) const {
  const Remembered* record = state_->memory.find(id);
  if (record == nullptr || record->held == Remembered::kNotHeld) return std::nullopt;
  const Held& held = state_->custody[record->held];
  HeldStatus status;
  status.lap = held.envelope.head.lap;
  status.attempt = held.attempt;
  status.named_count = held.named_count;
  std::copy(std::begin(held.named), std::end(held.named), std::begin(status.named));
  if (held.state == Held::State::delivering) {
    status.stage = HeldStatus::Stage::delivering;
  } else if (held.state == Held::State::logging) {
    status.stage = HeldStatus::Stage::logging;
  } else if (held.state == Held::State::sent) {
    status.stage = held.received ? HeldStatus::Stage::received : HeldStatus::Stage::sent;
    status.successor = state_->link_by_id(held.link)->remote.boot;
  }
  for (const State::Inbound& session : state_->inbound) {
    for (std::uint64_t n = session.window.base(); session.used && n < session.window.end(); ++n) {
      const State::InSlot& slot = session.window.at(n);
      if (slot.known && slot.has_word && slot.held == record->held && slot.word != Word::received)
        status.said_safe = true;
    }
  }
  return status;
}

}  // namespace podring
