// Handing on: what is sent next, and again. proto-docs/delivery.md section 4.
#include <algorithm>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr std::size_t kRelayBytes = 48;    // of a relay frame around its envelopes, at most
constexpr int kSelfHandOversPerTurn = 64;  // alone: then the loop looks at its sockets again
constexpr std::size_t kPrefetched = 6;     // entries ahead that are fetched while one is worked on
constexpr auto kExpiryCheckEvery = std::chrono::seconds{1};

/// The mutation: [x, y) in place of (x, y].
bool passes_wrongly(Address x, Address y, Address o) {
  if (x < y) return x <= o && o < y;
  return x <= o || o < y;
}

/// An envelope as append_envelope() wrote it, without the bin header.
ByteView without_bin_header(ByteView bin) {
  const auto tag = static_cast<unsigned char>(bin[0]);
  return bin.substr(tag == 0xc4 ? 2 : tag == 0xc5 ? 3 : 5);
}

}  // namespace

HandOver Peer::State::hand_over_of(const Held& held, Address to) const {
  const EnvelopeHead& head = held.envelope.head;
  const bool running = head.ended == End::none;
  const bool passed = mutated(Mutation::wrong_lap_boundary)
                          ? passes_wrongly(self.address, to, head.origin)
                          : passes(self.address, to, head.origin);
  return {.hop = head.hop + (running ? 1 : 0),
          .lap = head.lap + (passed ? 1 : 0),
          .time_left_ms = time_left_ms(held),
          .append_entry = running,
          .pod = self.pod,
          .arrived = held.arrived};
}

/// The envelope to be sent next, still in its queue; kNone when there is none.
std::uint32_t Peer::State::next_queued() {
  while (true) {
    std::deque<std::uint32_t>& queue = transit.empty() ? seeds : transit;
    if (queue.empty()) return kNone;
    if (queue.size() > kPrefetched) custody.prefetch(queue[kPrefetched]);
    if (queue.size() > kPrefetched / 2) {
      __builtin_prefetch(custody[queue[kPrefetched / 2]].envelope.tail.data());
    }
    const std::uint32_t index = queue.front();
    Held& held = custody[index];
    if (held.state == Held::State::queued) {
      if (time_left_ms(held) > 0) return index;
      expire(index);
    }
    held.in_deque = false;
    queue.pop_front();
  }
}

void Peer::State::pop_queued(std::uint32_t index) {
  std::deque<std::uint32_t>& queue = transit.empty() ? seeds : transit;
  PODRING_CHECK(!queue.empty() && queue.front() == index);
  custody[index].in_deque = false;
  queue.pop_front();
}

void Peer::State::expire(std::uint32_t index) {
  if (custody[index].envelope.head.ended == End::none) {
    end(index, End::expired);
  } else {
    ++counters.receipts_passed;
    let_go(index, true);
  }
}

void Peer::State::expire_queue() {
  for (const auto* queue : {&transit, &seeds}) {
    for (const std::uint32_t index : *queue) {
      const Held& held = custody[index];
      if (held.state == Held::State::queued && time_left_ms(held) == 0) expire(index);
    }
  }
  expire_at = now.steady + kExpiryCheckEvery;
}

void Peer::State::hand_on() {
  if (alone()) {
    hand_to_self();
  } else if (Link* link = link_by_id(target); link != nullptr) {
    send_from_queue(*link);
  }
}

/// Alone in the view: the next peer is oneself. It adds no copy.
void Peer::State::hand_to_self() {
  for (int i = 0; i < kSelfHandOversPerTurn; ++i) {
    const std::uint32_t index = next_queued();
    if (index == kNone) return;
    pop_queued(index);
    batch.clear();
    append_envelope(batch, custody[index].envelope, hand_over_of(custody[index], self.address));
    ++counters.hops_sent;
    accept(kNone, 0, self.address, without_bin_header(batch));
    if (mutated(Mutation::self_hand_over_counts) && custody[index].state == Held::State::queued) {
      custody[index].named[custody[index].named_count++] = own_place(CopiesOn::peers) + 1;
      update_word(index);
    }
  }
}

void Peer::State::send_from_queue(Link& link) {
  batch.clear();
  std::uint64_t first = link.window.end();
  std::size_t count = 0;
  const auto flush_batch = [&] {
    if (count == 0) return;
    send(link, write_relay(header(link), link.window.base(), first, count, batch));
    batch.clear();
    first = link.window.end();
    count = 0;
  };
  while (link.window.size() < kWindowMax) {
    const std::uint32_t index = next_queued();
    if (index == kNone) break;
    Held& held = custody[index];
    const bool fits =
        link.unreceived < link.room && link.unreceived_bytes + held.bytes <= link.room_bytes;
    if (fits) {
      link.try_full_at = TimePoint::max();
      link.try_full_count = 1;
    } else {
      if (link.unreceived >= link.try_full_count) {  // resending is the attempt
        link.try_full_at = TimePoint::max();
        break;
      }
      if (link.try_full_at == TimePoint::max()) link.try_full_at = now.steady + rto(link, 0);
      if (now.steady < link.try_full_at) break;
      if (link.unreceived + 1 >= link.try_full_count) link.try_full_at = TimePoint::max();
    }
    pop_queued(index);
    const HandOver hand_over = hand_over_of(held, link.to);
    if (held.envelope.head.limit_kind == LimitKind::hops &&
        trace_is_cut(held.envelope, hand_over)) {
      ++counters.trace_trimmed;
      shed(Shed::What::trace_trimmed);
    }
    const std::size_t before = batch.size();
    append_envelope(batch, held.envelope, hand_over);
    if (count > 0 && batch.size() + kRelayBytes > frame_max(link)) {
      const Bytes next = batch.substr(before);
      batch.resize(before);
      flush_batch();
      batch = next;
    }
    held.state = Held::State::sent;
    held.link = link.id;
    held.sequence = link.window.end();
    ++held.attempt;
    OutSlot& slot = link.window.push();
    slot.held = index;
    slot.bytes = held.bytes;
    slot.sent_at = now.steady;
    ++link.unreceived;
    link.unreceived_bytes += held.bytes;
    ++counters.hops_sent;
    ++count;
  }
  flush_batch();
  if (link.unreceived > 0 && link.resend_at == TimePoint::max())
    link.resend_at = now.steady + rto(link, 0);
}

/// Sends again what of these numbers the successor does not say it has, `most` bytes of envelopes
/// or one.
void Peer::State::resend_range(Link& link, std::uint64_t first, std::uint64_t end,
                               std::size_t most) {
  batch.clear();
  std::uint64_t run = 0;
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::size_t tried = 0;
  const auto flush_run = [&] {
    if (count > 0) send(link, write_relay(header(link), link.window.base(), run, count, batch));
    batch.clear();
    count = 0;
  };
  for (std::uint64_t sequence = std::max(first, link.window.base());
       sequence < std::min(end, link.window.end()); ++sequence) {
    OutSlot& slot = link.window.at(sequence);
    if (slot.held == kNone || slot.received) {
      flush_run();
      continue;
    }
    if (bytes > 0 && bytes + slot.bytes > most) break;
    if (!link.has_room() && tried == link.try_full_count) break;
    if (count > 0 && batch.size() + slot.bytes + kRelayBytes > frame_max(link)) flush_run();
    if (count == 0) run = sequence;
    const Held& held = custody[slot.held];
    append_envelope(batch, held.envelope, hand_over_of(held, link.to));
    bytes += slot.bytes;
    ++tried;
    slot.resent = true;
    ++count;
    ++counters.hops_resent;
  }
  flush_run();
}

/// The first number that the successor does not say it has; the window's end when there is none.
/// The retransmission timer is that number's: RFC 6298 section 5.3 starts it anew when an ack
/// moves the number on. Were it started by every ack, a lost frame would wait for a pause.
std::uint64_t Peer::State::oldest_unreceived(Link& link) {
  link.resend_from = std::max(link.resend_from, link.window.base());
  while (link.resend_from < link.window.end()) {
    const OutSlot& slot = link.window.at(link.resend_from);
    if (slot.held != kNone && !slot.received) break;
    ++link.resend_from;
  }
  return link.resend_from;
}

/// What the successor does not say it has, again, oldest first, one frame's worth at a time.
void Peer::State::resend(Link& link) {
  const std::uint64_t oldest = oldest_unreceived(link);
  if (!mutated(Mutation::never_resend))
    resend_range(link, oldest, link.window.end(), settings.frame_bytes);
  ++link.resend_expiries;
  link.try_full_count = std::max<std::size_t>(link.try_full_count / 2, 1);
  link.resend_at =
      link.unreceived > 0 ? now.steady + rto(link, link.resend_expiries) : TimePoint::max();
}

/// A lane says that a frame did not arrive: no time-out is waited for.
void Peer::State::on_relay_lost(Link& link, const RelayFrame& relay) {
  if (mutated(Mutation::never_resend)) return;
  resend_range(link, relay.first, relay.first + relay.envelopes.size(), settings.frame_bytes);
}

/// The session is dead: everything not let go on it, received or not, goes to the next healthy
/// peer.
void Peer::State::hand_back(Link& link, std::uint32_t& count) {
  for (std::uint64_t sequence = link.window.end(); sequence > link.window.base();) {
    const OutSlot slot = link.window.at(--sequence);
    if (slot.held == kNone) continue;
    Held& held = custody[slot.held];
    if (slot.received && mutated(Mutation::no_reroute_of_received)) {
      let_go(slot.held, false);
      continue;
    }
    const EnvelopeHead& head = held.envelope.head;
    const DetourEntry detour{head.hop + (head.ended == End::none ? 1 : 0), held.attempt + 1};
    if (held.envelope.detours.size() == kDetoursKept)
      held.envelope.detours.erase(held.envelope.detours.begin());
    held.envelope.detours.push_back(detour);
    ++counters.detours;
    ++count;
    emit(DetourTaken{head.id, detour.hop, detour.attempt, link.to});
    enqueue(slot.held, /*front=*/true);
    update_word(slot.held);
  }
  link.window.clear();
  link.unreceived = link.unreceived_bytes = link.unsafe = 0;
}

}  // namespace podring
