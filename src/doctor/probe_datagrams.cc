#include <Poco/Net/DatagramSocket.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <vector>

#include "doctor/facts.h"

namespace podring::doctor {
namespace {

/// Linux answers a burst of six and then one a second to each address with "port unreachable".
constexpr int kTries = 3;
constexpr std::chrono::milliseconds kWait{500};
constexpr std::size_t kSmallBytes = 16;

/// A connected socket that may not fragment and keeps what ICMP says.
Poco::Net::DatagramSocket open(const Poco::Net::SocketAddress& to) {
  Poco::Net::DatagramSocket socket{to.family()};
  if (to.family() == Poco::Net::SocketAddress::IPv4) {
    socket.impl()->setOption(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    socket.impl()->setOption(IPPROTO_IP, IP_RECVERR, 1);
  } else {
    socket.impl()->setOption(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
    socket.impl()->setOption(IPPROTO_IPV6, IPV6_RECVERR, 1);
  }
  socket.connect(to);
  return socket;
}

std::optional<Address> address_of(const sockaddr* from) {
  if (from->sa_family != AF_INET && from->sa_family != AF_INET6) return std::nullopt;
  const socklen_t bytes = from->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  return parse_address(Poco::Net::SocketAddress{from, bytes}.host().toString());
}

/// The oldest thing that ICMP, or this host, said of what was sent; nullopt: nothing.
std::optional<Datagram> read_error(int fd, Address peer, DatagramFacts& facts) {
  alignas(cmsghdr) std::array<char, 512> control{};
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    const bool told = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                      (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
    if (!told) continue;
    auto* const error = reinterpret_cast<sock_extended_err*>(CMSG_DATA(part));
    if (error->ee_errno == EMSGSIZE) {
      if (error->ee_info > 0) facts.mtu = static_cast<int>(error->ee_info);
      return Datagram::too_large;
    }
    const bool by_peer = address_of(SO_EE_OFFENDER(error)) == peer;
    return by_peer && error->ee_errno == ECONNREFUSED ? Datagram::arrives : Datagram::rejected;
  }
  return std::nullopt;
}

Datagram try_datagram(Address peer, std::uint16_t port, std::size_t bytes, DatagramFacts& facts) {
  try {
    const auto socket = open(Poco::Net::SocketAddress{to_string(peer), port});
    const int fd = socket.impl()->sockfd();
    const std::vector<char> datagram(bytes);
    std::vector<char> answer(kDatagramBytes);
    for (int tries = 0; tries < kTries; ++tries) {
      // Its failure is the error of this one or of the one before, and is in the queue.
      (void)::send(fd, datagram.data(), datagram.size(), MSG_DONTWAIT);
      pollfd waited{fd, POLLIN, 0};
      ::poll(&waited, 1, static_cast<int>(kWait.count()));
      if (const auto told = read_error(fd, peer, facts)) return *told;
      if (::recv(fd, answer.data(), answer.size(), MSG_DONTWAIT) >= 0) return Datagram::arrives;
    }
  } catch (const Poco::Exception&) {  // no way to that address
  }
  return Datagram::silent;
}

}  // namespace

DatagramFacts probe_datagrams(Address peer, std::uint16_t port) {
  DatagramFacts facts;
  facts.large = try_datagram(peer, port, kDatagramBytes, facts);
  if (facts.large != Datagram::arrives) {
    facts.small = try_datagram(peer, port, kSmallBytes, facts);
  }
  return facts;
}

}  // namespace podring::doctor
