// The face of a peer: each input goes to the part that it is for.
#include "core/peer.h"

#include <chrono>
#include <utility>

#include "core/peer_parts.h"

namespace podring {
namespace {

constexpr auto kSettledAfter = std::chrono::seconds{2};

}  // namespace

Peer::Peer(Identity self, Settings settings, std::uint64_t jitter_seed)
    : parts_(std::make_unique<Parts>(std::move(self), std::move(settings), jitter_seed)) {}
Peer::~Peer() = default;
Peer::Peer(Peer&&) noexcept = default;
Peer& Peer::operator=(Peer&&) noexcept = default;

void Peer::on_names(Now now, std::span<const Address> addresses) {
  parts_->begin(now);
  parts_->links.take_names(addresses);
}

void Peer::set_fixed_view(Now now, std::span<const Address> addresses) {
  parts_->begin(now);
  parts_->links.set_fixed(addresses);
}

void Peer::on_link_connected(Now now, LinkId link) {
  parts_->begin(now);
  parts_->links.on_connected(link);
}

void Peer::on_link_broken(Now now, LinkId link) {
  parts_->begin(now);
  parts_->links.on_broken(link);
}

void Peer::on_link_frame(Now now, LinkId id, ByteView bytes) {
  Parts& parts = *parts_;
  parts.begin(now);
  ++parts.turn.counters.frames_received;
  OutSession* link = parts.out.find(id);
  if (link == nullptr) return;
  if (read_frame(bytes, parts.frame)) return parts.on_link_frame(*link);
  ++parts.turn.counters.frames_bad;
}

void Peer::on_route_frame(Now now, RouteId route, Address from, ByteView bytes) {
  Parts& parts = *parts_;
  parts.begin(now);
  ++parts.turn.counters.frames_received;
  AnyFrame& frame = parts.frame;
  if (!read_frame(bytes, frame)) {
    ++parts.turn.counters.frames_bad;
    return;
  }
  if (frame.type != FrameType::hello) return parts.on_route_frame(route);
  if (frame.hello.role == Role::client)
    frame.hello.identity.address = from;  // a client has no ring address
  parts.links.on_hello(route, from, frame.session, frame.hello);
  if (parts.links.take_tick_wanted()) parts.tick_at = now.steady;
}

void Peer::on_link_frame_lost(Now now, LinkId id, const SendId& lost) {
  parts_->begin(now);
  OutSession* link = parts_->out.find(id);
  if (link != nullptr && link->is_up()) parts_->forwarder.on_lost(*link, lost);
}

void Peer::on_route_frame_lost(Now now, RouteId route, const SendId& lost) {
  parts_->begin(now);
  const SessionIndex index = parts_->in.find(route);
  if (index != kNoSession) parts_->in.on_ack_lost(index, lost);
}

void Peer::on_link_frame_max(Now now, LinkId id, std::optional<std::size_t> bytes) {
  parts_->begin(now);
  if (OutSession* link = parts_->out.find(id); link != nullptr) link->frame_max = bytes;
}

SeedResult Peer::seed(Now now, const SeedRequest& request) {
  parts_->begin(now);
  return parts_->seeds.seed(request);
}

void Peer::on_delivered(Now now, const Delivered& result) {
  parts_->begin(now);
  parts_->delivery.on_delivered(result);
}

void Peer::on_logged(Now now, LogTicket up_to) {
  parts_->begin(now);
  parts_->delivery.on_written(up_to);
}

void Peer::on_tick(Now now) {
  parts_->begin(now);
  parts_->tick();
}

void Peer::leave(Now now) {
  parts_->begin(now);
  parts_->leave();
}

std::vector<StatusNeighbour> Peer::status_neighbours(Now now) const {
  return parts_->links.status_neighbours(parts_->fair(now));
}

void Peer::send_status(Now now, const StatusNeighbour& neighbour, ByteView told) {
  parts_->begin(now);
  parts_->links.send_status(neighbour, told);
}

Outputs& Peer::flush(Now now) {
  parts_->begin(now);
  return parts_->flush();
}

TimePoint Peer::next_deadline() const { return parts_->deadline(); }

bool Peer::may_exit(Now now) const {
  const Parts& parts = *parts_;
  const Local& local = parts.local;
  return local.leaving() && now.steady - *local.leaving_since >= local.settings.drain_linger &&
         parts.delivery.custody().size() == 0 && !parts.in.has_unreported() &&
         !parts.delivery.waits_for_log() && parts.in.all_done(parts.fair(now));
}

bool Peer::settled(Now now) const {
  const Membership& membership = parts_->links.membership();
  return !membership.alone() && membership.successor() &&
         now.steady - membership.view().changed_at() >= kSettledAfter;
}

std::vector<EnvelopeId> Peer::held_ids() const { return parts_->delivery.custody().ids(); }
std::optional<HeldStatus> Peer::held_status(EnvelopeId id) const {
  return parts_->delivery.status_of(id);
}
std::size_t Peer::queue_used() const { return parts_->delivery.queue().used(); }
std::size_t Peer::queue_used_bytes() const { return parts_->delivery.queue().used_bytes(); }
const Counters& Peer::counters() const { return parts_->turn.counters; }
const Identity& Peer::self() const { return parts_->local.identity; }

Status Peer::status(Now now) const {
  const Parts& parts = *parts_;
  const Membership& membership = parts.links.membership();
  Status status;
  status.view = membership.ring().members();
  status.digest = membership.ring().digest();
  status.successor = membership.alone() ? std::optional{self().address} : membership.successor();
  status.predecessor = membership.ring().previous(self().address);
  status.links = parts.links.link_statuses(parts.fair(now));
  status.inbound = parts.links.inbound_statuses(parts.fair(now));
  status.queue_used = queue_used();
  status.queue_used_bytes = queue_used_bytes();
  status.held = parts.delivery.custody().size();
  status.remembered = parts.delivery.custody().remembered();
  status.leaving = parts.local.leaving();
  return status;
}

void Peer::check_invariants() const {
  parts_->out.check_invariants();
  parts_->delivery.check_invariants();
}

}  // namespace podring
