#include "net/lane_transport.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/check.h"

namespace podring {
namespace {

constexpr int kReceivesAtOnce = 8;  // of UdpSocket::kAtOnce datagrams: then the stream has its turn
constexpr Duration kForgetEvery = std::chrono::seconds{1};
// A socket's room is shared by the lane to the successor, the one from the predecessor, and as
// many as are being replaced by them.
constexpr std::size_t kSharedBy = 4;

LaneToken draw_token() {
  LaneToken token;
  std::size_t done = 0;
  while (done < token.bytes.size()) {
    const ssize_t count = ::getrandom(token.bytes.data() + done, token.bytes.size() - done, 0);
    if (count > 0) done += static_cast<std::size_t>(count);
    PODRING_CHECK(count > 0 || errno == EINTR);
  }
  return token;
}

}  // namespace

LaneTransport::LaneTransport(Loop& loop, Transport& stream,
                             const std::optional<LaneOptions>& options)
    : loop_{loop}, stream_{stream}, options_{options}, seeds_{options ? options->seed : 0} {
  if (!options_) return;
  try {
    socket_.emplace(options_->bind, options_->port, options_->datagram_max);
  } catch (const TransportError& error) {
    if (options_->required) throw;
    trouble_ = error.what();
    return;
  }
  loop_.watch(socket_->fd(), EPOLLIN, [this](std::uint32_t) { readable_ = true; });
}

LaneTransport::~LaneTransport() {
  if (socket_) loop_.unwatch(socket_->fd());
}

// ---- lanes and what they belong to
// ----------------------------------------------------------------------

LaneTransport::Entry* LaneTransport::find(
    const std::unordered_map<std::uint32_t, std::uint32_t>& ids, std::uint32_t id) {
  const auto found = ids.find(id);
  return found == ids.end() ? nullptr : &entries_.at(found->second);
}

LaneTransport::Entry& LaneTransport::add(bool outgoing, std::uint32_t id, Address peer) {
  const std::uint32_t number = next_number_++;
  Entry& entry = entries_[number];
  entry.outgoing = outgoing;
  entry.id = id;
  entry.peer = peer;
  entry.heard = now_;
  const auto window = std::max<std::size_t>(socket_->receive_room() / kSharedBy, kDatagramBase);
  entry.own = {socket_->port(), number, draw_token(), options_->datagram_max,
               static_cast<std::uint32_t>(window)};
  (outgoing ? links_ : routes_)[id] = number;
  return entry;
}

void LaneTransport::remove(std::unordered_map<std::uint32_t, std::uint32_t>& ids,
                           std::uint32_t id) {
  const auto found = ids.find(id);
  if (found == ids.end()) return;
  const auto entry = entries_.find(found->second);
  if (entry->second.lane) lost_before_ += entry->second.lane->figures().sent_lost;
  entries_.erase(entry);
  ids.erase(found);
}

/// The other side's offer is known: probes begin.
void LaneTransport::open(Entry& entry, const LaneOffer& offer) {
  if (entry.lane) return;  // the same hello again
  entry.port = offer.port;
  entry.lane.emplace(now_, offer, options_->datagram_max, seeds_.next());
}

void LaneTransport::forget_silent() {
  if (now_ < forget_at_) return;
  forget_at_ = now_ + kForgetEvery;
  std::vector<RouteId> silent;
  for (const auto& [number, entry] : entries_) {
    if (!entry.outgoing && now_ - entry.heard > kForgottenAfter) silent.push_back(entry.id);
  }
  for (const RouteId route : silent) remove(routes_, route);
}

// ---- going out
// ---------------------------------------------------------------------------------------

void LaneTransport::dial(LinkId link, Address to) {
  if (socket_) add(true, link, to);
  stream_.dial(link, to);
}

void LaneTransport::hang_up(LinkId link) {
  remove(links_, link);
  stream_.hang_up(link);
}

/// The hello again, with the offer in it.
bool LaneTransport::offer_in(Bytes& hello, const LaneOffer& offer) {
  if (!read_frame(hello, frame_)) return false;
  frame_.hello.lane = offer;
  hello = write_frame({frame_.version, frame_.session}, frame_.hello);
  return true;
}

void LaneTransport::send_link(LinkId link, Bytes&& frame) {
  if (Entry* entry = find(links_, link); entry != nullptr) {
    const auto type = frame_type(frame);
    if (type == FrameType::hello) {
      PODRING_CHECK(offer_in(frame, entry->own));
    } else if (type == FrameType::relay && entry->lane && entry->lane->send(frame)) {
      return;
    }
  }
  stream_.send_link(link, std::move(frame));
}

void LaneTransport::send_route(RouteId route, Bytes&& frame) {
  if (!socket_) return stream_.send_route(route, std::move(frame));
  const auto type = frame_type(frame);
  Entry* entry = find(routes_, route);
  if (type == FrameType::ack) {
    if (entry != nullptr && entry->lane && entry->lane->send(frame)) return;
  } else if (const auto wanted = wanted_.find(route);
             type == FrameType::hello && wanted != wanted_.end()) {
    // The core answers the hello, so it has taken the session.
    const Wanted& hello = wanted->second;
    if (entry != nullptr && entry->session != hello.session) {
      remove(routes_, route);
      entry = nullptr;
    }
    if (entry == nullptr && routes_.size() < kIncomingMax) {
      entry = &add(false, route, hello.from);
      entry->session = hello.session;
    }
    if (entry != nullptr) {
      open(*entry, hello.offer);
      PODRING_CHECK(offer_in(frame, entry->own));
    }
    wanted_.erase(wanted);
  }
  stream_.send_route(route, std::move(frame));
}

void LaneTransport::flush() {
  if (!socket_) return;
  wanted_.clear();  // what the core has not answered in this turn it never will
  for (auto& [number, entry] : entries_) {
    if (!entry.lane) continue;
    while (entry.lane->write(now_, datagram_)) socket_->add(entry.peer, entry.port, datagram_);
  }
  socket_->send();
}

TimePoint LaneTransport::next_deadline() {
  TimePoint at = TimePoint::max();
  for (auto& [number, entry] : entries_) {
    if (entry.lane) at = std::min(at, entry.lane->next_deadline(now_));
  }
  return at;
}

// ---- coming in
// ---------------------------------------------------------------------------------------

bool LaneTransport::receive(LaneSink& sink) {
  sink_ = &sink;
  bool more = stream_.receive(*this);
  if (!socket_) return more;
  // Acks first: a time-out is none when the ack waits to be read.
  if (receive_datagrams()) return true;
  for (auto& [number, entry] : entries_) {
    if (entry.lane) tick(entry);
  }
  forget_silent();
  return more;
}

void LaneTransport::on_link_broken(LinkId link) {
  remove(links_, link);
  sink_->on_link_broken(link);
}

void LaneTransport::on_link_frame(LinkId link, ByteView frame) {
  if (Entry* entry = find(links_, link);
      entry != nullptr && frame_type(frame) == FrameType::hello && read_frame(frame, frame_) &&
      frame_.hello.answer && frame_.hello.lane) {
    open(*entry, *frame_.hello.lane);
  }
  sink_->on_link_frame(link, frame);
}

void LaneTransport::on_route_frame(RouteId route, Address from, ByteView frame) {
  if (socket_ && frame_type(frame) == FrameType::hello && read_frame(frame, frame_) &&
      frame_.hello.role == Role::peer && frame_.hello.lane && wanted_.size() < kIncomingMax) {
    wanted_[route] = {frame_.session, from, *frame_.hello.lane};
  }
  if (Entry* entry = find(routes_, route); entry != nullptr) entry->heard = now_;
  sink_->on_route_frame(route, from, frame);
}

/// True: there may be more.
bool LaneTransport::receive_datagrams() {
  for (int round = 0; readable_ && round < kReceivesAtOnce; ++round) {
    const auto& datagrams = socket_->receive();
    if (datagrams.size() < UdpSocket::kAtOnce) readable_ = false;
    for (const UdpSocket::Datagram& datagram : datagrams) take(datagram);
  }
  return readable_;
}

/// Whoever does not know the token is not answered, and leaves no trace but a count.
void LaneTransport::take(const UdpSocket::Datagram& datagram) {
  const auto header = lane::read_header(datagram.bytes);
  const auto found = header ? entries_.find(header->lane) : entries_.end();
  if (found == entries_.end() || !found->second.lane || header->token != found->second.own.token ||
      !lane::read_payload(datagram.bytes.substr(lane::kHeaderBytes), payload_)) {
    ++socket_->counters().strangers;
    return;
  }
  Entry& entry = found->second;
  if (!entry.lane->fresh(now_, header->number, payload_.ack_eliciting)) return;
  if (!entry.lane->on_payload(now_, payload_)) {
    ++socket_->counters().strangers;
    return;
  }
  entry.heard = now_;
  for (const ByteView frame : payload_.frames) {
    const auto type = frame_type(frame);
    if (entry.outgoing && type == FrameType::ack) {
      sink_->on_link_frame(entry.id, frame);
    } else if (!entry.outgoing && type == FrameType::relay) {
      sink_->on_route_frame(entry.id, entry.peer, frame);
    }
  }
}

void LaneTransport::tick(Entry& entry) {
  entry.lane->on_tick(now_);
  tell(entry);
  for (const Bytes& frame : entry.lane->take_lost()) {
    if (entry.outgoing) {
      sink_->on_link_frame_lost(entry.id, frame);
    } else {
      sink_->on_route_frame_lost(entry.id, frame);
    }
  }
}

/// What has changed about it. First of all how large frames may be: lost ones are sent again.
void LaneTransport::tell(Entry& entry) {
  const std::size_t frame_max = entry.lane->frame_max();
  if (frame_max != entry.frame_max_told && entry.outgoing) {
    sink_->on_link_frame_max(entry.id, frame_max > 0 ? std::optional{frame_max} : std::nullopt);
  }
  entry.frame_max_told = frame_max;
  const lane::LaneFigures figures = entry.lane->figures();
  if (std::exchange(entry.state_told, figures.state) != figures.state)
    changes_.push_back({entry.peer, entry.outgoing, figures});
}

// ---- looking in
// --------------------------------------------------------------------------------------

std::optional<lane::LaneFigures> LaneTransport::figures(Address peer, bool outgoing) const {
  std::optional<lane::LaneFigures> figures;
  for (const auto& [number, entry] : entries_) {
    if (!entry.lane || entry.peer != peer || entry.outgoing != outgoing) continue;
    if (!figures || entry.lane->is_open()) figures = entry.lane->figures();
  }
  return figures;
}

DatagramCounters LaneTransport::counters() const {
  return socket_ ? socket_->counters() : DatagramCounters{};
}

std::uint64_t LaneTransport::lost() const {
  std::uint64_t lost = lost_before_;
  for (const auto& [number, entry] : entries_) {
    if (entry.lane) lost += entry.lane->figures().sent_lost;
  }
  return lost;
}

}  // namespace podring
