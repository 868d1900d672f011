// What peers say to one another of the envelopes they hand over: the words in acks, and asking for
// them again. proto-docs/delivery.md sections 2 to 4.
#include <algorithm>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr std::size_t kTryFullMax = 64;    // envelopes offered at once to a peer without room
constexpr std::size_t kWordsAtOnce = 256;  // beyond, an ack does not wait for more
constexpr std::size_t kPrefetched = 6;     // entries ahead that are fetched while one is worked on

}  // namespace

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
    if (word == Word::received && slot.place_count > 0)
      session.ack_urgent = true;  // what is taken back never waits
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

/// An ack is a frame of its own, which costs its writer and its reader a turn: while traffic goes
/// on, one says what several would. It waits where nobody waits for it: not when it was asked for,
/// and not when the dialler might soon have nothing more that it may send.
bool Peer::State::ack_is_due(const Inbound& session) const {
  const std::size_t words = session.dirty.size();
  return session.ack_urgent || now.steady >= session.ack_at || words >= kWordsAtOnce ||
         2 * words >= room_envelopes();
}

void Peer::State::write_acks() {
  AckFrame& ack = frame.ack;
  const auto write = [&](Inbound& session) {
    session.ack_at = now.steady + settings.ack_every;
    session.ack_urgent = false;
    ack.number = ++session.acks;
    ack.room_envelopes = room_envelopes();
    ack.room_bytes = room_bytes();
    told_room(session);
    send(session, write_frame(header(session), ack));
    ack.ranges.clear();
  };
  const auto said = [&](std::uint32_t index) {
    Inbound& session = inbound[index];
    if (!session.used || session.dirty.empty()) return true;
    if (!ack_is_due(session)) return false;
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
    return true;
  };
  std::erase_if(dirty_sessions, said);
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

/// Room where there was none: what was turned away is sent again at once.
void Peer::State::use_room(Link& link, bool had_room) {
  if (!had_room && link.has_room() && link.unreceived > 0) link.resend_at = now.steady;
}

void Peer::State::on_ack(Link& link, const AckFrame& ack) {
  const bool had_room = link.has_room();
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
  if (const std::uint64_t oldest = link.resend_from; oldest_unreceived(link) > oldest) {
    link.resend_expiries = 0;
    link.resend_at = now.steady + rto(link, 0);
  }
  if (link.unreceived == 0) link.resend_at = TimePoint::max();
  if (received_any && !had_room && !link.has_room()) {
    // It takes without room what it holds a copy of. After a failure that is what came back here: a
    // ring whose peers are all full gets it off its queues before anything else can move.
    link.try_full_count = std::min(2 * link.try_full_count, kTryFullMax);
    (link.unreceived > 0 ? link.resend_at : link.try_full_at) = now.steady;
  }
  use_room(link, had_room);
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
    session.ack_urgent = true;
  }
  told_room(session);
  send(session,
       write_frame(header(session), PongFrame{ping.token, room_envelopes(), room_bytes()}));
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
  session.ack_urgent = true;
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

}  // namespace podring
