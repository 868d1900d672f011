#include "core/peer_parts.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/check.h"

namespace podring {
namespace {

constexpr auto kLateByItself = std::chrono::milliseconds{200};  // a later loop suspects itself
constexpr auto kTickMax = std::chrono::milliseconds{500};
constexpr auto kExpiryCheckEvery = std::chrono::seconds{1};

}  // namespace

Peer::Parts::Parts(Identity identity, Settings settings, std::uint64_t jitter_seed)
    : local{std::move(identity), std::move(settings)},
      turn{jitter_seed},
      out{local, turn},
      in{local, turn},
      delivery{local, turn, codecs, out, in},
      forwarder{local, turn, codecs, delivery, out},
      returns{turn, delivery, forwarder, out},
      seeds{local, turn, delivery, in},
      links{local, turn, out, in, delivery, forwarder} {}

// ---- the turn

Duration Peer::Parts::lateness(Now at) const {
  if (deadline_asked == TimePoint::max()) return {};
  const Duration late = at.steady - deadline_asked;
  return late > kLateByItself ? late : Duration{};
}

void Peer::Parts::begin(Now at) {
  PODRING_CHECK(at.steady >= turn.now.steady);
  turn.now = at;
  const Duration late = lateness(at);
  if (late == Duration{}) return;
  deadline_asked = TimePoint::max();
  out.put_off(late);
  in.put_off(late);
}

Outputs& Peer::Parts::flush() {
  if (links.membership().alone()) {
    forwarder.hand_to_self();
  } else if (OutSession* link = out.target(); link != nullptr) {
    forwarder.send_queue(*link);
  }
  returns.run();
  in.write_acks(delivery.queue().credit());
  if (delivery.custody().is_over_bound()) forget_ids();
  deadline_asked = deadline();
  handed_out.events.clear();
  handed_out.actions.clear();
  handed_out.statuses.clear();
  handed_out.deliveries.clear();
  std::swap(handed_out, turn.out);
  return handed_out;
}

void Peer::Parts::forget_ids() {
  const std::size_t early = delivery.custody().forget(turn.steady());
  turn.counters.forgotten_early += early;
  if (early > 0) turn.drop(Shed::What::ids_forgotten, early);
}

void Peer::Parts::tick() {
  tick_at = turn.steady() + kTickMax;
  links.tick();
  if (links.take_tick_wanted()) tick_at = turn.steady();
  if (turn.steady() >= expiry_at) {
    forwarder.expire_queue();
    expiry_at = turn.steady() + kExpiryCheckEvery;
    seeds.forget_clients();
    forget_ids();
  }
  turn.report_drops();
}

TimePoint Peer::Parts::deadline() const {
  TimePoint at =
      std::min({tick_at, out.next_deadline(), in.next_ack(), links.membership().next_probe(),
                returns.next_deadline(), forwarder.next_deadline(links.membership().alone())});
  return std::max(at, turn.steady());
}

void Peer::Parts::leave() {
  if (local.leaving()) return;
  local.leaving_since = turn.steady();
  turn.emit(LeavingStarted{});
  links.say_leaving();
}

// ---- frames; `frame` holds what was read

void Peer::Parts::on_link_frame(OutSession& link) {
  if (!rules::is_of_session(frame.session, link.session)) {
    ++turn.counters.frames_no_session;  // of a session that was given up
    return;
  }
  out.on_heard(link);
  if (frame.type == FrameType::hello) return links.on_hello_answer(link, frame.hello);
  if (frame.type == FrameType::refuse) return links.on_refused(link, frame.refuse);
  if (!link.is_up()) return;
  if (frame.version != link.version) {
    ++turn.counters.frames_bad;
    return;
  }
  switch (frame.type) {
    case FrameType::ack:
      return delivery.on_ack(link, frame.ack);
    case FrameType::leaving:
      return links.on_peer_leaving(link.to, link.remote.boot);
    case FrameType::pong:
      return out.on_pong(link, frame.pong);
    case FrameType::status:
      return on_status(link.remote.boot);
    default:
      ++turn.counters.frames_bad;
  }
}

void Peer::Parts::on_route_frame(RouteId route) {
  const SessionIndex index = in.find(route, frame.session);
  if (index != kNoSession) return on_session_frame(index);
  ++turn.counters.frames_no_session;
  const bool is_seed = frame.type == FrameType::seed;
  if (is_seed || frame.type == FrameType::relay || frame.type == FrameType::ping) {
    in.refuse(route, {1, frame.session}, RefuseCode::no_session, "say hello first",
              is_seed ? frame.seed.request : 0);
  }
}

void Peer::Parts::on_session_frame(SessionIndex index) {
  InSession& session = in[index];
  if (frame.version != session.version) {
    ++turn.counters.frames_bad;
    return;
  }
  session.last_heard = turn.steady();
  switch (frame.type) {
    case FrameType::relay:
      return delivery.on_relay(
          index, frame.relay,
          local.settings.strangers_relay || links.membership().is_member(session.remote.address));
    case FrameType::ping:
      return in.on_ping(index, frame.ping, delivery.queue().credit());
    case FrameType::seed:
      return seeds.on_frame(index, frame.seed);
    case FrameType::leaving:
      session.leaving = true;
      if (session.is_peer()) links.on_peer_leaving(session.remote.address, session.remote.boot);
      return;
    case FrameType::status:
      if (session.is_peer()) on_status(session.remote.boot);
      return;
    default:
      ++turn.counters.frames_bad;
  }
}

void Peer::Parts::on_status(BootId from) {
  if (local.settings.takes_status) {
    turn.out.statuses.push_back({from, Bytes{frame.status.told}});
  } else {
    ++turn.counters.frames_bad;
  }
}

}  // namespace podring
