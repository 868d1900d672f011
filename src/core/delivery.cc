#include "core/delivery.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/check.h"

namespace podring {
namespace {

constexpr auto kNoLinkTimeout = std::chrono::seconds{1};
/// Lost frames leave gaps; a wider one than any credit that was ever given can make is a mistake.
constexpr std::uint64_t kGapMin = 16'384;

}  // namespace

Delivery::Delivery(const Local& local, Turn& turn, RelayCodecs& codecs, OutSessions& out,
                   InSessions& in)
    : local_{local},
      turn_{turn},
      codecs_{codecs},
      out_{out},
      in_{in},
      custody_{local.settings.memory_max},
      queue_{local.settings.queue, local.settings.queue_bytes} {}

// ---- coming in

bool Delivery::is_acceptable(const InSession& session, const RelayFrame& relay) const {
  const ReceiveWindow& window = session.window;
  const std::uint64_t end = relay.first + relay.envelopes.size();
  const bool gap_too_wide = relay.first > window.end() &&
                            relay.first - window.end() > kGapMin + 4 * local_.settings.queue;
  return session.role == Role::peer && !gap_too_wide &&
         end - std::min(end, window.base()) <= OutSessions::kWindowMax;
}

/// Whether an envelope can be what it says, and its sender may hand it over (section 10).
bool Delivery::is_believable(const InSession& session, const EnvelopeHead& head,
                             bool from_member) const {
  const bool running = head.ended == End::none;
  const bool its_own = head.id.boot == session.remote.boot &&
                       head.origin == session.remote.address && head.hop == 1 && running;
  if (!rules::may_relay(from_member, its_own)) return false;
  if (head.hop == 0) return false;
  if (head.hop == 1 && running && head.id.boot != session.remote.boot) return false;
  if (head.id.boot == local_.identity.boot && head.id.counter > last_counter_) return false;
  if (!running) return true;
  if (head.lap > head.hop) return false;
  return (head.limit_kind == LimitKind::hops ? head.hop : head.lap) <= head.limit;
}

void Delivery::on_relay(SessionIndex index, const RelayFrame& relay, bool from_member) {
  in_[index].window.advance_to(relay.floor);
  if (!is_acceptable(in_[index], relay)) {
    ++turn_.counters.frames_bad;
    return;
  }
  const RelayCodec& codec = codecs_.of(in_[index].version);
  for (std::size_t i = 0; i < relay.envelopes.size(); ++i) {
    InSession& session = in_[index];
    const std::uint64_t sequence = relay.first + i;
    if (sequence < session.window.base()) continue;  // released already; nobody waits
    if (session.window.reach(sequence).known) {
      ++turn_.counters.sequence_repeats;
      session.window.hurry();
      in_.repeat(index, sequence);
    } else if (!codec.read(relay, i, scratch_)) {
      ++turn_.counters.frames_bad;
    } else if (!is_believable(session, scratch_.head, from_member)) {
      ++turn_.counters.envelopes_refused;  // not acked: a newcomer that views lack is still heard
      turn_.drop(Shed::What::envelopes_refused);
    } else {
      accept({session.remote.address, index, sequence}, scratch_);
    }
  }
}

void Delivery::accept(const Arrival& arrival, Envelope& envelope) {
  const EnvelopeHead& head = envelope.head;
  Remembered* known = custody_.find(head.id);
  if (!Custody::is_news(envelope, known)) {
    const bool held = known->held != Remembered::kNotHeld;
    ++(held ? turn_.counters.duplicates_held : turn_.counters.duplicates_let_go);
    turn_.emit(DuplicateDropped{head.id, head.lap, arrival.sender, held});
    if (arrival.session != kNoSession) tie_duplicate(arrival, *known);
    return;
  }
  if (!admit(arrival, envelope, known)) return;
  EntryIndex into = kNoEntry;
  if (known != nullptr && rules::merges(*known)) {
    into = known->held;
    detach(custody_[into]);
    custody_[into].waiters.erase_if([this](const Waiter& waiter) {  // released on their side
      const InSession& session = in_[waiter.session];
      return session.generation != waiter.generation || !session.window.contains(waiter.sequence);
    });
    ++turn_.counters.merges;
  }
  const EntryIndex index = custody_.accept(
      envelope, {turn_.now, arrival.sender, false, local_.settings.memory_grace}, known, into);
  if (arrival.session != kNoSession) wait_for_acks(index, arrival);
  arrive(index);
}

/// Whether there is room for it, or it is taken without. A copy that takes the place of one in the
/// queue needs none.
bool Delivery::admit(const Arrival& arrival, const Envelope& envelope, const Remembered* known) {
  const bool has_place =
      known != nullptr && rules::merges(*known) && custody_[known->held].in_queue();
  if (has_place || queue_.has_room_for(Custody::bytes_of(envelope))) return true;
  if (const auto level = rules::level_of_dropped(); level && arrival.session != kNoSession) {
    in_[arrival.session].window.set_known(arrival.sequence, kNoEntry);
    in_.set({arrival.session, in_[arrival.session].generation, arrival.sequence}, {*level});
    return false;
  }
  if (queue_.admit_over(turn_.steady(), target_timeout()) == Admission::rejected) {
    ++turn_.counters.transit_shed_full;  // not acked, so the sender keeps it
    turn_.drop(Shed::What::transit_full);
    return false;
  }
  ++turn_.counters.transit_over_queue;
  turn_.drop(Shed::What::transit_over_queue);
  return true;
}

Duration Delivery::target_timeout() const {
  const OutSession* link = out_.target();
  if (link == nullptr) return kNoLinkTimeout;
  return link->round_trip.timeout(local_.settings.rto_min, local_.settings.rto_max, 0);
}

void Delivery::wait_for_acks(EntryIndex index, const Arrival& arrival) {
  CustodyEntry& entry = custody_[index];
  InSession& session = in_[arrival.session];
  entry.waiters.add({arrival.session, session.generation, arrival.sequence});
  // Where it was seeded somebody may wait for its being safe; a fast lap overtakes the first ack.
  const EnvelopeHead& head = entry.envelope.head;
  if (arrival.sender == head.origin && head.lap <= 1) session.window.hurry();
  session.window.set_known(arrival.sequence, index);
}

/// A duplicate is acked with what the copy here can say, and never as safe for being a duplicate.
void Delivery::tie_duplicate(const Arrival& arrival, const Remembered& original) {
  const Waiter waiter{arrival.session, in_[arrival.session].generation, arrival.sequence};
  if (rules::duplicate_is_settled(original)) {
    in_[arrival.session].window.set_known(arrival.sequence, kNoEntry);
    in_.set(waiter, {original.final ? AckLevel::final : AckLevel::safe});
    return;
  }
  in_[arrival.session].window.set_known(arrival.sequence, original.held);
  custody_[original.held].waiters.add(waiter);
  update_level(original.held);
}

void Delivery::accept_seed(Envelope& envelope, Address sender) {
  const EntryIndex index = custody_.accept(
      envelope, {turn_.now, sender, /*own_seed=*/true, local_.settings.memory_grace}, nullptr,
      kNoEntry);
  ++turn_.counters.seeds_accepted;
  arrive(index);
}

// ---- what becomes of it

/// An envelope is here and in this peer's custody.
void Delivery::arrive(EntryIndex index) {
  const CustodyEntry& entry = custody_[index];
  const EnvelopeHead& head = entry.envelope.head;
  if (head.ended != End::none) return arrive_as_receipt(index);
  ++turn_.counters.visits;
  if (local_.settings.report_visits) turn_.emit(Visited{entry.envelope, entry.sender});
  if (local_.settings.deliver && head.time_left_ms > 0) ask_program(index);
  if (entry.state != CustodyEntry::State::delivering) proceed(index);
}

/// After its visit an envelope ends here or waits to be handed on.
void Delivery::proceed(EntryIndex index) {
  const EnvelopeHead& head = custody_[index].envelope.head;
  const bool done =
      head.limit_kind == LimitKind::hops ? head.hop >= head.limit : head.lap >= head.limit;
  if (done) return end(index, End::completed);
  if (Custody::time_left_ms(custody_[index], turn_.steady()) == 0) return end(index, End::expired);
  enqueue(index);
  update_level(index);
}

void Delivery::arrive_as_receipt(EntryIndex index) {
  const CustodyEntry& entry = custody_[index];
  const EnvelopeHead& head = entry.envelope.head;
  if (passes(entry.sender, local_.address(), head.origin)) return receipt_arrived(index);
  if (head.time_left_ms == 0) return give_up_receipt(index);
  enqueue(index);
  update_level(index);
}

void Delivery::enqueue(EntryIndex index, bool rerouted) {
  CustodyEntry& entry = custody_[index];
  if (!entry.in_queue()) count_in(entry);
  entry.state = CustodyEntry::State::queued;
  entry.received = false;
  entry.replica_count = 0;
  if (entry.in_order) return;
  entry.in_order = true;
  if (rerouted) {
    queue_.push_rerouted(index);
  } else if (entry.envelope.head.hop == 0) {
    queue_.push_seed(index);
  } else {
    queue_.push_transit(index);
  }
}

void Delivery::update_level(EntryIndex index) {
  CustodyEntry& entry = custody_[index];
  if (entry.state == CustodyEntry::State::logging) return;
  const bool safe = entry.is_safe();
  const bool names_one = !safe && entry.envelope.head.copies >= 3;
  set_level(entry, {safe ? AckLevel::safe : AckLevel::received,
                    names_one ? entry.replica_count : std::uint8_t{0}, entry.replicas[0]});
  if (!safe) return;
  entry.waiters.clear();  // nothing more will be said to them
  if (entry.own_seed) confirm_safe(entry);
}

void Delivery::set_level(const CustodyEntry& entry, const AckState& state) {
  entry.waiters.for_each([&](const Waiter& waiter) { in_.set(waiter, state); });
}

/// Takes an entry out of the queue or off its session, before it is replaced or released.
void Delivery::detach(CustodyEntry& entry) {
  if (entry.in_queue()) count_out(entry);
  if (entry.state == CustodyEntry::State::sent) {
    OutSession* link = out_.find(entry.link);
    PODRING_CHECK(link != nullptr);
    link->window.release(entry.sequence);
  }
  entry.state = CustodyEntry::State::free;
  entry.received = false;
  entry.replica_count = 0;
  entry.attempt = 0;
}

void Delivery::release(EntryIndex index, bool final) {
  CustodyEntry& entry = custody_[index];
  detach(entry);
  set_level(entry, {final ? AckLevel::final : AckLevel::safe});
  if (entry.own_seed) confirm_safe(entry);
  ++turn_.counters.let_go;
  custody_.release(index, final);
}

void Delivery::confirm_safe(CustodyEntry& entry) {
  entry.own_seed = false;
  ++turn_.counters.safe;
  const LogTicket ticket = gate_.draw();
  turn_.emit(SafeConfirmed{entry.envelope.head.id, ticket});
  gate_.wait({.what = AfterLine::What::safe, .ticket = ticket, .id = entry.envelope.head.id});
}

// ---- looking in

std::optional<HeldStatus> Delivery::status_of(EnvelopeId id) const {
  const Remembered* record = custody_.look_up(id);
  if (record == nullptr || record->held == Remembered::kNotHeld) return std::nullopt;
  const CustodyEntry& entry = custody_[record->held];
  HeldStatus status;
  status.lap = entry.envelope.head.lap;
  status.attempt = entry.attempt;
  status.replica_count = entry.replica_count;
  std::copy(std::begin(entry.replicas), std::end(entry.replicas), std::begin(status.replicas));
  if (entry.state == CustodyEntry::State::delivering) {
    status.stage = HeldStatus::Stage::delivering;
  } else if (entry.state == CustodyEntry::State::logging) {
    status.stage = HeldStatus::Stage::logging;
  } else if (entry.state == CustodyEntry::State::sent) {
    status.stage = entry.received ? HeldStatus::Stage::received : HeldStatus::Stage::sent;
    status.successor = out_.find(entry.link)->remote.boot;
  }
  status.reported_safe = in_.has_reported_safe(record->held);
  return status;
}

void Delivery::check_invariants() const {
  std::size_t in_queue = 0;
  std::size_t bytes = 0;
  std::size_t used = 0;
  custody_.for_each([&](EntryIndex index, const CustodyEntry& entry) {
    ++used;
    PODRING_CHECK(entry.replica_count <= 2);
    if (entry.in_queue()) {
      ++in_queue;
      bytes += entry.bytes;
    }
    if (entry.state == CustodyEntry::State::queued) PODRING_CHECK(entry.in_order);
    if (entry.state != CustodyEntry::State::sent) return;
    const OutSession* link = out_.find(entry.link);
    PODRING_CHECK(link != nullptr && link->window.entry_of(entry.sequence) == index);
  });
  PODRING_CHECK(used == custody_.size() && in_queue == queue_.used() &&
                bytes == queue_.used_bytes());
}

}  // namespace podring
