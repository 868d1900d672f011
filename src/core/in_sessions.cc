#include "core/in_sessions.h"

#include <algorithm>
#include <chrono>

namespace podring {
namespace {

constexpr auto kForgottenAfter = std::chrono::seconds{60};

SendId id_of(const AckFrame& ack) {
  SendId id{0, 0, static_cast<std::uint32_t>(ack.number)};
  if (ack.ranges.empty()) return id;
  id.first = ack.ranges.front().range.first;
  id.count = static_cast<std::uint32_t>(ack.ranges.back().range.last - id.first + 1);
  return id;
}

}  // namespace

// ---- who is there

SessionIndex InSessions::find(RouteId route) const {
  const auto found = by_route_.find(route);
  return found == by_route_.end() ? kNoSession : found->second;
}

SessionIndex InSessions::find(RouteId route, std::uint64_t session) const {
  const SessionIndex index = find(route);
  return index != kNoSession && sessions_[index].session == session ? index : kNoSession;
}

InSessions::Opened InSessions::open(RouteId route, Address source, std::uint64_t session,
                                    const HelloFrame& hello, std::uint8_t version) {
  if (const auto found = by_boot_.find(hello.identity.boot); found != by_boot_.end()) {
    const InSession& known = sessions_[found->second];
    const bool live = turn_.steady() - known.last_heard < local_.settings.silent_after;
    if (!rules::may_replace(live, known.source == source)) return {Opening::foreign, kNoSession};
    if (session < known.session) return {Opening::late, kNoSession};
    if (session == known.session) {
      if (known.route != route) return {Opening::elsewhere, kNoSession};
      return {Opening::taken, found->second};
    }
    drop(found->second);
  }
  if (const auto other = by_route_.find(route); other != by_route_.end()) drop(other->second);
  if (by_boot_.size() >= local_.settings.sessions_max && !evict())
    return {Opening::too_many, kNoSession};
  const SessionIndex index = take_place();
  InSession& fresh = sessions_[index];
  fresh.used = true;
  fresh.route = route;
  fresh.session = session;
  fresh.remote = hello.identity;
  fresh.source = source;
  fresh.role = hello.role;
  fresh.version = version;
  by_route_[route] = index;
  by_boot_[hello.identity.boot] = index;
  ++turn_.counters.hellos_accepted;
  return {Opening::taken, index};
}

void InSessions::answer(SessionIndex index, const HelloFrame& hello, Credit credit) {
  InSession& session = sessions_[index];
  session.last_heard = turn_.steady();
  session.leaving = hello.leaving;
  session.takes_status = hello.takes_status;
  HelloFrame answer = local_.hello(hello.dialled, credit);
  answer.answer = true;
  note_advertised(session, credit);
  send(session, write_frame({1, session.session}, answer));
}

SessionIndex InSessions::take_place() {
  if (free_.empty()) {
    sessions_.emplace_back();
    return static_cast<SessionIndex>(sessions_.size() - 1);
  }
  const SessionIndex index = free_.back();
  free_.pop_back();
  return index;
}

void InSessions::drop(SessionIndex index) {
  InSession& session = sessions_[index];
  if (session.advertised_none) --advertised_none_;
  if (const auto route = by_route_.find(session.route);
      route != by_route_.end() && route->second == index) {
    by_route_.erase(route);
  }
  by_boot_.erase(session.remote.boot);
  const std::uint32_t generation = session.generation + 1;
  session = InSession{};
  session.generation = generation;
  free_.push_back(index);
}

/// Makes a place at the bound by dropping the session that has been silent the longest.
bool InSessions::evict() {
  SessionIndex oldest = kNoSession;
  for (SessionIndex index = 0; index < sessions_.size(); ++index) {
    if (sessions_[index].used &&
        (oldest == kNoSession || sessions_[index].last_heard < sessions_[oldest].last_heard))
      oldest = index;
  }
  if (oldest == kNoSession ||
      turn_.steady() - sessions_[oldest].last_heard < local_.settings.silent_after)
    return false;
  drop(oldest);
  ++turn_.counters.sessions_evicted;
  turn_.drop(Shed::What::session_evicted);
  return true;
}

void InSessions::forget_silent() {
  for (SessionIndex index = 0; index < sessions_.size(); ++index) {
    if (sessions_[index].used && turn_.steady() - sessions_[index].last_heard > kForgottenAfter)
      drop(index);
  }
}

void InSessions::refuse(RouteId route, FrameHeader to, RefuseCode code, const std::string& reason,
                        std::uint64_t request) {
  turn_.send_route(route, write_frame(to, RefuseFrame{code, reason, request}));
}

bool InSessions::all_done(TimePoint now) const {
  return std::none_of(sessions_.begin(), sessions_.end(), [&](const InSession& session) {
    return session.used && !session.window.empty() &&
           now - session.last_heard < local_.settings.silent_after;
  });
}

void InSessions::put_off(Duration late) {
  for (InSession& session : sessions_) session.last_heard += late;
}

// ---- acks

template <typename Change>
void InSessions::change(SessionIndex index, const Change& of_window) {
  ReceiveWindow& window = sessions_[index].window;
  const bool had_news = window.has_unreported();
  of_window(window);
  if (!had_news && window.has_unreported()) with_unreported_.push_back(index);
}

void InSessions::set(const Waiter& waiter, const AckState& state) {
  if (!is_waiting(waiter)) return;
  change(waiter.session, [&](ReceiveWindow& window) { window.set(waiter.sequence, state); });
}

void InSessions::repeat(SessionIndex index, std::uint64_t sequence) {
  change(index, [&](ReceiveWindow& window) {
    if (rules::is_acked_again(window.at(sequence).acked)) window.repeat(sequence);
  });
}

void InSessions::on_ping(SessionIndex index, const PingFrame& ping, Credit credit) {
  InSession& session = sessions_[index];
  session.window.advance_to(ping.floor);
  for (const SequenceRange& ask : ping.asks) {
    if (session.window.empty()) break;
    const std::uint64_t last = std::min(ask.last, session.window.end() - 1);
    for (std::uint64_t n = std::max(ask.first, session.window.base()); n <= last; ++n)
      repeat(index, n);
    session.window.hurry();
  }
  note_advertised(session, credit);
  send(session,
       write_frame(session.header(), PongFrame{ping.token, credit.envelopes, credit.bytes}));
}

void InSessions::on_ack_lost(SessionIndex index, const SendId& id) {
  change(index, [&](ReceiveWindow& window) {
    window.repeat_ack(id);
    window.hurry();
  });
  InSession& session = sessions_[index];
  if (id.count == 0 && !session.advertised_none) {
    session.advertised_none = true;  // as far as its dialler knows; write_acks() tells
    ++advertised_none_;
  }
}

void InSessions::write(InSession& session, Credit credit) {
  ack_.number = session.window.on_ack(turn_.steady() + local_.settings.ack_every);
  ack_.credit_envelopes = credit.envelopes;
  ack_.credit_bytes = credit.bytes;
  note_advertised(session, credit);
  send(session, write_frame(session.header(), ack_), id_of(ack_));
  ack_.ranges.clear();
}

bool InSessions::write_ack(SessionIndex index, Credit credit) {
  InSession& session = sessions_[index];
  if (!session.used || !session.window.has_unreported()) return true;
  if (!session.window.is_ack_due(turn_.steady(), credit.envelopes)) return false;
  session.window.take_ranges(ack_.ranges, [&] { write(session, credit); });
  if (!ack_.ranges.empty()) write(session, credit);
  return true;
}

void InSessions::write_acks(Credit credit) {
  std::erase_if(with_unreported_, [&](SessionIndex index) { return write_ack(index, credit); });
  if (advertised_none_ == 0 || !credit.any()) return;
  ack_.ranges.clear();
  for (InSession& session : sessions_) {
    if (session.used && session.advertised_none) write(session, credit);
  }
}

bool InSessions::has_reported_safe(EntryIndex entry) const {
  const auto told = [entry](const InSession& session) {
    const ReceiveWindow& window = session.window;
    for (std::uint64_t n = window.base(); session.used && n < window.end(); ++n) {
      const ReceiveWindow::Slot& slot = window.at(n);
      if (slot.known && slot.acked && slot.entry == entry && slot.state.level != AckLevel::received)
        return true;
    }
    return false;
  };
  return std::any_of(sessions_.begin(), sessions_.end(), told);
}

TimePoint InSessions::next_ack() const {
  TimePoint at = TimePoint::max();
  for (const SessionIndex index : with_unreported_)
    at = std::min(at, sessions_[index].window.ack_at());
  return at;
}

/// Remembers whether the dialler of this session believes that there is no credit.
void InSessions::note_advertised(InSession& session, Credit credit) {
  const bool none = !credit.any();
  if (none == session.advertised_none) return;
  session.advertised_none = none;
  none ? ++advertised_none_ : --advertised_none_;
}

}  // namespace podring
