// Datagrams over real sockets, with and without the kernel's help: proto-docs/datagrams.md,
// section 7.
#include "net/udp_socket.h"

#include <poll.h>

#include <string>
#include <vector>

#include "net/loopback.h"
#include "net/transport.h"
#include "support/catch.h"

using podring::Address, podring::Bytes, podring::loopback, podring::Offload, podring::UdpSocket;

namespace {

constexpr std::size_t kLargest = 2000;
constexpr int kWithinMs = 5000;

bool has_ipv6() {
  try {
    const UdpSocket socket{Address{0, 1}, 0, kLargest};
    return true;
  } catch (const podring::TransportError& error) {
    WARN("no IPv6 here: " << error.what());
    return false;
  }
}

/// A datagram of so many bytes that no other one of the test is like.
Bytes datagram_of(std::size_t size, std::size_t number) {
  Bytes bytes = std::to_string(number);
  bytes.resize(size, static_cast<char>('a' + number % 26));
  return bytes;
}

/// Waits for the first one, then takes what one call gives.
void receive(UdpSocket& socket) {
  pollfd readable{socket.fd(), POLLIN, 0};
  REQUIRE(::poll(&readable, 1, kWithinMs) == 1);
  (void)socket.receive();
}

std::vector<Bytes> receive_all(UdpSocket& socket, std::size_t count) {
  std::vector<Bytes> all;
  while (all.size() < count) {
    receive(socket);
    for (const UdpSocket::Datagram& datagram : socket.received()) all.emplace_back(datagram.bytes);
  }
  return all;
}

}  // namespace

TEST_CASE("datagrams arrive whole and in order, with offload on either side or none",
          "[net][udp]") {
  const auto out = GENERATE(Offload::none, Offload::where_possible);
  const auto in = GENERATE(Offload::none, Offload::where_possible);
  const bool v6 = GENERATE(false, true);
  if (v6 && !has_ipv6()) return;
  const auto own = [v6](std::uint32_t n) { return v6 ? Address{0, 1} : loopback(n); };
  UdpSocket sender{own(1), 0, kLargest, out};
  UdpSocket receiver{own(2), 0, kLargest, in};
  UdpSocket other{own(3), 0, kLargest, in};

  // Runs of one size, ended by a shorter one, a longer one, another receiver and the kernel's
  // bounds; and more runs than go at once.
  std::vector<Bytes> to_receiver;
  std::vector<Bytes> to_other;
  const auto add = [&](UdpSocket& to, std::vector<Bytes>& sent, std::size_t size) {
    sent.push_back(datagram_of(size, to_receiver.size() + to_other.size()));
    sender.add(own(&to == &other ? 3 : 2), to.port(), sent.back());
  };
  for (const std::size_t size : {1200, 1200, 1200, 40, 1200, 8, 1400, 1400, 300, 300})
    add(receiver, to_receiver, size);
  for (int i = 0; i < 3; ++i) add(other, to_other, 300);
  for (int i = 0; i < 200; ++i) add(receiver, to_receiver, 1392);
  for (std::size_t i = 0; i < 150; ++i) add(receiver, to_receiver, 100 + i);
  sender.send();

  CHECK(receive_all(receiver, to_receiver.size()) == to_receiver);
  CHECK(receive_all(other, to_other.size()) == to_other);
  CHECK(sender.counters().sent == to_receiver.size() + to_other.size());
  CHECK(sender.counters().send_failures == 0);
  CHECK(receiver.counters().received == to_receiver.size());
  CHECK(receiver.counters().received_bytes + other.counters().received_bytes ==
        sender.counters().sent_bytes);
}

TEST_CASE("with offload the kernel hands over many datagrams as one", "[net][udp]") {
  UdpSocket sender{loopback(1), 0, kLargest};
  UdpSocket receiver{loopback(2), 0, kLargest};
  for (std::size_t i = 0; i < 400; ++i)
    sender.add(loopback(2), receiver.port(), datagram_of(1200, i));
  sender.send();
  receive(receiver);
  CHECK(receiver.received().size() == 400);  // no more than 64 without
}

TEST_CASE("a datagram that is longer than may be is dropped by itself", "[net][udp]") {
  const auto in = GENERATE(Offload::none, Offload::where_possible);
  UdpSocket sender{loopback(1), 0, 2 * kLargest};
  UdpSocket receiver{loopback(2), 0, kLargest, in};
  for (const std::size_t size : {kLargest + 1, kLargest + 1, kLargest})
    sender.add(loopback(2), receiver.port(), datagram_of(size, size));
  sender.send();
  const auto all = receive_all(receiver, 3);
  CHECK(all[0].empty());
  CHECK(all[1].empty());
  CHECK(all[2] == datagram_of(kLargest, kLargest));
}

TEST_CASE("a train that the kernel does not take as one goes datagram by datagram", "[net][udp]") {
  UdpSocket sender{loopback(1), 0, kLargest};
  UdpSocket receiver{loopback(2), 0, kLargest};
  const int on = 1;  // without checksums there are no trains: EINVAL, as of segments above the MTU
  REQUIRE(::setsockopt(sender.fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
  std::vector<Bytes> sent;
  for (std::size_t i = 0; i < 100; ++i) {
    sent.push_back(datagram_of(i == 70 ? 700 : 1200, i));
    sender.add(loopback(2), receiver.port(), sent.back());
  }
  sender.send();
  CHECK(receive_all(receiver, sent.size()) == sent);
  CHECK(sender.counters().sent == sent.size());
  CHECK(sender.counters().send_failures == 0);
}
