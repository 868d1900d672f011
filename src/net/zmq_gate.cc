#include "net/zmq_gate.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "net/zmq_guard.h"
#include "net/zmq_tools.h"

namespace podring {
namespace {

/// The other side may have seen first that the mechanisms or the keys differ, and gone.
constexpr int kHandshakeFailed =
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;

}  // namespace
ZmqGate::ZmqGate(zmq::context_t& context, Loop& loop, GateLimits limits,
                 std::optional<lane::RingKey::Bytes> dialler)
    : context_{context}, loop_{loop}, limits_{limits}, dialler_{dialler} {
  requests_ = zmq::socket_t{context_, zmq::socket_type::rep};
  requests_.set(zmq::sockopt::linger, 0);
  requests_.bind("inproc://zeromq.zap.01");
  requests_fd_ = requests_.get(zmq::sockopt::fd);
  loop_.watch(requests_fd_, EPOLLIN, [this](std::uint32_t) { to_read_ = true; });
}

ZmqGate::~ZmqGate() {
  loop_.unwatch(requests_fd_);
  if (events_fd_ >= 0) loop_.unwatch(events_fd_);
}

void ZmqGate::count_connections_of(zmq::socket_t& bound) {
  events_ =
      monitor_of(context_, bound, "inproc://podring-router",
                 ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | (dialler_ ? kHandshakeFailed : 0));
  events_fd_ = events_.get(zmq::sockopt::fd);
  loop_.watch(events_fd_, EPOLLIN, [this](std::uint32_t) { to_read_ = true; });
}

bool ZmqGate::may_wait() {
  if (to_read_) to_read_ = readable(requests_) || readable(events_);
  return !to_read_;
}

void ZmqGate::receive() {
  if (!to_read_) return;
  read_events();  // a connection is counted before it is asked for
  answer_requests();
  to_read_ = false;
}

void ZmqGate::read_events() {
  zmq::message_t part;
  while (receive_part(events_, part)) {
    const std::optional<MonitorEvent> event = monitor_event(events_, part);
    if (!event) continue;
    if ((event->event & kHandshakeFailed) != 0) {
      ++handshakes_failed_;
      continue;
    }
    const int fd = static_cast<int>(event->value);
    forget(fd);
    if (event->event != ZMQ_EVENT_ACCEPTED) continue;
    Connection& connection = connections_[fd];
    connection.tcp = TcpConnection::of(fd);  // none when it is gone already
    if (connection.tcp) connection.source = connection.tcp->remote();
    ++per_source_[connection.source];
  }
}

void ZmqGate::forget(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  const auto count = per_source_.find(found->second.source);
  if (--count->second == 0) per_source_.erase(count);
  if (found->second.route) {
    broken_.push_back(*found->second.route);
    fd_of_.erase(*found->second.route);
  }
  connections_.erase(found);
}

void ZmqGate::note_route(RouteId route, int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  if (found->second.route == route) return;
  if (found->second.route) fd_of_.erase(*found->second.route);
  found->second.route = route;
  fd_of_[route] = fd;
}

void ZmqGate::note_known(RouteId route) {
  const auto found = fd_of_.find(route);
  if (found == fd_of_.end()) return;
  bool& known = connections_.at(found->second).known;
  if (!std::exchange(known, true)) zmq_guard::note_known(found->second);
}

std::optional<TcpFigures> ZmqGate::figures(RouteId route) const {
  const auto found = fd_of_.find(route);
  if (found == fd_of_.end()) return std::nullopt;
  const Connection& connection = connections_.at(found->second);
  return connection.tcp ? connection.tcp->look() : std::nullopt;
}

/// nullptr: it is let in.
const char* ZmqGate::refusal_of(const std::vector<std::string>& parts) {
  const std::string& domain = parts[2];
  const std::string& address = parts[3];
  if (domain == kOutgoing) return nullptr;
  if (dialler_) {
    const bool proven = parts[5] == "CURVE" && parts.size() > 6 &&
                        parts[6].size() == dialler_->size() &&
                        std::memcmp(parts[6].data(), dialler_->data(), dialler_->size()) == 0;
    if (!proven) {
      ++handshakes_failed_;
      return "the ring key is another one";
    }
  }
  constexpr const char* kNoRoom = "no room for this connection";
  if (connections_.size() > limits_.connections) return kNoRoom;
  const auto count = per_source_.find(parse_address(address).value_or(Address{}));
  const bool room = count == per_source_.end() || count->second <= limits_.connections_per_source;
  return room ? nullptr : kNoRoom;
}

void ZmqGate::answer_requests() {
  zmq::message_t part;
  while (receive_part(requests_, part)) {
    // version, request id, domain, address, routing id, mechanism, credentials...
    std::vector<std::string> parts{part.to_string()};
    while (part.more() && receive_part(requests_, part)) parts.push_back(part.to_string());
    parts.resize(std::max<std::size_t>(parts.size(), 6));
    const char* refusal = refusal_of(parts);
    const bool admitted = refusal == nullptr;
    if (parts[2] == kIncoming) ++(admitted ? accepted_ : refused_);
    const std::array<std::string_view, 6> reply{
        "1.0", parts[1], admitted ? "200" : "400", admitted ? "" : refusal, "", ""};
    for (std::size_t i = 0; i < reply.size(); ++i) {
      zmq_send(requests_.handle(), reply[i].data(), reply[i].size(),
               i + 1 < reply.size() ? ZMQ_SNDMORE | ZMQ_DONTWAIT : ZMQ_DONTWAIT);
    }
  }
}

void ZmqGate::add_to(TransportCounters& counters) const {
  counters.connections = connections_.size();
  counters.connections_accepted = accepted_;
  counters.connections_refused = refused_;
  counters.handshakes_failed = handshakes_failed_;
  const zmq_guard::Counters guard = zmq_guard::counters();
  counters.connections_cut = guard.cut_malformed + guard.cut_unread;
  counters.strangers_unread = guard.strangers_unread;
  counters.unread = guard.unread;
}

}  // namespace podring
