// One UDP socket that sends and takes many datagrams with one system call each way.
//
// Datagrams of one size to one peer pass the kernel as one where it can do that (UDP_SEGMENT on the
// way out, UDP_GRO on the way in); on the wire they are the same. Datagrams are never cut up on the
// way: what is larger than the path takes is lost, and whoever sent it notices. A send that fails
// is one more lost datagram.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
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

/// Whether the kernel may take many datagrams as one.
enum class Offload : std::uint8_t { none, where_possible };

class UdpSocket {
 public:
  /// `bind` as the ring's port is bound. Throws TransportError with what to change. `largest`:
  /// bytes of payload that a datagram which comes in may have; longer ones are dropped.
  UdpSocket(Address bind, std::uint16_t port, std::size_t largest,
            Offload offload = Offload::where_possible);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Bytes of small datagrams that may wait to be read, as far as that can be said.
  [[nodiscard]] std::size_t receive_room() const { return receive_room_; }

  /// Gathers; send() puts everything on the wire. The buffer is the caller's again after this.
  void add(Address to, std::uint16_t port, ByteView datagram);
  void send();

  struct Datagram {
    Address from;
    ByteView bytes;  ///< empty: it was too long
  };
  /// Reads what waits, as far as there are buffers for it. True: more may wait.
  [[nodiscard]] bool receive();
  /// What the last receive() has read; good until the next one.
  [[nodiscard]] const std::vector<Datagram>& received() const { return received_; }

  [[nodiscard]] DatagramCounters& counters() { return counters_; }
  [[nodiscard]] const DatagramCounters& counters() const { return counters_; }

 private:
  /// Datagrams of one size, but for the last one, which may be shorter.
  struct Train {
    Address to;
    std::uint16_t port = 0;
    std::size_t size = 0;  // of each
    std::size_t count = 0;
    Bytes bytes;
  };
  /// Room for one control message with one int.
  struct Control {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
  };
  static constexpr std::size_t kTrainsAtOnce = 64;

  [[nodiscard]] bool may_join(const Train& train, Address to, std::uint16_t port,
                              std::size_t size) const;
  void prepare(std::size_t at);
  void send_apart(std::size_t at);
  void take(std::size_t at);

  OwnFd fd_;
  bool v4_;
  bool segments_ = false;  // the kernel takes trains apart
  std::uint16_t port_ = 0;
  std::size_t receive_room_ = 0;
  std::size_t largest_;

  std::size_t waiting_ = 0;  // trains to be sent
  std::vector<Train> out_;   // kTrainsAtOnce, reused, as all below
  std::vector<sockaddr_storage> out_to_;
  std::vector<mmsghdr> out_heads_;
  std::vector<iovec> out_parts_;
  std::vector<Control> out_sizes_;

  std::size_t buffers_ = 0;
  std::size_t buffer_bytes_ = 0;
  std::unique_ptr<char[]> in_;  // only what is written to takes memory
  std::vector<sockaddr_storage> in_from_;
  std::vector<mmsghdr> in_heads_;
  std::vector<iovec> in_parts_;
  std::vector<Control> in_sizes_;
  std::vector<Datagram> received_;
  DatagramCounters counters_;
};

}  // namespace podring
