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
constexpr auto kTtlMax = std::chrono::milliseconds{UINT32_MAX};

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
// -------------------------------------------------------------------------------------

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
  std::swap(handed_out, out);
  return handed_out;
}

void Peer::State::tick() {
  tick_by = now.steady + kTickMax;
  tick_links();
  if (now.steady >= expire_at) {
    expire_queue();
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

// ---- seeds
// ----------------------------------------------------------------------------------------

SeedResult Peer::State::seed(const SeedRequest& request) {
  const auto bad = [&](std::string reason, SeedError error = SeedError::bad_request) {
    ++counters.seeds_refused_bad;
    return SeedResult{error, std::move(reason), {}};
  };
  if (request.count < 1 || request.count > kSeedCountMax) {
    return bad("count must be from 1 to " + std::to_string(kSeedCountMax));
  }
  if (request.hops && request.laps) return bad("give either hops or laps, not both");
  if (request.hops && (*request.hops < 1 || *request.hops > kHopsMax)) {
    return bad("hops must be from 1 to " + std::to_string(kHopsMax));
  }
  if (request.laps && (*request.laps < 1 || *request.laps > kLapsMax)) {
    return bad("laps must be from 1 to " + std::to_string(kLapsMax));
  }
  const Duration ttl = request.ttl.value_or(settings.ttl);
  if (ttl < std::chrono::milliseconds{1} || ttl > kTtlMax) {
    return bad("the time to live must be from 1 ms to " + std::to_string(UINT32_MAX) + " ms");
  }
  EnvelopeHead head;
  head.origin = self.address;
  head.limit_kind = request.laps ? LimitKind::laps : LimitKind::hops;
  head.limit = request.laps ? *request.laps : request.hops.value_or(settings.hops);
  head.copies = settings.copies;
  head.copies_on = settings.copies_on;
  head.receipt = request.receipt;
  head.time_left_ms = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(ttl).count());
  const Envelope envelope = make_envelope(head, request.message);
  const std::size_t entries = request.laps ? kTraceFirstKept + kTraceLastKept : head.limit;
  const std::size_t largest = encoded_bytes_after(envelope, entries, self.pod.size());
  if (largest > kEnvelopeBytesMax) {
    return bad("with its trace the message could grow to " + std::to_string(largest) +
                   " bytes; at most " + std::to_string(kEnvelopeBytesMax) +
                   " travel: send fewer bytes or fewer hops",
               SeedError::too_large);
  }
  if (leaving && now.steady - leaving_since >= settings.drain_linger) {
    ++counters.seeds_refused_leaving;
    return {SeedError::leaving, "this peer is leaving the ring; seed at another one", {}};
  }
  // The bubble rule: a free slot is left after it. (A ring whose queues are all full stands still.)
  const std::size_t bytes = (envelope.tail.size() + 160) * request.count;
  const std::size_t bubble = mutated(Mutation::bubble_rule_off) ? 0 : 1;
  const std::size_t used = mutated(Mutation::custody_gates_sending) ? custody.size() : queue_used;
  if (used + request.count + bubble > settings.queue ||
      queue_used_bytes + bytes > settings.queue_bytes) {
    ++counters.seeds_refused_full;
    return {
        SeedError::ring_full, "the queue to the next peer has no room for it; try again later", {}};
  }
  const EnvelopeId first{self.boot, next_counter};
  emit(Seeded{first, request.count, request.sender, head.limit_kind, head.limit});
  for (std::uint32_t i = 0; i < request.count; ++i) {
    const std::uint32_t index = custody.take();
    Held& held = custody[index];
    held.envelope = envelope;
    held.envelope.head.id = {self.boot, next_counter++};
    held.bytes = static_cast<std::uint32_t>(envelope.tail.size() + 160);
    held.accepted = now.steady;
    held.arrived = now.wall;
    held.sender = request.sender;
    held.own_seed = true;
    Remembered& record = memory.at(held.envelope.head.id);
    memory.count_new();
    record.lap_plus_one = 1;
    record.held = index;
    ++counters.seeds_accepted;
    arrive(index);
  }
  return {SeedError::none, {}, first};
}

void Peer::State::on_seed_frame(std::uint32_t index, const SeedFrame& read) {
  const Inbound& session = inbound[index];
  const auto refused = [&](RefuseCode code, const std::string& reason) {
    refuse(session.route, header(session), code, reason, read.request);
  };
  if (read.wait != Stage::accepted && seed_clients.size() + read.count > kSeedClientsMax) {
    return refused(RefuseCode::too_many,
                   "too many seeds wait to be safe or completed; try again later");
  }
  SeedRequest request;
  request.message = read.message;
  request.count = read.count;
  if (read.limit != 0)
    (read.limit_kind == LimitKind::hops ? request.hops : request.laps) = read.limit;
  if (read.ttl_ms > UINT32_MAX)
    return refused(RefuseCode::bad_request, "ttl_ms must be at most 4294967295");
  if (read.ttl_ms != 0) request.ttl = std::chrono::milliseconds{read.ttl_ms};
  request.receipt = read.wait == Stage::completed;
  request.sender = session.remote.address;
  const std::uint64_t first = next_counter;
  // A leaving peer confirms only what is safe.
  const Stage wait = leaving && read.wait == Stage::accepted ? Stage::safe : read.wait;
  if (wait != Stage::accepted) {
    for (std::uint64_t i = 0; i < std::min(read.count, kSeedCountMax); ++i) {
      seed_clients[first + i] = {index, session.generation, read.request, wait};
    }
  }
  const SeedResult result = seed(request);
  if (result.error != SeedError::none) {
    for (std::uint64_t i = 0; i < std::min(read.count, kSeedCountMax); ++i)
      seed_clients.erase(first + i);
    switch (result.error) {
      case SeedError::ring_full:
        return refused(RefuseCode::ring_full, result.reason);
      case SeedError::leaving:
        return refused(RefuseCode::leaving, result.reason);
      case SeedError::too_large:
        return refused(RefuseCode::too_large, result.reason);
      default:
        return refused(RefuseCode::bad_request, result.reason);
    }
  }
  if (leaving && read.wait == Stage::accepted) return;  // told at `safe`
  send(session,
       write_frame(header(session),
                   SeededFrame{read.request, Stage::accepted, result.first, read.count, 0, {}}));
}

void Peer::State::tell_seed_client(EnvelopeId id, Stage stage, SeededFrame seeded) {
  const auto found = seed_clients.find(id.counter);
  if (found == seed_clients.end()) return;
  const SeedClient client = found->second;
  const Inbound& session = inbound[client.session];
  const bool done = stage >= client.wait;
  if (done) seed_clients.erase(found);
  if (!session.used || session.generation != client.generation) {
    seed_clients.erase(id.counter);
    return;
  }
  seeded.request = client.request;
  seeded.stage = stage;
  seeded.first = id;
  seeded.count = 1;
  send(session, write_frame(header(session), seeded));
}

// ---- leaving
// --------------------------------------------------------------------------------------

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

// ---- looking in
// -----------------------------------------------------------------------------------

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
    if (linked || !ring.contains(address)) continue;
    LinkStatus told;
    told.address = address;
    told.suspected = known.suspected;
    told.leaving = known.leaving;
    status.links.push_back(std::move(told));
  }
  for (const Inbound& session : inbound) {
    if (!session.used) continue;
    status.inbound.push_back({session.route, session.remote, session.role == Role::client,
                              session.session, session.leaving, now.steady - session.last_heard});
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

// ---- the public face
// ------------------------------------------------------------------------------

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
    case FrameType::pong:
      link->room = s.frame.pong.room_envelopes;
      link->room_bytes = s.frame.pong.room_bytes;
      if (s.frame.pong.token == link->ping_token) {
        link->round_trip.sample(now.steady - link->ping_sent_at);
        link->ping_round_trip.sample(now.steady - link->ping_sent_at);
        link->ping_token = 0;
      }
      return;
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
  if (held.state == Held::State::logging) {
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
