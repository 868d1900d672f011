#include "net/udp_socket.h"

#include <netinet/udp.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "net/socket_address.h"
#include "net/transport.h"

namespace podring {
namespace {

// What is asked for; the system's bound (net.core.rmem_max) usually gives less.
constexpr int kBufferBytes = 4 * 1024 * 1024;
constexpr std::size_t kTrainBytesMax = 65'000;  // the longest that IP and UDP have room for
constexpr std::size_t kTrainCountMax = 64;      // the kernel's bound
// Buffers for one receive(): what the kernel has joined is no longer than kJoinedMax.
constexpr std::size_t kJoinedMax = 65'536;
constexpr std::size_t kJoinedBuffers = 16;
constexpr std::size_t kPlainBuffers = 64;

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

std::optional<std::size_t> option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, level, name, &value, &size) != 0 || value < 0) return std::nullopt;
  return static_cast<std::size_t>(value);
}

}  // namespace

UdpSocket::UdpSocket(Address bind, std::uint16_t port, std::size_t largest, Offload offload)
    : fd_{::socket(bind.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   0)},
      v4_{bind.is_v4()},
      largest_{largest},
      out_(kTrainsAtOnce),
      out_to_(kTrainsAtOnce),
      out_heads_(kTrainsAtOnce),
      out_parts_(kTrainsAtOnce),
      out_sizes_(kTrainsAtOnce) {
  sockaddr_storage at{};
  socklen_t size = fill_socket_address(at, bind, port, v4_);
  // Whatever net.ipv6.bindv6only says: `::` is all addresses of both families, as by ZeroMQ.
  if (!v4_) (void)set_option(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (fd_.get() < 0 || ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), size) != 0) {
    throw TransportError{"cannot listen for datagrams at UDP port " + std::to_string(port) +
                         " of " + to_string(bind) + ": " + std::strerror(errno) +
                         "; free that port, or give --lanes zmq"};
  }
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(v4_ ? reinterpret_cast<sockaddr_in&>(at).sin_port
                    : reinterpret_cast<sockaddr_in6&>(at).sin6_port);
  (void)set_option(fd_.get(), SOL_SOCKET, SO_RCVBUF, kBufferBytes);
  (void)set_option(fd_.get(), SOL_SOCKET, SO_SNDBUF, kBufferBytes);
  // Never cut up, and whatever the kernel believes of the path: the lane finds out by itself.
  if (v4_) {
    (void)set_option(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  } else {
    (void)set_option(fd_.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  }
  receive_room_ = option(fd_.get(), SOL_SOCKET, SO_RCVBUF).value_or(0) / 2;  // half is bookkeeping

  const bool wanted = offload == Offload::where_possible;
  segments_ = wanted && option(fd_.get(), SOL_UDP, UDP_SEGMENT).has_value();  // Linux 4.18
  const bool joins = wanted && set_option(fd_.get(), SOL_UDP, UDP_GRO, 1);    // Linux 5.0
  buffers_ = joins ? kJoinedBuffers : kPlainBuffers;
  buffer_bytes_ = joins ? kJoinedMax : largest_ + 1;
  in_ = std::make_unique_for_overwrite<char[]>(buffers_ * buffer_bytes_);
  in_from_.resize(buffers_);
  in_heads_.resize(buffers_);
  in_parts_.resize(buffers_);
  in_sizes_.resize(buffers_);
}

// ---- going out
// ------------------------------------------------------------------------------------

bool UdpSocket::may_join(const Train& train, Address to, std::uint16_t port,
                         std::size_t size) const {
  return segments_ && train.count < kTrainCountMax && size <= train.size &&
         train.bytes.size() == train.count * train.size &&  // the last one is not shorter
         train.bytes.size() + size <= kTrainBytesMax && train.to == to && train.port == port;
}

void UdpSocket::add(Address to, std::uint16_t port, ByteView datagram) {
  if (waiting_ == 0 || !may_join(out_[waiting_ - 1], to, port, datagram.size())) {
    if (waiting_ == kTrainsAtOnce) send();
    Train& train = out_[waiting_++];
    train.to = to;
    train.port = port;
    train.size = datagram.size();
    train.count = 0;
    train.bytes.clear();
  }
  Train& train = out_[waiting_ - 1];
  train.bytes.append(datagram);
  ++train.count;
}

void UdpSocket::send() {
  for (std::size_t at = 0; at < waiting_; ++at) prepare(at);
  for (std::size_t done = 0; done < waiting_;) {
    const int count = ::sendmmsg(fd_.get(), out_heads_.data() + done,
                                 static_cast<unsigned>(waiting_ - done), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    for (int i = 0; i < count; ++i, ++done) {
      counters_.sent += out_[done].count;
      counters_.sent_bytes += out_[done].bytes.size();
    }
    if (count > 0) continue;
    // The first one failed; the others have their try. EIO: this device takes no trains.
    if (out_[done].count == 1) {
      ++counters_.send_failures;
    } else {
      segments_ = segments_ && errno != EIO;
      send_apart(done);
    }
    ++done;
  }
  waiting_ = 0;
}

void UdpSocket::prepare(std::size_t at) {
  Train& train = out_[at];
  out_parts_[at] = {train.bytes.data(), train.bytes.size()};
  msghdr& head = out_heads_[at].msg_hdr;
  head = {};
  head.msg_iov = &out_parts_[at];
  head.msg_iovlen = 1;
  head.msg_name = &out_to_[at];
  head.msg_namelen = fill_socket_address(out_to_[at], train.to, train.port, v4_);
  if (train.count == 1) return;
  head.msg_control = out_sizes_[at].bytes.data();
  head.msg_controllen = CMSG_SPACE(sizeof(std::uint16_t));
  cmsghdr* control = CMSG_FIRSTHDR(&head);
  control->cmsg_level = SOL_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto size = static_cast<std::uint16_t>(train.size);
  std::memcpy(CMSG_DATA(control), &size, sizeof size);
}

/// A train that was not taken as one, datagram by datagram.
void UdpSocket::send_apart(std::size_t at) {
  msghdr& head = out_heads_[at].msg_hdr;
  head.msg_control = nullptr;
  head.msg_controllen = 0;
  ByteView rest = out_[at].bytes;
  while (!rest.empty()) {
    const ByteView datagram = rest.substr(0, out_[at].size);
    rest.remove_prefix(datagram.size());
    out_parts_[at].iov_base = const_cast<char*>(datagram.data());  // sendmsg() only reads it
    out_parts_[at].iov_len = datagram.size();
    if (::sendmsg(fd_.get(), &head, MSG_DONTWAIT) < 0) {
      ++counters_.send_failures;
      continue;
    }
    ++counters_.sent;
    counters_.sent_bytes += datagram.size();
  }
}

// ---- coming in
// ------------------------------------------------------------------------------------

bool UdpSocket::receive() {
  received_.clear();
  for (std::size_t at = 0; at < buffers_; ++at) {
    in_parts_[at] = {in_.get() + at * buffer_bytes_, buffer_bytes_};
    msghdr& head = in_heads_[at].msg_hdr;
    head.msg_iov = &in_parts_[at];
    head.msg_iovlen = 1;
    head.msg_name = &in_from_[at];
    head.msg_namelen = sizeof(sockaddr_storage);
    head.msg_control = in_sizes_[at].bytes.data();
    head.msg_controllen = in_sizes_[at].bytes.size();
  }
  const int count = ::recvmmsg(fd_.get(), in_heads_.data(), static_cast<unsigned>(buffers_),
                               MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) take(static_cast<std::size_t>(i));
  return count == static_cast<int>(buffers_);
}

/// One datagram, or several of one size that the kernel has joined.
void UdpSocket::take(std::size_t at) {
  msghdr& head = in_heads_[at].msg_hdr;
  ByteView rest{static_cast<const char*>(in_parts_[at].iov_base), in_heads_[at].msg_len};
  std::size_t size = rest.size();
  for (cmsghdr* control = CMSG_FIRSTHDR(&head); control != nullptr;
       control = CMSG_NXTHDR(&head, control)) {
    if (control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO) continue;
    int each = 0;
    std::memcpy(&each, CMSG_DATA(control), sizeof each);
    if (each > 0) size = static_cast<std::size_t>(each);
  }
  const Address from = address_of(in_from_[at]);
  do {
    const ByteView datagram = rest.substr(0, size);
    rest.remove_prefix(datagram.size());
    ++counters_.received;
    counters_.received_bytes += datagram.size();
    received_.push_back({from, datagram.size() <= largest_ ? datagram : ByteView{}});
  } while (!rest.empty());
}

}  // namespace podring
