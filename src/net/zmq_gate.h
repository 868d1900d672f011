// Decides who may connect: a ZAP handler (ZeroMQ RFC 27) with bounds, as libzmq has none itself.
//
// What a connection may send is zmq_guard's to say, who looks at it before libzmq does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <zmq.hpp>

#include "lane/seal.h"
#include "net/loop.h"
#include "net/tcp_connection.h"
#include "net/transport.h"

namespace podring {

struct GateLimits {
  // A peer needs one from its predecessor, a few more around failures and for clients. libzmq takes
  // about 100 KiB for each.
  std::size_t connections = 1024;            ///< incoming, those still shaking hands included
  std::size_t connections_per_source = 128;  ///< of them, from one address
};

class ZmqGate {
 public:
  static constexpr const char* kIncoming = "ring";   ///< ZAP domain of the bound socket
  static constexpr const char* kOutgoing = "links";  ///< of those that dial; always let through

  /// Before any socket of the context binds or dials.
  /// `dialler`: who alone may connect, by CURVE; nullopt: anybody, in plain.
  ZmqGate(zmq::context_t& context, Loop& loop, GateLimits limits,
          std::optional<lane::RingKey::Bytes> dialler);
  ~ZmqGate();
  ZmqGate(const ZmqGate&) = delete;
  ZmqGate& operator=(const ZmqGate&) = delete;

  /// Counts the connections of this socket, before it binds.
  void count_connections_of(zmq::socket_t& bound);
  void receive();
  [[nodiscard]] bool may_wait();
  /// A message of this route has come by the connection with this descriptor.
  void note_route(RouteId route, int fd);
  /// Somebody there said hello, and is answered: it is no stranger any more.
  void note_known(RouteId route);
  /// nullopt: it is gone, or not known yet by note_route().
  [[nodiscard]] std::optional<TcpFigures> figures(RouteId route) const;
  /// Routes of connections that have ended since the last call.
  [[nodiscard]] std::vector<RouteId> take_broken() { return std::exchange(broken_, {}); }
  void add_to(TransportCounters& counters) const;

 private:
  struct Connection {
    Address source;
    std::optional<TcpConnection> tcp;
    std::optional<RouteId> route;
    bool known = false;  ///< told to zmq_guard
  };

  void read_events();
  void answer_requests();
  /// A request's parts, of which there are at least six.
  [[nodiscard]] const char* refusal_of(const std::vector<std::string>& parts);
  void forget(int fd);

  zmq::context_t& context_;
  Loop& loop_;
  const GateLimits limits_;
  const std::optional<lane::RingKey::Bytes> dialler_;
  zmq::socket_t requests_;
  zmq::socket_t events_;
  int requests_fd_ = -1;
  int events_fd_ = -1;
  bool to_read_ = true;
  std::unordered_map<int, Connection> connections_;  ///< by descriptor
  std::vector<RouteId> broken_;
  std::unordered_map<RouteId, int> fd_of_;  ///< of those in connections_ that have one
  std::map<Address, std::size_t> per_source_;
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t handshakes_failed_ = 0;
};

}  // namespace podring
