// Custody: accepting hand-overs, holding them within the room there is, letting go, ending.
// proto-docs/delivery.md says what is promised and why this keeps it.
#include <algorithm>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr std::size_t kHeadBytesCounted =
    160;                                   // of an envelope, beside its tail, against byte budgets
constexpr std::size_t kOverQueueMax = 64;  // taken without room after one wait
constexpr auto kNoLinkTimeout = std::chrono::seconds{1};

std::uint32_t milliseconds_of(Duration duration) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
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
    session.ack_urgent = true;
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
    // Where it was seeded somebody may wait for its being safe; a fast lap overtakes the first ack.
    const EnvelopeHead& head = held.envelope.head;
    if (sender == head.origin && head.lap <= 1) inbound[index].ack_urgent = true;
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
  const bool seeded_here = head.hop == 0;
  if (settings.deliver && head.time_left_ms > 0) {
    ask_program(index, /*waits=*/!seeded_here && !mutated(Mutation::program_not_waited_for));
  }
  if (held.state != Held::State::delivering) go_on(index);
}

/// While the program is asked the envelope is held and acked as received, so the predecessor keeps
/// its copy: when this process dies before the answer, the next peer that takes the envelope over
/// asks its own program, and a restarted one asks again. A seed does not wait (`safe` is waited
/// for): its lap brings it here again.
void Peer::State::ask_program(std::uint32_t index, bool waits) {
  Held& held = custody[index];
  const DeliveryNumber number{(std::uint64_t{++deliveries} << 32) | index};
  out.deliveries.push_back({number, held.envelope, waits});
  if (!waits) return;
  if (held.state == Held::State::free || !held.in_queue()) count_in(held);
  held.state = Held::State::delivering;
  held.received = false;
  held.named_count = 0;
  held.delivery = number.value;
  update_word(index);
}

void Peer::State::on_delivered(const Delivered& result) {
  const auto index = static_cast<std::uint32_t>(result.number.value & UINT32_MAX);
  if (index >= custody.slots()) return;
  Held& held = custody[index];
  if (held.state != Held::State::delivering || held.delivery != result.number.value) return;
  Annotations notes = annotations_of(held.envelope);
  const std::uint32_t hop = held.envelope.head.hop;
  const bool lies = mutated(Mutation::every_answer_is_yes);
  notes.outcomes.push_back({hop, lies ? Outcome::delivered : result.outcome, result.status});
  if (notes.sender.wants_answers && !result.answer.empty()) {
    notes.answers.push_back({hop, result.answer});
  }
  annotate(held.envelope, std::move(notes));
  queue_used_bytes -= held.bytes;
  held.bytes = static_cast<std::uint32_t>(kHeadBytesCounted + held.envelope.tail.size());
  queue_used_bytes += held.bytes;
  go_on(index);
}

/// After its visit an envelope ends here or waits to be handed on.
void Peer::State::go_on(std::uint32_t index) {
  Held& held = custody[index];
  const EnvelopeHead& head = held.envelope.head;
  const bool done =
      head.limit_kind == LimitKind::hops ? head.hop >= head.limit : head.lap >= head.limit;
  if (done) {
    end(index, End::completed);
  } else if (time_left_ms(held) == 0) {
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
  if (held.envelope.head.receipt) {  // the last visit has no trace entry: name it for the origin
    Annotations notes = annotations_of(held.envelope);
    notes.last_visit = {self.pod, held.arrived};
    annotate(held.envelope, std::move(notes));
    held.bytes = static_cast<std::uint32_t>(kHeadBytesCounted + held.envelope.tail.size());
  }
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
    if (!head.receipt) tell_end(held.envelope, End::expired);  // else as it comes home, below
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

}  // namespace podring
