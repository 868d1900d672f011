#include "net/zmq_transport.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/codec.h"
#include "net/socket_address.h"
#include "net/zmq_tools.h"
#include "net/zmtp_stream.h"

namespace podring {
namespace {

// Descriptors are the real bound; libzmq only sizes a table of pointers by this.
constexpr int kSocketsMax = 16'384;
// Backstops, in messages. The core's window is what bounds: at most `queue` (1,024) envelopes are
// under way on a link, each in a frame of its own at worst.
constexpr int kSendHighWater = 2048;
constexpr int kReceiveHighWater = 512;
// Of connections whose other side is gone without a word; who is healthy is for the core to say.
constexpr int kKeepAliveAfterS = 10;
constexpr int kKeepAliveEveryS = 2;
constexpr int kKeepAliveProbes = 3;
constexpr int kUnackedMaxMs = 16'000;
constexpr int kConnectTimeoutMs = 1000;
constexpr int kHandshakeMs = 2000;
constexpr int kBacklog = 100;
// Of one receive(), for the router and for each link: then the loop looks at the rest again.
constexpr std::size_t kFramesAtOnce = 128;
constexpr std::size_t kBytesAtOnce = 1024 * 1024;
// libzmq copies smaller ones into its 8 KiB batch anyway.
constexpr std::size_t kHandedOverFrom = 8 * 1024;

constexpr std::size_t kRoutingIdBytes = 5;  // a zero and 32 bits, when libzmq makes it

RouteId route_of(const unsigned char* id) {
  return (RouteId{id[1]} << 24) | (RouteId{id[2]} << 16) | (RouteId{id[3]} << 8) | RouteId{id[4]};
}

std::array<unsigned char, kRoutingIdBytes> routing_id_of(RouteId route) {
  return {0, static_cast<unsigned char>(route >> 24), static_cast<unsigned char>(route >> 16),
          static_cast<unsigned char>(route >> 8), static_cast<unsigned char>(route)};
}

/// Large frames change hands, small ones are copied.
zmq::message_t message_of(Bytes&& frame) {
  if (frame.size() < kHandedOverFrom) return {frame.data(), frame.size()};
  auto* owned = new Bytes{std::move(frame)};
  return {owned->data(), owned->size(), [](void*, void* hint) { delete static_cast<Bytes*>(hint); },
          owned};
}

void set_common(zmq::socket_t& socket, const char* domain, bool ipv6) {
  socket.set(zmq::sockopt::zap_domain, domain);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, kSendHighWater);
  socket.set(zmq::sockopt::rcvhwm, kReceiveHighWater);
  socket.set(zmq::sockopt::maxmsgsize,
             static_cast<std::int64_t>(kFrameBytesMax + ZmtpStream::kCurveBytes));
  // Not libzmq's heartbeats: a heartbeat on a connection that broke while its pipe was full ends
  // the process (https://github.com/zeromq/libzmq/issues/4364), as when a paused peer goes on.
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, kKeepAliveAfterS);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, kKeepAliveEveryS);
  socket.set(zmq::sockopt::tcp_keepalive_cnt, kKeepAliveProbes);
  socket.set(zmq::sockopt::tcp_maxrt, kUnackedMaxMs);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  if (ipv6) socket.set(zmq::sockopt::ipv6, 1);
}

TransportError cannot_listen(const std::string& at, int error) {
  std::string advice = "check --bind, --address and --port";
  if (error == EADDRINUSE) {
    advice =
        "another process has that port: stop it, or choose another --port (the same for every "
        "peer of the ring)";
  } else if (error == EADDRNOTAVAIL) {
    advice = "this machine does not have that address: check --bind and --address";
  } else if (error == EACCES) {
    advice = "ports below 1024 need a privilege: choose another --port";
  }
  return TransportError{"cannot listen for peers at " + at + ": " + zmq_strerror(error) + "; " +
                        advice};
}

/// The router's own socket is made here, so that zmq_guard knows it before anybody connects.
OwnFd listen_at(Address bind, std::uint16_t port, const std::string& at) {
  sockaddr_storage address{};
  const socklen_t size = fill_socket_address(address, bind, port, bind.is_v4());
  OwnFd fd{::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  const int on = 1;
  const int off = 0;
  if (fd.get() < 0 || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      // Whatever net.ipv6.bindv6only says: `::` is all addresses of both families.
      (address.ss_family == AF_INET6 &&
       ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    throw cannot_listen(at, errno);
  return fd;
}

}  // namespace

bool is_own_address(Address address) {
  if (address.is_unspecified()) return false;
  sockaddr_storage at{};
  const socklen_t size = fill_socket_address(at, address, 0, address.is_v4());
  const OwnFd socket{::socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  return socket.get() >= 0 &&
         ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0;
}

ZmqTransport::ZmqTransport(Loop& loop, const ZmqOptions& options)
    : loop_{loop},
      options_{options},
      keys_{options.keys.begin(), options.keys.end()},
      context_{/*io_threads=*/1, kSocketsMax},
      gate_{context_, loop, options.gate,
            keys_.empty() ? std::nullopt : std::optional{keys_.front().dialler.open}} {
  if (!zmq_guard::works())
    throw TransportError{
        "nothing stands in front of libzmq in this build; link podring with libzmq.so, and export "
        "the symbols that zmq_guard.cc defines"};
  zmq_guard::set_limits(options.guard);
  router_ = zmq::socket_t{context_, zmq::socket_type::router};
  set_common(router_, ZmqGate::kIncoming, !options.bind.is_v4());
  router_.set(zmq::sockopt::router_mandatory, true);
  if (!keys_.empty()) keys_.front().listen_with(router_);
  gate_.count_connections_of(router_);
  const std::string at = "tcp://" + endpoint(options.bind, options.port);
  OwnFd listener = listen_at(options.bind, options.port, at);
  zmq_guard::watch_listener(listener.get());
  router_.set(zmq::sockopt::use_fd, listener.get());
  if (zmq_bind(router_.handle(), at.c_str()) != 0) throw cannot_listen(at, errno);
  (void)listener.release();  // the router's
  const std::string bound = router_.get(zmq::sockopt::last_endpoint);
  port_ = static_cast<std::uint16_t>(std::stoul(bound.substr(bound.rfind(':') + 1)));
  if (options_.dial_port == 0) options_.dial_port = port_;
  router_fd_ = router_.get(zmq::sockopt::fd);
  loop_.watch(router_fd_, EPOLLIN, [this](std::uint32_t) { router_to_read_ = true; });
}

ZmqTransport::~ZmqTransport() {
  for (auto& [id, link] : links_) close(*link);
  loop_.unwatch(router_fd_);
}

std::string ZmqTransport::endpoint(Address address, std::uint16_t port) const {
  const std::string host =
      address.is_v4() ? podring::to_string(address) : "[" + podring::to_string(address) + "]";
  return host + ":" + std::to_string(port);
}

// ---- links
// ----------------------------------------------------------------------------------------

void ZmqTransport::dial(LinkId id, Address to) {
  ++counters_.dials;
  auto& link = links_[id];
  link = std::make_unique<Link>();
  link->to = to;
  link->key = second_key_at_.contains(to) ? 1 : 0;
  try {
    open(id, *link);
  } catch (const std::exception&) {  // no descriptors or sockets left
    close(*link);
    link->failed = true;
    ++counters_.opens_failed;
  }
  read_later(id, *link);
}

void ZmqTransport::open(LinkId id, Link& link) {
  const Address to = link.to;
  link.dealer = zmq::socket_t{context_, zmq::socket_type::dealer};
  set_common(link.dealer, ZmqGate::kOutgoing, !to.is_v4());
  if (!keys_.empty()) keys_[link.key].dial_with(link.dealer);
  link.dealer.set(zmq::sockopt::immediate, true);
  link.dealer.set(zmq::sockopt::reconnect_ivl, -1);  // the core dials again
  link.dealer.set(zmq::sockopt::connect_timeout, kConnectTimeoutMs);
  link.monitor =
      monitor_of(context_, link.dealer, "inproc://podring-link-" + std::to_string(++monitors_),
                 ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                     ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
  // ZeroMQ's syntax for "from this address": source;destination.
  const Address from = options_.dial_from.is_unspecified() ? options_.bind : options_.dial_from;
  const bool from_own = !from.is_unspecified() && from.is_v4() == to.is_v4();
  link.dealer.connect("tcp://" + (from_own ? endpoint(from, 0) + ";" : std::string{}) +
                      endpoint(to, options_.dial_port));
  const auto watch = [&](zmq::socket_t& socket, bool is_monitor) {
    const int fd = socket.get(zmq::sockopt::fd);
    loop_.watch(fd, EPOLLIN, [this, id, is_monitor](std::uint32_t) {
      const auto found = links_.find(id);
      if (found == links_.end()) return;
      read_later(id, *found->second);
      if (is_monitor) found->second->events_to_read = true;
    });
    return fd;
  };
  link.monitor_fd = watch(link.monitor, true);
  link.dealer_fd = watch(link.dealer, false);
}

/// The other side took the connection, but not the key: while keys are changed it has the other one
/// first.
bool ZmqTransport::open_with_next_key(LinkId id, Link& link) {
  if (link.connected || link.tcp_fd < 0 || link.keys_tried >= keys_.size()) return false;
  close(link);
  const std::size_t tried = link.keys_tried;
  const std::size_t key = (link.key + 1) % keys_.size();
  const Address to = link.to;
  link = Link{};
  link.to = to;
  link.key = key;
  link.keys_tried = tried + 1;
  try {
    open(id, link);
  } catch (const std::exception&) {
    ++counters_.opens_failed;
    return false;
  }
  read_later(id, link);
  return true;
}

bool ZmqTransport::uses_second_key(LinkId id) const {
  const auto found = links_.find(id);
  return found != links_.end() && found->second->key == 1;
}

void ZmqTransport::close(Link& link) {
  if (link.dealer_fd >= 0) loop_.unwatch(std::exchange(link.dealer_fd, -1));
  if (link.monitor_fd >= 0) loop_.unwatch(std::exchange(link.monitor_fd, -1));
  if (link.dealer.handle() != nullptr) zmq_socket_monitor(link.dealer.handle(), nullptr, 0);
  link.monitor.close();
  link.dealer.close();
}

void ZmqTransport::hang_up(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  close(*found->second);
  links_.erase(found);
}

void ZmqTransport::read_later(LinkId id, Link& link) {
  if (std::exchange(link.to_read, true)) return;
  links_to_read_.push_back(id);
}

// ---- sending
// --------------------------------------------------------------------------------------

void ZmqTransport::send_link(LinkId id, Bytes&& frame) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second->connected) {
    ++counters_.sends_unreachable;
    return;
  }
  Link& link = *found->second;
  read_later(id, link);
  const std::size_t bytes = frame.size();
  zmq::message_t message = message_of(std::move(frame));
  if (zmq_msg_send(message.handle(), link.dealer.handle(), ZMQ_DONTWAIT) < 0) {
    ++counters_.sends_full;
    return;
  }
  ++counters_.frames_sent;
  counters_.bytes_sent += bytes;
}

void ZmqTransport::send_route(RouteId route, Bytes&& frame) {
  router_to_read_ = true;
  if (frame_type(frame) != FrameType::refuse) gate_.note_known(route);
  const auto id = routing_id_of(route);
  if (zmq_send(router_.handle(), id.data(), id.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    ++(errno == EHOSTUNREACH ? counters_.sends_unreachable : counters_.sends_full);
    return;
  }
  const std::size_t bytes = frame.size();
  zmq::message_t message = message_of(std::move(frame));
  if (zmq_msg_send(message.handle(), router_.handle(), ZMQ_DONTWAIT) < 0) {
    ++counters_.sends_full;
    return;
  }
  ++counters_.frames_sent;
  counters_.bytes_sent += bytes;
}

// ---- receiving
// ------------------------------------------------------------------------------------

bool ZmqTransport::may_wait() {
  // libzmq's descriptors tell only of what comes after the last look, and sending looks as well.
  if (router_to_read_) router_to_read_ = readable(router_);
  if (router_to_read_ || !gate_.may_wait()) return false;
  std::erase_if(links_to_read_, [this](LinkId id) {
    const auto found = links_.find(id);
    if (found == links_.end()) return true;
    Link& link = *found->second;
    link.to_read = link.failed || link.events_to_read || readable(link.dealer);
    return !link.to_read;
  });
  return links_to_read_.empty();
}

bool ZmqTransport::receive(TransportSink& sink) {
  gate_.receive();
  for (const RouteId route : gate_.take_broken()) sink.on_route_broken(route);
  bool more = receive_routes(sink);
  std::swap(reading_, links_to_read_);
  for (const LinkId id : reading_) {
    const auto found = links_.find(id);
    if (found == links_.end()) continue;
    Link& link = *found->second;
    link.to_read = false;
    switch (link.failed ? Got::broken : receive_link(id, link, sink)) {
      case Got::all:
        break;
      case Got::more:
        read_later(id, link);
        more = true;
        break;
      case Got::broken:
        if (!link.failed && open_with_next_key(id, link)) break;
        ++(link.connected ? counters_.links_broken : counters_.dials_failed);
        close(link);
        links_.erase(found);
        sink.on_link_broken(id);
    }
  }
  reading_.clear();
  return more;
}

/// The rest of a message that has more parts than it may have.
void ZmqTransport::drop_parts(zmq::socket_t& socket) {
  ++counters_.messages_bad;
  while (part_.more() && receive_part(socket, part_)) count_read();
}

void ZmqTransport::count_read() {
  ++read_.frames;
  read_.bytes += part_.size();
}

void ZmqTransport::tell_guard(int fd) {
  if (read_.frames > 0) zmq_guard::note_read(fd, read_.frames, read_.bytes);
  read_ = {};
}

bool ZmqTransport::receive_routes(TransportSink& sink) {
  if (!router_to_read_) return false;
  std::size_t bytes = 0;
  bool more = true;
  for (std::size_t frames = 0; frames < kFramesAtOnce && bytes < kBytesAtOnce; ++frames) {
    if (!receive_part(router_, part_)) {
      more = router_to_read_ = false;
      break;
    }
    const auto* id = static_cast<const unsigned char*>(part_.data());
    const bool known_form = part_.size() == kRoutingIdBytes && id[0] == 0;
    const RouteId route = known_form ? route_of(id) : 0;
    if (!part_.more() || !receive_part(router_, part_) || !known_form) {
      drop_parts(router_);
      continue;
    }
    if (from_route_ != route) {
      tell_guard(from_fd_);
      const char* address = zmq_msg_gets(part_.handle(), "Peer-Address");
      from_ = address == nullptr ? Address{} : parse_address(address).value_or(Address{});
      from_route_ = route;
      from_fd_ = zmq_msg_get(part_.handle(), ZMQ_SRCFD);
      gate_.note_route(route, from_fd_);
    }
    count_read();
    if (part_.more()) {
      drop_parts(router_);
      continue;
    }
    bytes += part_.size();
    counters_.bytes_received += part_.size();
    ++counters_.frames_received;
    sink.on_route_frame(route, from_, part_.to_string_view());
  }
  tell_guard(from_fd_);
  return more;
}

ZmqTransport::Got ZmqTransport::receive_link(LinkId id, Link& link, TransportSink& sink) {
  // Events first, as nothing can be sent before `connected`; but what was acked before a
  // connection broke is still to be heard.
  const Got events = receive_events(id, link, sink);
  std::size_t bytes = 0;
  for (std::size_t frames = 0;
       events == Got::broken || (frames < kFramesAtOnce && bytes < kBytesAtOnce); ++frames) {
    if (!receive_part(link.dealer, part_)) {
      tell_guard(link.tcp_fd);
      return events;
    }
    count_read();
    if (part_.more()) {
      drop_parts(link.dealer);
      continue;
    }
    bytes += part_.size();
    counters_.bytes_received += part_.size();
    ++counters_.frames_received;
    sink.on_link_frame(id, part_.to_string_view());
  }
  tell_guard(link.tcp_fd);
  return Got::more;
}

ZmqTransport::Got ZmqTransport::receive_events(LinkId id, Link& link, TransportSink& sink) {
  if (!std::exchange(link.events_to_read, false)) return Got::all;
  bool broken = false;
  while (receive_part(link.monitor, part_)) {
    const std::optional<MonitorEvent> event = monitor_event(link.monitor, part_);
    if (!event) continue;
    if (event->event == ZMQ_EVENT_CONNECTED) {
      link.tcp_fd = static_cast<int>(event->value);
      link.tcp = TcpConnection::of(link.tcp_fd);
    } else if (event->event != ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      broken = true;
    } else if (!link.connected) {
      link.connected = true;
      link.key == 1 ? (void)second_key_at_.insert(link.to) : (void)second_key_at_.erase(link.to);
      (void)readable(link.dealer);  // takes over the new connection, so that hello can be sent
      sink.on_link_connected(id);
    }
  }
  return broken ? Got::broken : Got::all;
}

std::optional<TcpFigures> ZmqTransport::link_figures(LinkId id) const {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second->tcp) return std::nullopt;
  return found->second->tcp->look();
}

TransportCounters ZmqTransport::counters() const {
  TransportCounters counters = counters_;
  counters.links = links_.size();
  gate_.add_to(counters);
  return counters;
}

}  // namespace podring
