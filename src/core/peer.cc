// The face of a peer: each input, the turn that it makes, and leaving.
#include "core/peer.h"

#include <algorithm>
#include <utility>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr auto kLateByItself =
    std::chrono::milliseconds{200};  // a loop later than this suspects itself
constexpr auto kSettledAfter = std::chrono::seconds{2};
constexpr auto kShedLineEvery = std::chrono::seconds{1};
constexpr auto kTickMax = std::chrono::milliseconds{500};

}  // namespace

Peer::State::State(Identity identity, Settings given, std::uint64_t jitter_seed)
    : self(std::move(identity)),
      settings(std::move(given)),
      places{place_of(self, CopiesOn::peers), place_of(self, CopiesOn::nodes)},
      jitter(jitter_seed),
      ring(self.address, {}),
      memory(settings.memory_max) {
  PODRING_CHECK(self.boot.value != 0 && settings.copies >= 1 && settings.copies <= 3 &&
                settings.queue >= 2);
}

// ---- the turn

void Peer::State::advance(Now at) {
  PODRING_CHECK(at.steady >= now.steady);
  now = at;
  if (deadline_told == TimePoint::max() || now.steady - deadline_told <= kLateByItself) return;
  // This process was late, so nobody else may be blamed for the silence in between.
  const Duration late = now.steady - deadline_told;
  deadline_told = TimePoint::max();
  for (const auto& link : links) {
    link->last_heard += late;
    link->hello_until += late;
  }
  for (Inbound& session : inbound) session.last_heard += late;
}

Outputs& Peer::State::flush() {
  hand_on();
  write_acks();
  if (memory.size() > settings.memory_max) {
    const std::size_t forgotten = memory.forget(now.steady);
    counters.forgotten_early += forgotten;
    if (forgotten > 0) shed(Shed::What::ids_forgotten, forgotten);
  }
  deadline_told = deadline();
  handed_out.events.clear();
  handed_out.actions.clear();
  handed_out.statuses.clear();
  handed_out.deliveries.clear();
  std::swap(handed_out, out);
  return handed_out;
}

void Peer::State::tick() {
  tick_by = now.steady + kTickMax;
  tick_links();
  if (now.steady >= expire_at) {
    expire_queue();
    forget_seed_clients();
    const std::size_t forgotten = memory.forget(now.steady);
    counters.forgotten_early += forgotten;
    if (forgotten > 0) shed(Shed::What::ids_forgotten, forgotten);
  }
  for (auto& [what, line] : shed_lines) {
    if (line.count == 0 || now.steady - line.last < kShedLineEvery) continue;
    emit(Shed{what, std::exchange(line.count, 0)});
    line.last = now.steady;
  }
}

TimePoint Peer::State::deadline() const {
  TimePoint at = tick_by;
  const Link* const to = target_link();
  const bool queued = !transit.empty() || !seeds.empty();
  if (queued && alone()) at = now.steady;
  for (const std::uint32_t index : dirty_sessions) at = std::min(at, inbound[index].ack_at);
  for (const auto& link : links) {
    if (!link->is_up()) {
      at = std::min(at, link->state == Link::State::greeting
                            ? std::min(link->hello_until, link->hello_at)
                            : link->hello_until);
      continue;
    }
    at = std::min({at, link->ping_at, link->resend_at, link->ask_at,
                   link->last_heard + settings.silent_after});
    if (queued && link.get() == to) at = std::min(at, link->try_full_at);
  }
  for (const auto& [address, known] : health) {
    if ((known.suspected || known.departed || known.leaving) && known.probe_at > now.steady)
      at = std::min(at, known.probe_at);
  }
  return std::max(at, now.steady);
}

void Peer::State::shed(Shed::What what, std::uint64_t count) {
  ShedLine& line = shed_lines[what];
  line.count += count;
  if (line.said && now.steady - line.last < kShedLineEvery) return;
  emit(Shed{what, std::exchange(line.count, 0)});
  line.last = now.steady;
  line.said = true;
}

void Peer::State::send(const Link& link, Bytes bytes) {
  ++counters.frames_sent;
  act(SendLink{link.id, std::move(bytes)});
}

void Peer::State::send(const Inbound& session, Bytes bytes) {
  ++counters.frames_sent;
  act(SendRoute{session.route, std::move(bytes)});
}

// ---- leaving

void Peer::State::begin_leaving() {
  if (leaving) return;
  leaving = true;
  leaving_since = now.steady;
  emit(LeavingStarted{});
  for (const auto& link : links) {
    if (link->is_up()) send(*link, write_leaving(header(*link)));
  }
  for (const Inbound& session : inbound) {
    if (session.used) send(session, write_leaving(header(session)));
  }
}

bool Peer::State::may_exit() const {
  if (!leaving || now.steady - leaving_since < settings.drain_linger) return false;
  if (custody.size() > 0 || !dirty_sessions.empty() || !pending_logs.empty()) return false;
  // Nobody is left without the last word: a dialler raises its floor once it has read it.
  return std::none_of(inbound.begin(), inbound.end(), [this](const Inbound& session) {
    return session.used && !session.window.empty() &&
           now.steady - session.last_heard < settings.silent_after;
  });
}

// ---- the public face

Peer::Peer(Identity self, Settings settings, std::uint64_t jitter_seed)
    : state_(std::make_unique<State>(std::move(self), std::move(settings), jitter_seed)) {}
Peer::~Peer() = default;
Peer::Peer(Peer&&) noexcept = default;
Peer& Peer::operator=(Peer&&) noexcept = default;

void Peer::on_names(Now now, std::span<const Address> addresses) {
  state_->advance(now);
  state_->take_names(addresses);
}

void Peer::set_fixed_view(Now now, std::span<const Address> addresses) {
  state_->advance(now);
  state_->fixed_view = true;
  std::vector<Address> others(addresses.begin(), addresses.end());
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  std::erase(others, state_->self.address);
  state_->set_base(std::move(others));
}

void Peer::on_link_connected(Now now, LinkId id) {
  state_->advance(now);
  State::Link* link = state_->link_by_id(id);
  if (link == nullptr || link->state != State::Link::State::dialling) return;
  link->state = State::Link::State::greeting;
  link->session = state_->next_session++;
  state_->say_hello(*link);
}

void Peer::on_link_broken(Now now, LinkId id) {
  state_->advance(now);
  if (State::Link* link = state_->link_by_id(id); link != nullptr)
    state_->lose(*link, LinkDownReason::broken);
}

void Peer::on_link_frame(Now now, LinkId id, ByteView bytes) {
  State& s = *state_;
  s.advance(now);
  ++s.counters.frames_received;
  State::Link* link = s.link_by_id(id);
  if (link == nullptr) return;
  if (!read_frame(bytes, s.frame)) {
    ++s.counters.frames_bad;
    return;
  }
  if (s.frame.session != link->session && !s.mutated(Mutation::stale_session_acks)) {
    ++s.counters.frames_no_session;  // of a session that was given up
    return;
  }
  link->last_heard = now.steady;
  if (s.frame.type == FrameType::hello) return s.on_hello_answer(*link, s.frame.hello);
  if (s.frame.type == FrameType::refuse) return s.on_link_refused(*link, s.frame.refuse);
  if (!link->is_up()) return;
  if (s.frame.version != link->version) {
    ++s.counters.frames_bad;
    return;
  }
  switch (s.frame.type) {
    case FrameType::ack:
      return s.on_ack(*link, s.frame.ack);
    case FrameType::leaving:
      return s.on_peer_leaving(link->to, link->remote.boot);
    case FrameType::pong: {
      const bool had_room = link->has_room();
      link->room = s.frame.pong.room_envelopes;
      link->room_bytes = s.frame.pong.room_bytes;
      s.use_room(*link, had_room);
      if (s.frame.pong.token == link->ping_token) {
        link->round_trip.sample(now.steady - link->ping_sent_at);
        link->ping_round_trip.sample(now.steady - link->ping_sent_at);
        link->ping_token = 0;
      }
      return;
    }
    case FrameType::status:
      s.on_status(link->remote.boot);
      return;
    default:
      ++s.counters.frames_bad;
  }
}

void Peer::on_route_frame(Now now, RouteId route, Address from, ByteView bytes) {
  State& s = *state_;
  s.advance(now);
  ++s.counters.frames_received;
  if (!read_frame(bytes, s.frame)) {
    ++s.counters.frames_bad;
    return;
  }
  if (s.frame.type == FrameType::hello) {
    if (s.frame.hello.role == Role::client)
      s.frame.hello.identity.address = from;  // a client has no ring address
    return s.on_hello(route, s.frame);
  }
  const std::uint32_t session = s.session_of(route, s.frame.session);
  if (session == State::kNone) {
    ++s.counters.frames_no_session;
    if (s.frame.type == FrameType::relay || s.frame.type == FrameType::ping ||
        s.frame.type == FrameType::seed) {
      s.refuse(route, {1, s.frame.session}, RefuseCode::no_session, "say hello first",
               s.frame.type == FrameType::seed ? s.frame.seed.request : 0);
    }
    return;
  }
  State::Inbound& in = s.inbound[session];
  if (s.frame.version != in.version) {
    ++s.counters.frames_bad;
    return;
  }
  in.last_heard = now.steady;
  switch (s.frame.type) {
    case FrameType::relay:
      return s.on_relay(session, s.frame.relay);
    case FrameType::ping:
      return s.on_ping(session, s.frame.ping);
    case FrameType::seed:
      return s.on_seed_frame(session, s.frame.seed);
    case FrameType::leaving:
      in.leaving = true;
      if (in.role == Role::peer) s.on_peer_leaving(in.remote.address, in.remote.boot);
      return;
    case FrameType::status:
      if (in.role == Role::peer) s.on_status(in.remote.boot);
      return;
    default:
      ++s.counters.frames_bad;
  }
}

void Peer::on_link_frame_lost(Now now, LinkId id, ByteView bytes) {
  State& s = *state_;
  s.advance(now);
  State::Link* link = s.link_by_id(id);
  if (link == nullptr || !link->is_up() || !read_frame(bytes, s.frame) ||
      s.frame.session != link->session || s.frame.type != FrameType::relay)
    return;
  s.on_relay_lost(*link, s.frame.relay);
}

void Peer::on_route_frame_lost(Now now, RouteId route, ByteView bytes) {
  State& s = *state_;
  s.advance(now);
  if (!read_frame(bytes, s.frame) || s.frame.type != FrameType::ack) return;
  const std::uint32_t session = s.session_of(route, s.frame.session);
  if (session != State::kNone) s.on_ack_lost(session, s.frame.ack);
}

void Peer::on_link_frame_max(Now now, LinkId id, std::optional<std::size_t> bytes) {
  state_->advance(now);
  if (State::Link* link = state_->link_by_id(id); link != nullptr) link->frame_max = bytes;
}

SeedResult Peer::seed(Now now, const SeedRequest& request) {
  state_->advance(now);
  return state_->seed(request);
}

void Peer::on_delivered(Now now, const Delivered& result) {
  state_->advance(now);
  state_->on_delivered(result);
}

void Peer::on_logged(Now now, LogTicket up_to) {
  State& s = *state_;
  s.advance(now);
  s.written = std::max(s.written, up_to);
  while (!s.pending_logs.empty() && s.pending_logs.front().ticket <= s.written) {
    State::PendingLog log = std::move(s.pending_logs.front());
    s.pending_logs.pop_front();
    switch (log.what) {
      case State::PendingLog::What::end: {
        const Held& held = s.custody[log.held];
        if (held.state == Held::State::logging && held.ticket == log.ticket)
          s.on_end_logged(log.held);
        break;
      }
      case State::PendingLog::What::safe:
        s.tell_seed_client(log.id, Stage::safe, {});
        break;
      case State::PendingLog::What::receipt:
        s.tell_seed_client(log.id, log.ended == End::completed ? Stage::completed : Stage::expired,
                           std::move(log.receipt));
        break;
    }
  }
}

void Peer::on_tick(Now now) {
  state_->advance(now);
  state_->tick();
}

void Peer::leave(Now now) {
  state_->advance(now);
  state_->begin_leaving();
}

std::vector<StatusNeighbour> Peer::status_neighbours(Now now) const {
  state_->advance(now);
  return state_->status_neighbours();
}

void Peer::send_status(Now now, const StatusNeighbour& neighbour, ByteView told) {
  state_->advance(now);
  state_->send_status(neighbour, told);
}

Outputs& Peer::flush(Now now) {
  state_->advance(now);
  return state_->flush();
}

TimePoint Peer::next_deadline() const { return state_->deadline(); }

bool Peer::may_exit(Now now) const {
  state_->advance(now);
  return state_->may_exit();
}

bool Peer::settled(Now now) const {
  state_->advance(now);
  return !state_->alone() && state_->successor_told &&
         now.steady - state_->view_changed_at >= kSettledAfter;
}

std::size_t Peer::queue_used() const { return state_->queue_used; }
std::size_t Peer::queue_used_bytes() const { return state_->queue_used_bytes; }

const Counters& Peer::counters() const { return state_->counters; }
Status Peer::status(Now now) const {
  state_->advance(now);
  return state_->status();
}
const Identity& Peer::self() const { return state_->self; }
void Peer::check_invariants() const { state_->check_invariants(); }

}  // namespace podring
