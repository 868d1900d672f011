// Frames over ZeroMQ: one ROUTER bound at the ring port, one DEALER for each link.
//
// proto-docs/wire-protocol.md section 1. No routing ids are set, so a connection is known by the
// number that libzmq gave it, and that number is the RouteId. A broken connection is reported and
// its socket closed at once: libzmq never carries a frame to a connection it was not meant for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <zmq.hpp>

#include "net/curve_keys.h"
#include "net/loop.h"
#include "net/transport.h"
#include "net/zmq_gate.h"
#include "net/zmq_guard.h"

namespace podring {

struct ZmqOptions {
  Address bind;  ///< unspecified (0.0.0.0 or ::): all addresses
  /// Links come from there, as a hello is believed for its source. Unspecified: from `bind` when
  /// that is one address, else from where the kernel chooses.
  Address dial_from = {};
  std::uint16_t port = 0;       ///< that is bound; 0: any free one
  std::uint16_t dial_port = 0;  ///< of the others; 0: the one that is bound
  GateLimits gate = {};
  zmq_guard::Limits guard = {};
  lane::RingKeys keys = {};  ///< none: plain
};

/// One of this host's addresses, loopback ones included: a socket can be bound to it.
[[nodiscard]] bool is_own_address(Address address);

class ZmqTransport final : public Transport {
 public:
  /// Throws TransportError when the port cannot be bound.
  ZmqTransport(Loop& loop, const ZmqOptions& options);
  ~ZmqTransport() override;

  void dial(LinkId link, Address to) override;
  void hang_up(LinkId link) override;
  void send_link(LinkId link, Bytes&& frame) override;
  void send_route(RouteId route, Bytes&& frame) override;
  [[nodiscard]] bool receive(TransportSink& sink) override;
  [[nodiscard]] bool may_wait() override;
  [[nodiscard]] TransportCounters counters() const override;
  [[nodiscard]] bool uses_second_key(LinkId link) const override;

  // Of the connection of a link or a route; nullopt: it is not made yet, or gone.
  [[nodiscard]] std::optional<TcpFigures> link_figures(LinkId link) const;
  [[nodiscard]] std::optional<TcpFigures> route_figures(RouteId route) const {
    return gate_.figures(route);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }  ///< that is bound
  /// For other sockets of the loop thread; they end before this does.
  [[nodiscard]] zmq::context_t& context() { return context_; }

 private:
  struct Link {
    Address to;
    std::size_t key = 0;  ///< of keys_, that it is dialled with
    std::size_t keys_tried = 1;
    zmq::socket_t dealer;
    zmq::socket_t monitor;
    int dealer_fd = -1;
    int monitor_fd = -1;
    std::optional<TcpConnection> tcp;
    int tcp_fd = -1;
    bool connected = false;
    bool to_read = false;        ///< in links_to_read_
    bool events_to_read = true;  ///< the monitor's descriptor has told
    bool failed = false;         ///< could not even be opened
  };
  enum class Got : std::uint8_t { all, more, broken };

  void open(LinkId id, Link& link);
  [[nodiscard]] bool open_with_next_key(LinkId id, Link& link);
  void close(Link& link);
  void read_later(LinkId id, Link& link);
  bool receive_routes(TransportSink& sink);
  Got receive_link(LinkId id, Link& link, TransportSink& sink);
  Got receive_events(LinkId id, Link& link, TransportSink& sink);
  void drop_parts(zmq::socket_t& socket);
  void count_read();
  void tell_guard(int fd);
  [[nodiscard]] std::string endpoint(Address address, std::uint16_t port) const;

  Loop& loop_;
  ZmqOptions options_;
  std::uint16_t port_ = 0;
  std::vector<CurveKeys> keys_;
  zmq::context_t context_;
  ZmqGate gate_;
  zmq::socket_t router_;
  int router_fd_ = -1;
  bool router_to_read_ = true;
  std::unordered_map<LinkId, std::unique_ptr<Link>> links_;
  std::set<Address> second_key_at_;  ///< where the second key was taken last
  std::uint64_t monitors_ = 0;       ///< made so far
  std::vector<LinkId> links_to_read_;
  std::vector<LinkId> reading_;
  zmq::message_t part_;  // reused
  std::optional<RouteId> from_route_;
  Address from_;      // of from_route_
  int from_fd_ = -1;  // as well
  struct {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
  } read_;  // since zmq_guard was told
  TransportCounters counters_;
};

}  // namespace podring
