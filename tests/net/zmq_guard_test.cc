// What strangers send to libzmq's sockets, byte by byte: proto-docs/security.md, "The ring port".
#include "net/zmq_guard.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/codec.h"
#include "net/loopback.h"
#include "net/socket_address.h"
#include "net/zmq_transport.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::Address, podring::Bytes, podring::ByteView, podring::LinkId, podring::OwnFd,
    podring::RouteId;

namespace {

class Node final : public podring::TransportSink {
 public:
  explicit Node(std::uint32_t n, std::uint16_t dial_port = 0)
      : transport{loop, {.bind = podring::loopback(n), .dial_port = dial_port}} {}

  void on_link_connected(LinkId link) override { connected.push_back(link); }
  void on_link_broken(LinkId link) override { broken.push_back(link); }
  void on_link_frame(LinkId, ByteView) override {}
  void on_route_frame(RouteId, Address, ByteView frame) override {
    ++frames;
    if (frame == "still here") ++heard;
  }
  void turn() {
    loop.wait(more || !transport.may_wait() ? 0ms : 1ms);
    loop.dispatch();
    more = transport.receive(*this);
  }
  [[nodiscard]] std::uint64_t cut() const { return transport.counters().connections_cut; }

  podring::Loop loop;
  podring::ZmqTransport transport;
  std::vector<LinkId> connected;
  std::vector<LinkId> broken;
  std::size_t frames = 0;
  std::size_t heard = 0;  ///< of check_alive()
  bool more = false;
};

bool run_until(std::initializer_list<Node*> nodes, const std::function<bool()>& done,
               std::chrono::milliseconds at_most = 10s) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) return false;
    for (Node* node : nodes) node->turn();
  }
  return true;
}

Bytes greeting(std::string_view mechanism = "NULL", char version = 3) {
  Bytes bytes{"\xff\0\0\0\0\0\0\0\0\x7f", 10};
  bytes += version;
  bytes += '\0';
  bytes += mechanism;
  bytes.resize(64, '\0');
  return bytes;
}
Bytes ready(std::string_view type = "DEALER") {
  Bytes body{"\x05READY\x0bSocket-Type\0\0\0", 21};
  body += static_cast<char>(type.size());
  body += type;
  return Bytes{"\x04"} + static_cast<char>(body.size()) + body;
}
Bytes frame(std::string_view body) {
  return Bytes(1, '\0') + static_cast<char>(body.size()) + Bytes{body};
}
const Bytes kPing{"\x04\x07\x04PING\0\0", 9};
const Bytes kEmptyMore{"\x01\0", 2};

Bytes many(const Bytes& one, std::size_t count) {
  Bytes bytes;
  bytes.reserve(one.size() * count);
  for (std::size_t i = 0; i < count; ++i) bytes += one;
  return bytes;
}

/// A plain socket that is connected to a node's ring port.
class Stranger {
 public:
  explicit Stranger(std::uint16_t port, std::uint32_t from = 77)
      : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    const sockaddr_in own = podring::loopback_socket_address(from, 0);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
    const sockaddr_in to = podring::loopback_socket_address(1, port);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    REQUIRE(::fcntl(fd_.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  /// Sends all of it while the node turns, waiting for room; false: the connection was cut.
  bool send(Node& node, const Bytes& bytes) {
    std::size_t sent = 0;
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (sent < bytes.size() && std::chrono::steady_clock::now() < until) {
      const ssize_t count =
          ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) return false;
      if (count > 0) sent += static_cast<std::size_t>(count);
      node.turn();
      if (ended()) return false;
    }
    return sent == bytes.size();
  }
  /// In one write, while nobody reads.
  void send_at_once(const Bytes& bytes) {
    REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  /// Greets as libzmq wants it: what comes later waits until the node has answered.
  bool greet(Node& node) {
    if (!send(node, greeting() + ready())) return false;
    return run_until({&node}, [&] { return ended() || heard_ > 64; }) && !ended_;
  }
  bool ended() {
    char bytes[4096];
    ssize_t count = 0;
    while ((count = ::recv(fd_.get(), bytes, sizeof bytes, 0)) > 0)
      heard_ += static_cast<std::size_t>(count);
    ended_ = ended_ || count == 0 || (errno != EAGAIN && errno != EINTR);
    return ended_;
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_ = OwnFd{};
  }

 private:
  OwnFd fd_;
  std::size_t heard_ = 0;
  bool ended_ = false;
};

/// What listens where a peer should, and plays `script` to whoever connects.
class Listener {
 public:
  explicit Listener(std::uint32_t n)
      : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
    sockaddr_in at = podring::loopback_socket_address(n, 0);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(fd_.get(), 16) == 0);
    socklen_t size = sizeof at;
    REQUIRE(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  OwnFd accept() { return OwnFd{::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)}; }

 private:
  OwnFd fd_;
  std::uint16_t port_ = 0;
};

std::size_t resident_kib() {
  std::size_t pages = 0;
  std::size_t resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  REQUIRE(std::fscanf(file, "%zu %zu", &pages, &resident) == 2);
  std::fclose(file);
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

/// Somebody who is heard, after all that.
void check_alive(Node& node) {
  Node peer{2, node.transport.port()};
  peer.transport.dial(1, podring::loopback(1));
  REQUIRE(run_until({&node, &peer}, [&] { return !peer.connected.empty(); }));
  peer.transport.send_link(1, "still here");
  REQUIRE(run_until({&node, &peer}, [&] { return node.heard == 1; }));
}

}  // namespace

TEST_CASE("libzmq's connections are looked at", "[net][guard]") {
  CHECK(podring::zmq_guard::works());
  Node node{1};
  Stranger stranger{node.transport.port()};
  REQUIRE(stranger.greet(node));
  REQUIRE(stranger.send(node, frame("one")));
  REQUIRE(run_until({&node}, [&] { return node.frames == 1; }));
  CHECK(node.cut() == 0);
  CHECK(node.transport.counters().strangers_unread == 0);  // it was read
}

TEST_CASE("a heartbeat behind more frames than are read ahead does not end the process",
          "[net][guard]") {
  Node node{1};
  const auto cut_before = node.cut();
  for (int round = 0; round < 20; ++round) {
    Stranger stranger{node.transport.port()};
    REQUIRE(stranger.greet(node));
    stranger.send_at_once(many(frame("x"), 1000) + kPing);
    std::this_thread::sleep_for(5ms);  // libzmq reads ahead until it has enough; the loop does not
    stranger.reset();
    std::this_thread::sleep_for(5ms);
    for (int i = 0; i < 10; ++i) node.turn();
  }
  CHECK(node.cut() == cut_before + 20);
  check_alive(node);
}

TEST_CASE("a listening server cannot end whoever dials it", "[net][guard]") {
  Listener listener{9};
  Node node{1, listener.port()};
  const auto cut_before = node.cut();
  for (LinkId link = 1; link <= 10; ++link) {
    node.broken.clear();
    node.transport.dial(link, podring::loopback(9));
    OwnFd peer;
    REQUIRE(run_until({&node}, [&] {
      peer = listener.accept();
      return peer.get() >= 0;
    }));
    const Bytes script = greeting() + ready("ROUTER") + many(frame("x"), 1000) + kPing;
    REQUIRE(::send(peer.get(), script.data(), script.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(script.size()));
    std::this_thread::sleep_for(20ms);  // libzmq reads ahead; the loop does not
    const linger now{1, 0};
    ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer = OwnFd{};
    REQUIRE(run_until({&node}, [&] { return !node.broken.empty(); }));
  }
  CHECK(node.cut() > cut_before);
  check_alive(node);
}

TEST_CASE("millions of empty parts take no memory", "[net][guard]") {
  Node node{1};
  const std::size_t before = resident_kib();
  for (int i = 0; i < 2; ++i) {
    Stranger stranger{node.transport.port()};
    REQUIRE(stranger.greet(node));
    CHECK_FALSE(stranger.send(node, many(kEmptyMore, 3'900'000)));
  }
  CHECK(resident_kib() < before + 20 * 1024);  // of which 8 MiB are this test's own
  check_alive(node);
}

TEST_CASE("strangers' unended messages and unread frames are bounded, in sum as well",
          "[net][guard]") {
  Node node{1};
  SECTION("a large frame that does not end") {
    Stranger stranger{node.transport.port()};
    REQUIRE(stranger.greet(node));
    Bytes begun{"\x02\0\0\0\0\0\x04\0\0", 9};  // of 256 KiB
    CHECK_FALSE(stranger.send(node, begun + Bytes(200'000, 'x')));
  }
  SECTION("many that begin one") {
    std::vector<Stranger> strangers;
    for (std::uint32_t i = 0; i < 100; ++i) strangers.emplace_back(node.transport.port(), 50 + i);
    Bytes begun{"\x02\0\0\0\0\0\x04\0\0", 9};
    for (Stranger& stranger : strangers) {
      REQUIRE(stranger.greet(node));
      (void)stranger.send(node, begun + Bytes(60'000, 'x'));
      CHECK(node.transport.counters().strangers_unread <= 100 * 61'000);
    }
  }
  SECTION("frames that nobody reads") {
    Stranger stranger{node.transport.port()};
    REQUIRE(stranger.greet(node));
    const Bytes frames = many(frame(Bytes(100, 'x')), 100'000);
    std::size_t sent = 0;
    bool cut = false;
    const auto until = std::chrono::steady_clock::now() + 10s;
    // libzmq reads while the loop does not: high water stops it, at 512 frames.
    while (!cut && sent < frames.size() && std::chrono::steady_clock::now() < until) {
      cut = stranger.ended() || !stranger.send(node, frames.substr(sent, 10'000));
      sent += 10'000;
    }
    CHECK(node.transport.counters().strangers_unread <= 1024 * 1024 + 64 * 1024);
  }
  check_alive(node);
}

TEST_CASE("what is no ZMTP of ours is cut at once", "[net][guard]") {
  Node node{1};
  const auto refused = [&](const Bytes& bytes) {
    Stranger stranger{node.transport.port()};
    (void)stranger.send(node, bytes);
    return run_until(
        {&node}, [&] { return stranger.ended(); }, 1s);
  };
  CHECK(refused(greeting("NULL", 1)));
  CHECK(refused(greeting("NULL", 2)));
  CHECK(refused(greeting("GSSAPI")));
  CHECK(refused(Bytes(64, 'G')));
  CHECK(refused(greeting() + frame("no command")));
  CHECK(refused(greeting() + Bytes{"\x04\x06\x05HELLO", 8}));
  CHECK(refused(greeting() + Bytes{"\x06\0\0\0\0\0\1\0\0", 9}));  // 64 KiB of READY
  CHECK(refused(greeting() + ready() + Bytes{"\x02\x80\0\0\0\0\0\0\0", 9}));
  CHECK(refused(greeting() + ready() + Bytes{"\x08\x01x", 3}));
  CHECK(refused(greeting() + ready() + kPing));
  check_alive(node);
}
