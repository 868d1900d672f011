#include "net/zmq_gate.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "net/zmq_tools.h"

namespace podring {
namespace {

using std::chrono::milliseconds;

// A stranger fills memory as fast as libzmq takes frames, 300 MB/s, until the second look.
constexpr milliseconds kLookEvery{250};
constexpr milliseconds kLookAgainAfter{20};
// When this process was late and has much to read, a message may wait for its turn; not for ever.
constexpr unsigned kLooksInVainMax = 10;

}  // namespace

ZmqGate::ZmqGate(zmq::context_t& context, Loop& loop, GateLimits limits)
    : context_{context}, loop_{loop}, limits_{limits} {
  requests_ = zmq::socket_t{context_, zmq::socket_type::rep};
  requests_.set(zmq::sockopt::linger, 0);
  requests_.bind("inproc://zeromq.zap.01");
  requests_fd_ = requests_.get(zmq::sockopt::fd);
  loop_.watch(requests_fd_, EPOLLIN, [this](std::uint32_t) { to_read_ = true; });
  look_timer_ = OwnFd{timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
  if (look_timer_.get() < 0) throw std::system_error{errno, std::generic_category(), "timerfd"};
  loop_.watch(look_timer_.get(), EPOLLIN, [this](std::uint32_t) {
    std::uint64_t times = 0;
    must_look_ = read(look_timer_.get(), &times, sizeof times) == sizeof times;
  });
}

ZmqGate::~ZmqGate() {
  loop_.unwatch(requests_fd_);
  loop_.unwatch(look_timer_.get());
  if (events_fd_ >= 0) loop_.unwatch(events_fd_);
}

void ZmqGate::count_connections_of(zmq::socket_t& bound) {
  events_ = monitor_of(context_, bound, "inproc://podring-router",
                       ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
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
    const int fd = static_cast<int>(event->value);
    forget(fd);
    if (event->event != ZMQ_EVENT_ACCEPTED) continue;
    Connection& connection = connections_[fd];
    connection.tcp = TcpConnection::of(fd);  // none when it is gone already
    if (connection.tcp) connection.source = connection.tcp->remote();
    ++per_source_[connection.source];
  }
  if (connections_.empty()) look_every(milliseconds{0});
  if (!connections_.empty() && look_every_ == milliseconds{0}) look_every(kLookEvery);
}

void ZmqGate::look_every(milliseconds interval) {
  if (std::exchange(look_every_, interval) == interval) return;
  itimerspec spec{};
  spec.it_interval.tv_nsec = spec.it_value.tv_nsec =
      std::chrono::nanoseconds{interval}.count();  // below a second
  timerfd_settime(look_timer_.get(), 0, &spec, nullptr);
}

void ZmqGate::look_for_endless(bool drained) {
  must_look_ = false;
  bool suspicious = false;
  for (auto& [fd, connection] : connections_) {
    const auto figures = connection.tcp ? connection.tcp->look() : std::nullopt;
    if (!figures) continue;
    if (std::exchange(connection.delivered, false)) {
      connection.received = figures->received;
      connection.looks_in_vain = 0;
    } else if (figures->received - connection.received > limits_.unended_bytes) {
      suspicious = true;
      // One look more: the end of a message may have come just now.
      if (++connection.looks_in_vain < (drained ? 2 : kLooksInVainMax)) continue;
      connection.tcp->cut();
      connection.tcp.reset();
      ++cut_;
    }
  }
  look_every(suspicious ? kLookAgainAfter : kLookEvery);
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
  found->second.delivered = true;
  if (found->second.route == route) return;
  if (found->second.route) fd_of_.erase(*found->second.route);
  found->second.route = route;
  fd_of_[route] = fd;
}

std::optional<TcpFigures> ZmqGate::figures(RouteId route) const {
  const auto found = fd_of_.find(route);
  if (found == fd_of_.end()) return std::nullopt;
  const Connection& connection = connections_.at(found->second);
  return connection.tcp ? connection.tcp->look() : std::nullopt;
}

bool ZmqGate::admits(const std::string& domain, const std::string& address) {
  if (domain == kOutgoing) return true;
  if (connections_.size() > limits_.connections) return false;
  const auto count = per_source_.find(parse_address(address).value_or(Address{}));
  return count == per_source_.end() || count->second <= limits_.connections_per_source;
}

void ZmqGate::answer_requests() {
  zmq::message_t part;
  while (receive_part(requests_, part)) {
    // version, request id, domain, address, routing id, mechanism, credentials...
    std::vector<std::string> parts{part.to_string()};
    while (part.more() && receive_part(requests_, part)) parts.push_back(part.to_string());
    parts.resize(std::max<std::size_t>(parts.size(), 6));
    const bool admitted = admits(parts[2], parts[3]);
    if (parts[2] == kIncoming) ++(admitted ? accepted_ : refused_);
    const std::array<std::string_view, 6> reply{
        "1.0", parts[1], admitted ? "200" : "400", admitted ? "" : "no room for this connection",
        "",    ""};
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
  counters.connections_cut = cut_;
}

}  // namespace podring
