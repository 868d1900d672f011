#include "core/links.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace podring {
namespace {

constexpr auto kIdleLinkKept = std::chrono::seconds{3};
constexpr auto kRefusalLineEvery = std::chrono::seconds{1};

}  // namespace

Links::Links(const Local& local, Turn& turn, OutSessions& out, InSessions& in, Delivery& delivery,
             Forwarder& forwarder)
    : local_{local},
      turn_{turn},
      out_{out},
      in_{in},
      delivery_{delivery},
      forwarder_{forwarder},
      membership_{local.address(), local.settings, turn} {}

Credit Links::credit() const { return delivery_.queue().credit(); }

Contacts Links::contacts() const {
  Contacts contacts;
  for (const auto& link : out_.all()) contacts.links.push_back({link->to, link->is_up()});
  for (const InSession& session : in_.all()) {
    if (session.is_peer() && !session.leaving &&
        turn_.steady() - session.last_heard < local_.settings.silent_after)
      contacts.diallers.push_back(session.remote.address);
  }
  return contacts;
}

/// Dials what is missing and chooses the successor.
void Links::refresh() {
  const Membership::Choice choice = membership_.choose(contacts());
  for (const Address to : choice.dial) out_.dial(to);
  if (out_.set_target(choice.successor)) delivery_.queue().note_progress(turn_.steady());
  membership_.set_successor(choice.successor);
}

// ---- names

void Links::take_names(std::span<const Address> addresses) {
  if (membership_.take_names(addresses, contacts())) refresh();
}

void Links::set_fixed(std::span<const Address> addresses) {
  if (membership_.set_fixed(addresses, contacts())) refresh();
}

// ---- outgoing

void Links::on_connected(LinkId id) {
  OutSession* link = out_.find(id);
  if (link != nullptr && link->phase == OutSession::Phase::dialling)
    out_.on_connected(*link, credit());
}

void Links::on_broken(LinkId id) {
  if (OutSession* link = out_.find(id); link != nullptr) lose(*link, LinkDownReason::broken);
}

void Links::on_hello_answer(OutSession& link, const HelloFrame& hello) {
  if (!hello.answer) return;
  if (link.is_up()) {
    if (hello.identity.boot != link.remote.boot)
      lose(link, LinkDownReason::broken, "another process answers from there");
    return;
  }
  if (link.phase != OutSession::Phase::greeting) return;
  const auto version = local_.common_version(hello);
  if (hello.ring != local_.settings.ring)
    return lose(link, LinkDownReason::refused, "it answers for the ring '" + hello.ring + "'");
  if (!version) return lose(link, LinkDownReason::refused, "no common protocol version");
  if (hello.identity.address != link.to || hello.identity.boot == local_.identity.boot) {
    return lose(link, LinkDownReason::refused,
                "it answers as " + to_string(hello.identity.address));
  }
  out_.on_up(link, hello, *version);
  turn_.emit(LinkUp{link.to, link.remote, link.session, *version});
  membership_.on_up(link.to, hello.identity.boot, hello.leaving, contacts());
  refresh();
}

void Links::on_refused(OutSession& link, const RefuseFrame& refusal) {
  if (refusal.code == RefuseCode::no_session) {
    if (link.is_up()) restart_session(link);
  } else if (link.phase == OutSession::Phase::greeting) {
    lose(link, LinkDownReason::refused,
         std::string{to_string(refusal.code)} + ": " + refusal.reason);
  }
}

/// The other side does not know the session any more. The peer is not suspected for that.
void Links::restart_session(OutSession& link) {
  ++turn_.counters.sessions_lost;
  const std::uint32_t rerouted = forwarder_.reroute(link);
  const Address to = link.to;
  turn_.emit(LinkDown{to, LinkDownReason::no_session, {}, rerouted});
  out_.hang_up(link.id);
  if (membership_.ring().contains(to)) out_.dial(to);
  refresh();
}

void Links::lose(OutSession& link, LinkDownReason reason, const std::string& detail) {
  const Membership::Loss loss{link.to, link.remote.boot, link.is_up(),
                              reason == LinkDownReason::refused, reason == LinkDownReason::broken};
  const std::uint32_t rerouted = forwarder_.reroute(link);
  const Health* known = membership_.health().find(loss.address);
  if (loss.was_up) ++turn_.counters.sessions_lost;
  if (loss.was_up || known == nullptr || !known->suspected)
    turn_.emit(LinkDown{loss.address, reason, detail, rerouted});
  out_.hang_up(link.id);
  membership_.on_lost(loss, contacts());
  refresh();
}

// ---- incoming

/// What speaks against a hello.
std::optional<Links::Refusal> Links::fault_of(Address source, const HelloFrame& hello) const {
  const Settings& settings = local_.settings;
  if (hello.ring != settings.ring) {
    return Refusal{RefuseCode::wrong_ring,
                   "this is the ring '" + settings.ring + "', not '" + hello.ring + "'"};
  }
  if (!local_.common_version(hello)) {
    return Refusal{RefuseCode::no_common_version,
                   "versions " + std::to_string(settings.version_min) + " to " +
                       std::to_string(settings.version_max) + " are spoken here"};
  }
  if (hello.dialled != local_.address()) {
    return Refusal{RefuseCode::wrong_address,
                   "this is " + to_string(local_.address()) + ", not " + to_string(hello.dialled)};
  }
  if (hello.identity.boot == local_.identity.boot)
    return Refusal{RefuseCode::wrong_address, "this is yourself"};
  const Address claimed = hello.identity.address;
  if (hello.role != Role::peer) return std::nullopt;
  if (claimed.is_unspecified() || claimed == local_.address())
    return Refusal{RefuseCode::wrong_address, to_string(claimed) + " is no address of yours"};
  if (!settings.hellos_are_proven && !rules::speaks_for(source, claimed)) {
    return Refusal{RefuseCode::wrong_address, "your connection comes from " + to_string(source) +
                                                  ", not from your address " + to_string(claimed)};
  }
  return std::nullopt;
}

void Links::refuse_hello(RouteId route, std::uint64_t session, const HelloFrame& hello,
                         const Refusal& refusal) {
  ++turn_.counters.hellos_refused;
  in_.refuse(route, {1, session}, refusal.code, refusal.reason);
  if (refusal_logged_at_ && turn_.steady() - *refusal_logged_at_ < kRefusalLineEvery) return;
  refusal_logged_at_ = turn_.steady();
  turn_.emit(HelloRefused{hello.identity, hello.ring, refusal.reason});
}

void Links::on_hello(RouteId route, Address source, std::uint64_t session,
                     const HelloFrame& hello) {
  if (hello.answer || session == 0) {
    ++turn_.counters.frames_bad;
    return;
  }
  if (const auto fault = fault_of(source, hello))
    return refuse_hello(route, session, hello, *fault);
  const auto its_owner = [&](const auto& link) {
    return link->is_up() && link->remote.boot == hello.identity.boot &&
           !rules::speaks_for(link->to, hello.identity.address);
  };
  if (hello.role == Role::peer && std::any_of(out_.all().begin(), out_.all().end(), its_owner)) {
    return refuse_hello(route, session, hello,
                        {RefuseCode::wrong_address, "this process is known at another address"});
  }
  const auto [how, index] = in_.open(route, source, session, hello, *local_.common_version(hello));
  switch (how) {
    case InSessions::Opening::late:  // from a session that was given up
      ++turn_.counters.frames_no_session;
      return;
    case InSessions::Opening::elsewhere:
      return;
    case InSessions::Opening::foreign:
      return refuse_hello(route, session, hello,
                          {RefuseCode::wrong_address,
                           "this process is connected from another address, and answers there"});
    case InSessions::Opening::too_many:
      return refuse_hello(route, session, hello,
                          {RefuseCode::too_many, "too many sessions; try again later"});
    case InSessions::Opening::taken:
      in_.answer(index, hello, credit());
      if (hello.role == Role::peer) heard_of(hello);
  }
}

/// A hello is a sign of life of whoever sits at that address.
void Links::heard_of(const HelloFrame& hello) {
  const Address address = hello.identity.address;
  const BootId boot = hello.identity.boot;
  if (OutSession* link = out_.find(address);
      link != nullptr && link->is_up() && link->remote.boot != boot) {
    lose(*link, LinkDownReason::broken, "another process says hello from there");
  }
  if (const Health* known = membership_.health().find(address); known != nullptr) {
    if (known->boot == boot) tick_wanted_ = true;  // it is probed at once
    membership_.on_hello(address, boot, hello.leaving, contacts());
    refresh();
  }
  if (hello.leaving) on_peer_leaving(address, boot);
}

// ---- both

void Links::on_peer_leaving(Address address, BootId boot) {
  if (address == local_.address()) return;
  // The last words of the one that sat there before say nothing of the one that answers now.
  const OutSession* link = out_.find(address);
  if (link != nullptr && link->is_up() && link->remote.boot != boot) return;
  if (membership_.on_leaving(address, boot)) refresh();
}

void Links::say_leaving() {
  for (const auto& link : out_.all()) {
    if (link->is_up()) out_.send(*link, write_leaving(link->header()));
  }
  for (const InSession& session : in_.all()) {
    if (session.used) in_.send(session, write_leaving(session.header()));
  }
}

void Links::tick() {
  std::vector<LinkId> ids;
  for (const auto& link : out_.all()) ids.push_back(link->id);
  for (const LinkId id : ids) tick_link(id);
  for (const Address to : membership_.take_probes(contacts())) out_.dial(to);
  if (membership_.drop_dead(contacts())) refresh();
  in_.forget_silent();
}

void Links::tick_link(LinkId id) {
  OutSession* link = out_.find(id);
  if (link == nullptr) return;  // hung up since the tick began
  const TimePoint now = turn_.steady();
  if (!link->is_up()) return tick_greeting(*link);
  if (link->timers.is_due(LinkTimer::silence, now)) return lose(*link, LinkDownReason::silent);
  if (link->timers.is_due(LinkTimer::ask, now)) out_.ask(*link);
  if (link->timers.is_due(LinkTimer::ping, now)) out_.ping(*link, {});
  if (link->timers.is_due(LinkTimer::resend, now)) forwarder_.resend(*link);
  if (membership_.on_answering(link->to)) refresh();
  if (is_idle(*link)) {
    turn_.emit(LinkDown{link->to, LinkDownReason::idle, {}, 0});
    out_.hang_up(id);
  }
}

void Links::tick_greeting(OutSession& link) {
  if (link.timers.is_due(LinkTimer::hello_timeout, turn_.steady())) {
    lose(link, LinkDownReason::silent, "no answer to hello");
  } else if (link.timers.is_due(LinkTimer::hello_again, turn_.steady())) {
    out_.say_hello(link, credit());
  }
}

/// Nothing has been sent on it for so long that it is not needed.
bool Links::is_idle(OutSession& link) {
  // On probation, or leaving: it is kept, and watched. (Its end tells that a leaving one is gone.)
  const Health* known = membership_.health().find(link.to);
  if (known != nullptr && (known->suspected || known->leaving)) return false;
  if (&link != out_.target() && link.window.empty())
    return turn_.steady() - link.idle_since >= kIdleLinkKept;
  link.idle_since = turn_.steady();
  return false;
}

}  // namespace podring
