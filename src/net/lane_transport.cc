#include "net/lane_transport.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "core/check.h"

namespace podring {
namespace {

constexpr auto kTickAnyway = std::chrono::milliseconds{20};
constexpr int kReceivesAtOnce = 4;  // calls of UdpSocket::receive(): then the stream has its turn
// A socket's room is shared by the lane to the successor, the one from the predecessor, and as
// many as are being replaced by them.
constexpr std::size_t kSharedBy = 4;

std::optional<lane::RingKey> key_at(const lane::RingKeys& keys, std::size_t at) {
  return at < keys.size() ? std::optional{keys[at]} : std::nullopt;
}

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
    : loop_{loop}, stream_{stream} {
  if (!options) return;
  try {
    socket_.emplace(options->bind, options->port, options->datagram_max);
  } catch (const TransportError& error) {
    if (options->required) throw;
    trouble_ = error.what();
    return;
  }
  const auto window = std::max<std::size_t>(socket_->receive_room() / kSharedBy, kDatagramBase);
  lanes_.emplace(lane::LanesOptions{.port = socket_->port(),
                                    .datagram_max = options->datagram_max,
                                    .window = static_cast<std::uint32_t>(window),
                                    .seed = options->seed,
                                    .draw_token = draw_token,
                                    .key = key_at(options->keys, 0),
                                    .second_key = key_at(options->keys, 1)});
  loop_.watch(socket_->fd(), EPOLLIN, [this](std::uint32_t) { readable_ = true; });
}

LaneTransport::~LaneTransport() {
  if (socket_) loop_.unwatch(socket_->fd());
}

// ---- going out
// ---------------------------------------------------------------------------------------

void LaneTransport::dial(LinkId link, Address to) {
  if (lanes_) lanes_->dial(now_, link, to);
  stream_.dial(link, to);
}

void LaneTransport::hang_up(LinkId link) {
  if (lanes_) lanes_->hang_up(link);
  stream_.hang_up(link);
}

void LaneTransport::send_link(LinkId link, Bytes&& frame, const std::optional<SendId>& id) {
  if (lanes_ && lanes_->send_link(link, frame, id)) return;
  stream_.send_link(link, std::move(frame));
}

void LaneTransport::send_route(RouteId route, Bytes&& frame, const std::optional<SendId>& id) {
  if (lanes_ && lanes_->send_route(now_, route, frame, id)) return;
  stream_.send_route(route, std::move(frame));
}

void LaneTransport::flush() {
  if (!lanes_) return;
  lanes_->write(now_, [this](Address to, std::uint16_t port, const Bytes& datagram) {
    socket_->add(to, port, datagram);
  });
  socket_->send();
}

TimePoint LaneTransport::next_deadline() {
  return lanes_ ? lanes_->next_deadline(now_) : TimePoint::max();
}

// ---- coming in
// ---------------------------------------------------------------------------------------

bool LaneTransport::receive(LaneSink& sink) {
  sink_ = &sink;
  const bool more = stream_.receive(*this);
  if (!lanes_) return more;
  // Acks that have come in are read before a time-out is believed; but a flood stops no clock.
  const bool unread = receive_datagrams();
  if (unread && now_ - ticked_at_ < kTickAnyway) return true;
  ticked_at_ = now_;
  lanes_->on_tick(now_, sink);
  return more || unread;
}

void LaneTransport::on_link_connected(LinkId link) {
  if (lanes_ && stream_.uses_second_key(link)) lanes_->use_second_key(link);
  sink_->on_link_connected(link);
}

void LaneTransport::on_link_broken(LinkId link) {
  if (lanes_) lanes_->on_link_broken(link);
  sink_->on_link_broken(link);
}

void LaneTransport::on_link_frame(LinkId link, ByteView frame) {
  if (lanes_) lanes_->on_link_frame(now_, link, frame);
  sink_->on_link_frame(link, frame);
}

void LaneTransport::on_route_frame(RouteId route, Address from, ByteView frame) {
  if (lanes_) lanes_->on_route_frame(now_, route, from, frame);
  sink_->on_route_frame(route, from, frame);
}

/// True: there may be more.
bool LaneTransport::receive_datagrams() {
  for (int round = 0; readable_ && round < kReceivesAtOnce; ++round) {
    readable_ = socket_->receive();
    for (const UdpSocket::Datagram& datagram : socket_->received()) {
      if (!lanes_->on_datagram(now_, datagram.bytes, *sink_)) ++socket_->counters().strangers;
    }
  }
  return readable_;
}

// ---- looking in
// --------------------------------------------------------------------------------------

std::vector<lane::LaneChange> LaneTransport::take_changes() {
  return lanes_ ? lanes_->take_changes() : std::vector<lane::LaneChange>{};
}

std::optional<lane::LaneFigures> LaneTransport::link_figures(LinkId link) const {
  return lanes_ ? lanes_->link_figures(link) : std::nullopt;
}

std::optional<lane::LaneFigures> LaneTransport::route_figures(RouteId route) const {
  return lanes_ ? lanes_->route_figures(route) : std::nullopt;
}

DatagramCounters LaneTransport::counters() const {
  return socket_ ? socket_->counters() : DatagramCounters{};
}

std::uint64_t LaneTransport::lost() const { return lanes_ ? lanes_->lost() : 0; }

}  // namespace podring
