// Custody: accepting hand-overs, saying what is known of the copies, letting go, handing on,
// ending. proto-docs/delivery.md says what is promised and why this keeps it.
#include <algorithm>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr std::size_t kHeadBytesCounted =
    160;                                   // of an envelope, beside its tail, against byte budgets
constexpr std::size_t kRelayBytes = 48;    // of a relay frame around its envelopes, at most
constexpr int kSelfHandOversPerTurn = 64;  // alone: then the loop looks at its sockets again
constexpr std::size_t kTryFullMax = 64;    // envelopes offered at once to a peer without room
constexpr std::size_t kOverQueueMax = 64;  // taken without room after one wait
constexpr std::size_t kPrefetched = 6;     // entries ahead that are fetched while one is worked on
constexpr auto kExpiryCheckEvery = std::chrono::seconds{1};
constexpr auto kNoLinkTimeout = std::chrono::seconds{1};

std::uint32_t milliseconds_of(Duration duration) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

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

// ---- room
// -----------------------------------------------------------------------------------------

bool Peer::State::queue_has_room(std::size_t bytes) const {
  const std::size_t used = mutated(Mutation::custody_gates_sending) ? custody.size() : queue_used;
  return used < settings.queue && queue_used_bytes + bytes <= settings.queue_bytes;
}

/// A failure eats the bubble: a full queue that could hand nothing on for a while takes transit
/// anyway. One envelope at first, twice as many after each further wait while it remains full: what
/// came back to the queues takes as many slots more than there are, and until that many messages
/// have ended no free slot goes round.
bool Peer::State::stuck() const {
  const Link* link = target_link();
  const Duration timeout = link == nullptr
                               ? Duration{kNoLinkTimeout}
                               : link->round_trip.timeout(settings.rto_min, settings.rto_max, 0);
  return now.steady - moved_at > 3 * timeout;
}

void Peer::State::count_in(const Held& held) {
  const bool had_room = queue_used < settings.queue && queue_used_bytes < settings.queue_bytes;
  ++queue_used;
  queue_used_bytes += held.bytes;
  const bool has_room = queue_used < settings.queue && queue_used_bytes < settings.queue_bytes;
  if (had_room && !has_room) {  // being full begins here
    moved_at = now.steady;
    over_queue_left = 0;
    over_queue_next = 1;
  }
}

void Peer::State::count_out(const Held& held) {
  PODRING_CHECK(queue_used > 0 && queue_used_bytes >= held.bytes);
  if (queue_used >= settings.queue || queue_used_bytes >= settings.queue_bytes)
    moved_at = now.steady;
  --queue_used;
  queue_used_bytes -= held.bytes;
}

std::uint64_t Peer::State::room_envelopes() const {
  const std::size_t used = mutated(Mutation::custody_gates_sending) ? custody.size() : queue_used;
  return used < settings.queue ? settings.queue - used : 0;
}

std::uint64_t Peer::State::room_bytes() const {
  return queue_used_bytes < settings.queue_bytes ? settings.queue_bytes - queue_used_bytes : 0;
}

std::uint32_t Peer::State::time_left_ms(const Held& held) const {
  const std::uint32_t spent = milliseconds_of(now.steady - held.accepted);
  const std::uint32_t left = held.envelope.head.time_left_ms;
  return left > spent ? left - spent : 0;
}

// ---- accepting
// ------------------------------------------------------------------------------------

void Peer::State::on_relay(std::uint32_t index, const RelayFrame& relay) {
  {
    Inbound& session = inbound[index];
    session.window.advance_to(relay.floor);
    const std::uint64_t end = relay.first + relay.envelopes.size();
    const bool gap_too_wide =
        relay.first > session.window.end() && relay.first - session.window.end() > gap_max();
    if (session.role != Role::peer || gap_too_wide ||
        end - std::min(end, session.window.base()) > kWindowMax) {
      ++counters.frames_bad;
      return;
    }
  }
  for (std::size_t i = 0; i < relay.envelopes.size(); ++i) {
    Inbound& session = inbound[index];
    const std::uint64_t sequence = relay.first + i;
    if (sequence < session.window.base()) continue;  // let go already; nobody waits
    while (session.window.end() <= sequence) session.window.push();
    InSlot& slot = session.window.at(sequence);
    if (!slot.known) {
      accept(index, sequence, session.remote.address, relay.envelopes[i]);
      continue;
    }
    ++counters.sequence_repeats;
    if (slot.has_word && !mutated(Mutation::no_reack)) say(index, sequence, slot);
  }
}

/// `index` is kNone for a hand-over to oneself.
void Peer::State::accept(std::uint32_t index, std::uint64_t sequence, Address sender,
                         ByteView bytes) {
  if (!read_envelope(bytes, scratch)) {
    ++counters.frames_bad;
    return;
  }
  const EnvelopeId id = scratch.head.id;
  const std::uint32_t lap_plus_one = scratch.head.lap + 1;
  Remembered* known = memory.find(id);
  if (known != nullptr && known->held != Remembered::kNotHeld &&
      mutated(Mutation::held_ids_forgotten)) {
    memory.erase(id);
    known = nullptr;
  }
  const bool news = known == nullptr || lap_plus_one > known->lap_plus_one ||
                    (mutated(Mutation::accept_equal_lap) && lap_plus_one == known->lap_plus_one);
  if (!news) {
    const bool still_held = known->held != Remembered::kNotHeld;
    ++(still_held ? counters.duplicates_held : counters.duplicates_let_go);
    emit(DuplicateDropped{id, scratch.head.lap, sender, still_held});
    if (index != kNone) tie_duplicate(*known, index, sequence);
    return;
  }

  const bool merge =
      known != nullptr && known->held != Remembered::kNotHeld && !mutated(Mutation::no_merge);
  const std::size_t counted = kHeadBytesCounted + scratch.tail.size();
  if (!(merge && custody[known->held].in_queue()) && !queue_has_room(counted)) {
    if (mutated(Mutation::full_peer_acks) && index != kNone) {
      InSlot& slot = inbound[index].window.at(sequence);
      slot.known = slot.has_word = true;
      say(index, sequence, slot);
      return;
    }
    if (stuck()) {
      over_queue_left = over_queue_next;
      over_queue_next = std::min(2 * over_queue_next, kOverQueueMax);
      moved_at = now.steady;  // the next wait begins
    }
    if (over_queue_left == 0) {  // not acked, so the sender keeps it
      ++counters.transit_shed_full;
      shed(Shed::What::transit_full);
      return;
    }
    --over_queue_left;
    ++counters.transit_over_queue;
    shed(Shed::What::transit_over_queue);
  }

  std::uint32_t at = kNone;
  if (merge) {
    at = known->held;
    detach(custody[at]);
    custody[at].waiters.erase_if([this](const Waiter& waiter) {  // let go on their side
      const Inbound& session = inbound[waiter.session];
      return session.generation != waiter.generation || !session.window.contains(waiter.sequence);
    });
    ++counters.merges;
  } else {
    at = custody.take();
  }
  Held& held = custody[at];
  std::swap(held.envelope, scratch);
  held.bytes = static_cast<std::uint32_t>(counted);
  held.accepted = now.steady;
  held.arrived = now.wall;
  held.sender = sender;
  if (index != kNone) {
    held.waiters.add({index, inbound[index].generation, sequence});
    InSlot& slot = inbound[index].window.at(sequence);
    slot.known = true;
    slot.held = at;
  }
  Remembered& record = memory.at(id);
  if (record.lap_plus_one == 0) memory.count_new();
  record.lap_plus_one = lap_plus_one;
  record.held = at;
  record.final = false;
  arrive(at);
}

/// A duplicate is acked with what the copy here can say, and never as safe for being a duplicate.
void Peer::State::tie_duplicate(const Remembered& record, std::uint32_t index,
                                std::uint64_t sequence) {
  Inbound& session = inbound[index];
  InSlot& slot = session.window.at(sequence);
  slot.known = true;
  const Waiter waiter{index, session.generation, sequence};
  if (mutated(Mutation::duplicate_acked_as_safe) || record.held == Remembered::kNotHeld) {
    set_word(waiter, record.final ? Word::final : Word::safe, 0, 0);
    return;
  }
  slot.held = record.held;
  custody[record.held].waiters.add(waiter);
  update_word(record.held);
}

/// An envelope is here and ours: it ends, goes home, or waits to be handed on.
void Peer::State::arrive(std::uint32_t index) {
  Held& held = custody[index];
  const EnvelopeHead& head = held.envelope.head;
  Remembered& record = memory.at(head.id);
  record.forget_at = static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(
          (now.steady + std::chrono::milliseconds{head.time_left_ms} + settings.memory_grace)
              .time_since_epoch())
          .count());
  if (head.ended != End::none) {
    if (passes(held.sender, self.address, head.origin)) {
      come_home(index);
    } else if (head.time_left_ms == 0) {
      ++counters.receipts_passed;
      let_go(index, true);
    } else {
      enqueue(index);
      update_word(index);
    }
    return;
  }
  ++counters.visits;
  if (settings.report_visits) emit(Visited{held.envelope, held.sender});
  const bool done =
      head.limit_kind == LimitKind::hops ? head.hop >= head.limit : head.lap >= head.limit;
  if (done) {
    end(index, End::completed);
  } else if (head.time_left_ms == 0) {
    end(index, End::expired);
  } else {
    enqueue(index);
    update_word(index);
  }
}

// ---- ends
// -----------------------------------------------------------------------------------------

void Peer::State::end(std::uint32_t index, End how) {
  Held& held = custody[index];
  if (held.in_queue() && held.state != Held::State::free) count_out(held);
  ++(how == End::completed ? counters.completed : counters.expired);
  held.state = Held::State::logging;
  held.received = false;
  held.end = how;
  held.ticket = ++last_ticket;
  count_in(held);
  emit(Ended{held.envelope, how, held.ticket});
  pending_logs.push_back(
      {held.ticket, PendingLog::What::end, index, held.envelope.head.id, how, {}});
  if (mutated(Mutation::end_acked_before_logged)) {
    held.waiters.for_each([this](const Waiter& waiter) { set_word(waiter, Word::final, 0, 0); });
  }
}

void Peer::State::on_end_logged(std::uint32_t index) {
  Held& held = custody[index];
  EnvelopeHead& head = held.envelope.head;
  if (held.own_seed &&
      held.end == End::expired) {  // it never got as far as `safe`, so it is not confirmed
    held.own_seed = false;
    tell_end(held.envelope, End::expired);
  }
  if (!head.receipt) {
    let_go(index, true);
    return;
  }
  head.ended = held.end;
  head.time_left_ms = milliseconds_of(settings.receipt_ttl);
  held.accepted = now.steady;
  if (head.origin == self.address) {
    come_home(index);
    return;
  }
  memory.at(head.id).forget_at += static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(settings.receipt_ttl).count());
  enqueue(index);
  update_word(index);
}

/// The receipt has reached or passed its origin's address.
void Peer::State::come_home(std::uint32_t index) {
  Held& held = custody[index];
  if (held.envelope.head.id.boot == self.boot) {
    ++counters.receipts_home;
    tell_end(held.envelope, held.envelope.head.ended);
  } else {
    ++counters.receipts_passed;
  }
  let_go(index, true);
}

/// Tells whoever waits for the end of an id that was seeded here.
void Peer::State::tell_end(const Envelope& envelope, End how) {
  emit(ReceiptArrived{envelope, how});
  if (!seed_clients.contains(envelope.head.id.counter)) return;
  PendingLog log{last_ticket, PendingLog::What::receipt, kNone, envelope.head.id, how, {}};
  log.receipt.trace_omitted = envelope.trace_omitted;
  for (const TraceEntry& entry : trace_of(envelope))
    log.receipt.trace.emplace_back(entry.pod, entry.at);
  if (pending_logs.empty() && last_ticket <= written) {  // no line is waited for: nobody calls
    tell_seed_client(log.id, how == End::completed ? Stage::completed : Stage::expired,
                     std::move(log.receipt));
    return;
  }
  pending_logs.push_back(std::move(log));
}

// ---- custody
// --------------------------------------------------------------------------------------

void Peer::State::enqueue(std::uint32_t index, bool front) {
  Held& held = custody[index];
  if (held.state == Held::State::free || !held.in_queue()) count_in(held);
  held.state = Held::State::queued;
  held.received = false;
  held.named_count = 0;
  if (held.in_deque) return;
  held.in_deque = true;
  if (front) {
    transit.push_front(index);
  } else if (held.envelope.head.hop == 0) {
    seeds.push_back(index);
  } else {
    transit.push_back(index);
  }
}

/// Takes an entry out of the queue or off its session, before it is replaced or let go.
void Peer::State::detach(Held& held) {
  if (held.state != Held::State::free && held.in_queue()) count_out(held);
  if (held.state == Held::State::sent) {
    Link* link = link_by_id(held.link);
    PODRING_CHECK(link != nullptr);
    OutSlot& slot = link->window.at(held.sequence);
    slot.held = kNone;
    if (slot.received) {
      --link->unsafe;
    } else {
      --link->unreceived;
      link->unreceived_bytes -= slot.bytes;
    }
    while (!link->window.empty() && link->window.at(link->window.base()).held == kNone)
      link->window.pop();
  }
  held.state = Held::State::free;
  held.received = false;
  held.named_count = 0;
  held.attempt = 0;
}

void Peer::State::let_go(std::uint32_t index, bool final) {
  Held& held = custody[index];
  detach(held);
  held.waiters.for_each([this, final](const Waiter& waiter) {
    set_word(waiter, final ? Word::final : Word::safe, 0, 0);
  });
  if (held.own_seed) confirm_safe(held);
  ++counters.let_go;
  Remembered* record = memory.find(held.envelope.head.id);
  if (record != nullptr && record->held == index) {
    record->held = Remembered::kNotHeld;
    record->final = final;
  }
  custody.give_back(index);
}

void Peer::State::confirm_safe(Held& held) {
  held.own_seed = false;
  ++counters.safe;
  const LogTicket ticket = ++last_ticket;
  emit(SafeConfirmed{held.envelope.head.id, ticket});
  pending_logs.push_back(
      {ticket, PendingLog::What::safe, kNone, held.envelope.head.id, End::none, {}});
}

// ---- words
// ----------------------------------------------------------------------------------------

/// Tells everybody who waits what is true now: the places from here on, or that they are enough.
void Peer::State::update_word(std::uint32_t index) {
  Held& held = custody[index];
  if (held.state == Held::State::logging) return;
  const bool safe = held.named_count + 1U >= held.envelope.head.copies;
  const std::uint8_t place_count = safe || held.envelope.head.copies < 3 ? 0 : held.named_count;
  held.waiters.for_each([&](const Waiter& waiter) {
    set_word(waiter, safe ? Word::safe : Word::received, place_count, held.named[0]);
  });
  if (safe) held.waiters.clear();  // nothing more will be said to them
  if (safe && held.own_seed) confirm_safe(held);
}

void Peer::State::set_word(const Waiter& waiter, Word word, std::uint8_t place_count,
                           std::uint64_t place) {
  Inbound& session = inbound[waiter.session];
  if (!session.used || session.generation != waiter.generation) return;
  if (!session.window.contains(waiter.sequence)) return;
  InSlot& slot = session.window.at(waiter.sequence);
  if (slot.has_word) {
    if (slot.word != Word::received) return;  // safe and final stay
    if (word == Word::received && slot.place_count == place_count &&
        (place_count == 0 || slot.place == place))
      return;
  }
  slot.has_word = true;
  slot.word = word;
  slot.place_count = place_count;
  slot.place = place;
  say(waiter.session, waiter.sequence, slot);
}

void Peer::State::say(std::uint32_t index, std::uint64_t sequence, InSlot& slot) {
  if (slot.dirty) return;
  slot.dirty = true;
  Inbound& session = inbound[index];
  if (session.dirty.empty()) dirty_sessions.push_back(index);
  session.dirty.push_back(sequence);
}

void Peer::State::write_acks() {
  AckFrame& ack = frame.ack;
  const auto write = [&](Inbound& session) {
    ack.number = ++session.acks;
    ack.room_envelopes = room_envelopes();
    ack.room_bytes = room_bytes();
    told_room(session);
    send(session, write_frame(header(session), ack));
    ack.ranges.clear();
  };
  for (const std::uint32_t index : dirty_sessions) {
    Inbound& session = inbound[index];
    if (!session.used || session.dirty.empty()) continue;
    if (!std::is_sorted(session.dirty.begin(), session.dirty.end())) {
      std::sort(session.dirty.begin(), session.dirty.end());
    }
    ack.ranges.clear();
    for (const std::uint64_t sequence : session.dirty) {
      if (!session.window.contains(sequence)) continue;
      InSlot& slot = session.window.at(sequence);
      slot.dirty = false;
      if (!ack.ranges.empty()) {
        AckRange& last = ack.ranges.back();
        if (last.range.last + 1 == sequence && last.word == slot.word &&
            last.place_count == slot.place_count &&
            (slot.place_count == 0 || last.place == slot.place)) {
          ++last.range.last;
          continue;
        }
      }
      if (ack.ranges.size() == kRangesMax) write(session);
      ack.ranges.push_back({slot.word, {sequence, sequence}, slot.place_count, slot.place});
    }
    session.dirty.clear();
    if (!ack.ranges.empty()) write(session);
  }
  dirty_sessions.clear();
  if (no_room_told > 0 && room_envelopes() > 0 && room_bytes() > 0) {
    ack.ranges.clear();
    for (Inbound& session : inbound) {
      if (session.used && session.told_no_room) write(session);
    }
  }
}

/// Remembers whether the dialler of this session believes that there is no room.
void Peer::State::told_room(Inbound& session) {
  const bool none = room_envelopes() == 0 || room_bytes() == 0;
  if (none == session.told_no_room) return;
  session.told_no_room = none;
  none ? ++no_room_told : --no_room_told;
}

void Peer::State::on_ack(Link& link, const AckFrame& ack) {
  const bool had_no_room = link.room == 0 || link.room_bytes == 0;
  // Overtaken by a newer one: what it says of room and of places further on may be past.
  const bool stale = ack.number < link.ack_number;
  if (!stale) {
    link.ack_number = ack.number;
    link.room = ack.room_envelopes;
    link.room_bytes = ack.room_bytes;
  }
  const LinkId id = link.id;
  std::optional<TimePoint> sampled;
  bool received_any = false;
  bool let_go_any = false;
  for (const AckRange& range : ack.ranges) {
    const std::uint64_t first = std::max(range.range.first, link.window.base());
    const std::uint64_t end = std::min(range.range.last, link.window.end() - 1) + 1;
    if (link.window.empty()) break;
    for (std::uint64_t sequence = first; sequence < end; ++sequence) {
      if (!link.window.contains(sequence))
        continue;  // the front of the window was let go on the way
      if (link.window.contains(sequence + kPrefetched)) {
        const OutSlot& ahead = link.window.at(sequence + kPrefetched);
        if (ahead.held != kNone) custody.prefetch(ahead.held);
      }
      OutSlot& slot = link.window.at(sequence);
      if (slot.held == kNone) continue;
      const std::uint32_t index = slot.held;
      Held& held = custody[index];
      const bool news = !slot.received;
      if (news) {
        count_out(held);
        held.received = true;
        slot.received = true;
        --link.unreceived;
        link.unreceived_bytes -= slot.bytes;
        ++link.unsafe;
        if (!slot.resent) sampled = slot.sent_at;
        slot.sent_at = now.steady;
        moved_at = now.steady;
        received_any = true;
      }
      if (range.word != Word::received || mutated(Mutation::release_one_step_early)) {
        let_go(index, range.word == Word::final);
        let_go_any = true;
        continue;
      }
      if (stale && !news) continue;
      take_places(held, link, range, stale);
      update_word(index);
    }
  }
  PODRING_CHECK(link_by_id(id) == &link);
  if (sampled) link.round_trip.sample(now.steady - *sampled);
  if (received_any) {
    link.resend_expiries = 0;
    link.resend_at = link.unreceived > 0 ? now.steady + rto(link, 0) : TimePoint::max();
  }
  if (link.unreceived == 0) link.resend_at = TimePoint::max();
  if (received_any && had_no_room && (link.room == 0 || link.room_bytes == 0)) {
    // It takes without room what it holds a copy of. After a failure that is what came back here: a
    // ring whose peers are all full gets it off its queues before anything else can move.
    link.try_full_count = std::min(2 * link.try_full_count, kTryFullMax);
    (link.unreceived > 0 ? link.resend_at : link.try_full_at) = now.steady;
  }
  if (had_no_room && link.room > 0 && link.unreceived > 0) link.resend_at = now.steady;
  if (let_go_any) link.ask_expiries = 0;
  if (link.unsafe == 0) {
    link.ask_at = TimePoint::max();
  } else if (let_go_any || link.ask_at == TimePoint::max()) {
    link.ask_at = now.steady + rto(link, link.ask_expiries);
  }
}

/// The places other than this peer's that the successor's word names, without repeats.
void Peer::State::take_places(Held& held, const Link& link, const AckRange& range, bool stale) {
  const CopiesOn copies_on = held.envelope.head.copies_on;
  if (!mutated(Mutation::places_never_shrink)) held.named_count = 0;
  const auto name = [&](std::uint64_t place) {
    if (place == own_place(copies_on) || held.named_count == 2) return;
    if (held.named_count == 1 && held.named[0] == place) return;
    held.named[held.named_count++] = place;
  };
  name(link.places[static_cast<int>(copies_on)]);
  if (range.place_count > 0 && !stale) name(range.place);
}

void Peer::State::on_ping(std::uint32_t index, const PingFrame& ping) {
  Inbound& session = inbound[index];
  session.window.advance_to(ping.floor);
  for (const SequenceRange& ask : ping.asks) {
    if (session.window.empty()) break;
    const std::uint64_t first = std::max(ask.first, session.window.base());
    const std::uint64_t last = std::min(ask.last, session.window.end() - 1);
    for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
      InSlot& slot = session.window.at(sequence);
      if (slot.has_word && !mutated(Mutation::no_reack)) say(index, sequence, slot);
    }
  }
  told_room(session);
  send(session,
       write_frame(header(session), PongFrame{ping.token, room_envelopes(), room_bytes()}));
}

// ---- handing on
// -----------------------------------------------------------------------------------

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
    if (link.room == 0 && tried == link.try_full_count) break;
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

/// What the successor does not say it has, again, oldest first, one frame's worth at a time.
void Peer::State::resend(Link& link) {
  link.resend_from = std::max(link.resend_from, link.window.base());
  while (link.resend_from < link.window.end()) {
    const OutSlot& slot = link.window.at(link.resend_from);
    if (slot.held != kNone && !slot.received) break;
    ++link.resend_from;
  }
  if (!mutated(Mutation::never_resend))
    resend_range(link, link.resend_from, link.window.end(), settings.frame_bytes);
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

/// What the lost ack told of may have changed by now: the present words, and the room, again.
void Peer::State::on_ack_lost(std::uint32_t index, const AckFrame& ack) {
  Inbound& session = inbound[index];
  for (const AckRange& range : ack.ranges) {
    const std::uint64_t first = std::max(range.range.first, session.window.base());
    for (std::uint64_t n = first; n <= range.range.last && session.window.contains(n); ++n) {
      InSlot& slot = session.window.at(n);
      if (slot.has_word) say(index, n, slot);
    }
  }
  if (ack.ranges.empty() && !session.told_no_room) {
    session.told_no_room = true;  // as far as its dialler knows; write_acks() tells
    ++no_room_told;
  }
}

/// Acks get lost too: asks for the present word on what was received and is not let go.
void Peer::State::ask(Link& link) {
  std::vector<SequenceRange> asks;
  for (std::uint64_t sequence = link.window.base(); sequence < link.window.end(); ++sequence) {
    const OutSlot& slot = link.window.at(sequence);
    if (slot.held == kNone || !slot.received || slot.sent_at + settings.rto_min / 2 > now.steady)
      continue;
    if (!asks.empty() && asks.back().last + 1 == sequence) {
      ++asks.back().last;
    } else if (asks.size() == kRangesMax) {
      break;
    } else {
      asks.push_back({sequence, sequence});
    }
    ++counters.asks;
  }
  if (!asks.empty()) ping(link, std::move(asks));
  ++link.ask_expiries;
  link.ask_at = link.unsafe > 0 ? now.steady + rto(link, link.ask_expiries) : TimePoint::max();
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
