// What carries frames between peers, as the loop sees it: links that it opens, routes that come in.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "core/peer.h"
#include "core/types.h"

namespace podring {

/// Takes what arrived. Calls come only from within Transport::receive(), and do not call the
/// transport in turn: what they lead to is carried out afterwards.
class TransportSink {
 public:
  virtual ~TransportSink() = default;
  virtual void on_link_connected(LinkId link) = 0;
  virtual void on_link_broken(LinkId link) = 0;  ///< it is closed already
  virtual void on_link_frame(LinkId link, ByteView frame) = 0;
  /// `from` is the other end of the connection, which need not be a peer's ring address.
  virtual void on_route_frame(RouteId route, Address from, ByteView frame) = 0;
  /// Its connection is gone. Frames that came before may be handed over after this.
  virtual void on_route_broken(RouteId) {}
};

/// All since start, except where it says "present".
struct TransportCounters {
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t sends_full = 0;         ///< dropped: the connection takes no more for now
  std::uint64_t sends_unreachable = 0;  ///< dropped: the connection is gone
  std::uint64_t messages_bad = 0;       ///< dropped: not exactly one payload part
  std::uint64_t dials = 0;
  std::uint64_t dials_failed = 0;  ///< no connection came about
  std::uint64_t opens_failed = 0;  ///< of them, for want of a descriptor or a socket here
  std::uint64_t links_broken = 0;  ///< connections that had been made
  std::uint64_t links = 0;         ///< present: outgoing, connected or not
  std::uint64_t connections = 0;   ///< present: incoming
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  ///< turned away at a bound
  std::uint64_t handshakes_failed = 0;    ///< incoming, without the ring's key
  std::uint64_t connections_cut = 0;      ///< sent what no peer sends, or more than may wait
  std::uint64_t strangers_unread = 0;     ///< present: bytes of those whom nobody answered yet
  std::uint64_t unread = 0;               ///< present: bytes of the others that wait to be read
  std::uint64_t lanes_refused = 0;        ///< sessions without datagrams, as too many had them
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// Never throws: what cannot be opened is reported as broken in the next receive().
  virtual void dial(LinkId link, Address to) = 0;
  /// Closes it and drops what is unsent; nothing about it is reported any more.
  virtual void hang_up(LinkId link) = 0;
  // A frame that cannot be sent now is dropped and counted; both never wait.
  virtual void send_link(LinkId link, Bytes&& frame) = 0;
  virtual void send_route(RouteId route, Bytes&& frame) = 0;

  /// Of a link that is connected: by the second of the ring's keys, as the other side has that one.
  [[nodiscard]] virtual bool uses_second_key(LinkId) const { return false; }

  /// Hands over what is there, a bounded amount. True: there is more, do not wait for it.
  [[nodiscard]] virtual bool receive(TransportSink& sink) = 0;
  /// To be asked before the loop waits, since sending may uncover what has arrived. False: call
  /// receive() again first, no descriptor will tell.
  [[nodiscard]] virtual bool may_wait() = 0;
  [[nodiscard]] virtual TransportCounters counters() const = 0;
};

/// A socket could not be opened at the start; what() says which and what to change.
class TransportError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace podring
