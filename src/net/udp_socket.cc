#include "net/udp_socket.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/transport.h"

namespace podring {
namespace {

// What is asked for; the system's bound (net.core.rmem_max) usually gives less.
constexpr int kBufferBytes = 4 * 1024 * 1024;

socklen_t fill(sockaddr_storage& out, Address address, std::uint16_t port, bool v4) {
  out = {};
  if (v4) {
    auto& in4 = reinterpret_cast<sockaddr_in&>(out);
    in4.sin_family = AF_INET;
    in4.sin_port = htons(port);
    in4.sin_addr.s_addr = htonl(static_cast<std::uint32_t>(address.low));
    return sizeof in4;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  for (std::size_t i = 0; i < 16; ++i) {
    const std::uint64_t word = i < 8 ? address.high : address.low;
    in6.sin6_addr.s6_addr[i] = static_cast<std::uint8_t>(word >> (56 - 8 * (i % 8)));
  }
  return sizeof in6;
}

Address address_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    return Address::v4(ntohl(reinterpret_cast<const sockaddr_in&>(from).sin_addr.s_addr));
  }
  Address address;
  const auto& bytes = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr.s6_addr;
  for (std::size_t i = 0; i < 16; ++i) {
    std::uint64_t& word = i < 8 ? address.high : address.low;
    word = (word << 8) | bytes[i];
  }
  return address;
}

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

UdpSocket::UdpSocket(Address bind, std::uint16_t port, std::size_t largest)
    : fd_{::socket(bind.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   0)},
      v4_{bind.is_v4()},
      largest_{largest},
      out_(kAtOnce),
      out_to_(kAtOnce),
      out_heads_(kAtOnce),
      out_parts_(kAtOnce),
      in_(kAtOnce * (largest + 1)),
      in_from_(kAtOnce),
      in_heads_(kAtOnce),
      in_parts_(kAtOnce) {
  sockaddr_storage at{};
  socklen_t size = fill(at, bind, port, v4_);
  if (fd_.get() < 0 || ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), size) != 0) {
    throw TransportError{"cannot listen for datagrams at UDP port " + std::to_string(port) +
                         " of " + to_string(bind) + ": " + std::strerror(errno) +
                         "; free that port, or give --lanes zmq"};
  }
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(v4_ ? reinterpret_cast<sockaddr_in&>(at).sin_port
                    : reinterpret_cast<sockaddr_in6&>(at).sin6_port);
  set_option(fd_.get(), SOL_SOCKET, SO_RCVBUF, kBufferBytes);
  set_option(fd_.get(), SOL_SOCKET, SO_SNDBUF, kBufferBytes);
  // Never cut up, and whatever the kernel believes of the path: the lane finds out by itself.
  if (v4_) {
    set_option(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  } else {
    set_option(fd_.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  }
  int room = 0;
  socklen_t room_size = sizeof room;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &room, &room_size);
  receive_room_ = static_cast<std::size_t>(std::max(room, 0)) / 2;  // the rest is its bookkeeping
  for (std::size_t i = 0; i < kAtOnce; ++i) {
    in_parts_[i] = {in_.data() + i * (largest_ + 1), largest_ + 1};
    in_heads_[i].msg_hdr.msg_iov = &in_parts_[i];
    in_heads_[i].msg_hdr.msg_iovlen = 1;
    in_heads_[i].msg_hdr.msg_name = &in_from_[i];
    out_heads_[i].msg_hdr.msg_iov = &out_parts_[i];
    out_heads_[i].msg_hdr.msg_iovlen = 1;
    out_heads_[i].msg_hdr.msg_name = &out_to_[i];
  }
  received_.reserve(kAtOnce);
}

void UdpSocket::add(Address to, std::uint16_t port, const Bytes& datagram) {
  if (waiting_ == kAtOnce) send();
  const std::size_t at = waiting_++;
  out_[at] = datagram;
  out_parts_[at] = {out_[at].data(), out_[at].size()};
  out_heads_[at].msg_hdr.msg_namelen = fill(out_to_[at], to, port, v4_);
}

void UdpSocket::send() {
  std::size_t done = 0;
  while (done < waiting_) {
    const int count = ::sendmmsg(fd_.get(), out_heads_.data() + done,
                                 static_cast<unsigned>(waiting_ - done), MSG_DONTWAIT);
    if (count > 0) {
      for (int i = 0; i < count; ++i, ++done) counters_.sent_bytes += out_parts_[done].iov_len;
      counters_.sent += static_cast<std::uint64_t>(count);
    } else if (errno != EINTR) {
      ++counters_.send_failures;  // of the first one; the others have their try
      ++done;
    }
  }
  waiting_ = 0;
}

const std::vector<UdpSocket::Datagram>& UdpSocket::receive() {
  received_.clear();
  for (mmsghdr& head : in_heads_) head.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  const int count = ::recvmmsg(fd_.get(), in_heads_.data(), kAtOnce, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::size_t bytes = in_heads_[at].msg_len;
    ++counters_.received;
    counters_.received_bytes += bytes;
    // One that is too long is kept in the list, as empty: its length says whether more may wait.
    received_.push_back(
        {address_of(in_from_[at]),
         {static_cast<const char*>(in_parts_[at].iov_base), bytes <= largest_ ? bytes : 0}});
  }
  return received_;
}

}  // namespace podring
