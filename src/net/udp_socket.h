// One UDP socket that sends and takes many datagrams with one system call each way.
//
// Datagrams are never cut up on the way: what is larger than the path takes is lost, and whoever
// sent it notices. A send that fails is one more lost datagram.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"
#include "net/loop.h"

namespace podring {

/// All since start.
struct DatagramCounters {
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t send_failures = 0;  ///< the kernel did not take it: no room, no route, too large
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t strangers = 0;  ///< dropped: no token that was given out, or malformed
};

class UdpSocket {
 public:
  static constexpr std::size_t kAtOnce = 64;

  /// `bind` as the ring's port is bound. Throws TransportError with what to change. `largest`:
  /// bytes of payload that a datagram which comes in may have; longer ones are dropped.
  UdpSocket(Address bind, std::uint16_t port, std::size_t largest);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Bytes of small datagrams that may wait to be read, as far as that can be said.
  [[nodiscard]] std::size_t receive_room() const { return receive_room_; }

  /// Gathers; send() puts everything on the wire. The buffer is the caller's again after this.
  void add(Address to, std::uint16_t port, const Bytes& datagram);
  void send();

  struct Datagram {
    Address from;
    ByteView bytes;  ///< good until the next receive()
  };
  /// At most kAtOnce; fewer: nothing is left.
  [[nodiscard]] const std::vector<Datagram>& receive();

  [[nodiscard]] DatagramCounters& counters() { return counters_; }
  [[nodiscard]] const DatagramCounters& counters() const { return counters_; }

 private:
  OwnFd fd_;
  bool v4_;
  std::uint16_t port_ = 0;
  std::size_t receive_room_ = 0;
  std::size_t largest_;
  std::size_t waiting_ = 0;  // datagrams to be sent
  std::vector<Bytes> out_;   // kAtOnce, reused
  std::vector<sockaddr_storage> out_to_;
  std::vector<mmsghdr> out_heads_;
  std::vector<iovec> out_parts_;
  std::vector<char> in_;  // kAtOnce buffers of largest_ + 1
  std::vector<sockaddr_storage> in_from_;
  std::vector<mmsghdr> in_heads_;
  std::vector<iovec> in_parts_;
  std::vector<Datagram> received_;
  DatagramCounters counters_;
};

}  // namespace podring
