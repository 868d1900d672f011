// proto-docs/wire-protocol.md section 1, "Transport", over real sockets.
#include "net/zmq_transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "core/codec.h"
#include "net/loopback.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::Address, podring::Bytes, podring::ByteView, podring::LinkId, podring::RouteId;

namespace {

/// Nobody says hello here, so nobody is ever known; tests/net/zmq_guard_test.cc has the bounds.
podring::ZmqOptions no_strangers(podring::ZmqOptions options) {
  options.guard.stranger_unended = options.guard.stranger_unread = options.guard.strangers_unread =
      options.guard.unread;
  return options;
}

/// One transport with its loop, and what it was told.
class Node final : public podring::TransportSink {
 public:
  explicit Node(Address bind, std::uint16_t port = 0, std::uint16_t dial_port = 0)
      : Node{{.bind = bind, .port = port, .dial_port = dial_port}} {}

  explicit Node(podring::ZmqOptions options) : transport{loop, no_strangers(options)} {}

  void on_link_connected(LinkId link) override { connected.push_back(link); }
  void on_link_broken(LinkId link) override { broken.push_back(link); }
  void on_link_frame(LinkId link, ByteView frame) override { answers[link].emplace_back(frame); }
  void on_route_frame(RouteId route, Address from, ByteView frame) override {
    frames.emplace_back(frame);
    routes.push_back(route);
    froms.push_back(from);
  }
  void on_route_broken(RouteId route) override { routes_broken.push_back(route); }
  void turn() {
    loop.wait(more || !transport.may_wait() ? 0ms : 1ms);
    loop.dispatch();
    more = transport.receive(*this);
  }

  podring::Loop loop;
  podring::ZmqTransport transport;
  std::vector<LinkId> connected;
  std::vector<LinkId> broken;
  std::map<LinkId, std::vector<Bytes>> answers;
  std::vector<Bytes> frames;
  std::vector<RouteId> routes;
  std::vector<RouteId> routes_broken;
  std::vector<Address> froms;
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

/// 500 bytes of which the first is `first`: some of them look like old versions of ZMTP.
Bytes noise(int first) {
  Bytes bytes;
  for (int i = 0; i < 500; ++i) bytes += static_cast<char>(first + i * 31);
  return bytes;
}

}  // namespace

TEST_CASE("frames go out on a link and come back on its route", "[net][transport]") {
  Node server{podring::loopback(1)};
  Node client{podring::loopback(2), 0, server.transport.port()};
  client.transport.dial(7, podring::loopback(1));
  REQUIRE(run_until({&server, &client}, [&] { return !client.connected.empty(); }));
  CHECK(client.connected == std::vector<LinkId>{7});

  client.transport.send_link(7, "hello");
  REQUIRE(run_until({&server, &client}, [&] { return !server.frames.empty(); }));
  CHECK(server.frames[0] == "hello");
  CHECK(server.froms[0] == podring::loopback(2));  // it dials from its own address

  server.transport.send_route(server.routes[0], "welcome");
  REQUIRE(run_until({&server, &client}, [&] { return !client.answers[7].empty(); }));
  CHECK(client.answers[7][0] == "welcome");
  CHECK(client.transport.counters().sends_full == 0);
}

TEST_CASE("what the kernel knows of a connection is told while it lives", "[net][transport]") {
  Node server{podring::loopback(1)};
  Node client{podring::loopback(2), 0, server.transport.port()};
  CHECK_FALSE(client.transport.link_figures(7));
  client.transport.dial(7, podring::loopback(1));
  REQUIRE(run_until({&server, &client}, [&] { return !client.connected.empty(); }));
  const auto before = client.transport.link_figures(7);
  REQUIRE(before);
  CHECK(before->segment_max > 500);
  client.transport.send_link(7, "hello");
  REQUIRE(run_until({&server, &client}, [&] { return !server.frames.empty(); }));
  CHECK(client.transport.link_figures(7)->sent > before->sent);

  const podring::RouteId route = server.routes[0];
  const auto back = server.transport.route_figures(route);
  REQUIRE(back);
  server.transport.send_route(route, "welcome");
  REQUIRE(run_until({&server, &client}, [&] { return !client.answers[7].empty(); }));
  CHECK(server.transport.route_figures(route)->sent > back->sent);
  CHECK_FALSE(server.transport.route_figures(route + 1));

  client.transport.hang_up(7);
  CHECK_FALSE(client.transport.link_figures(7));
  REQUIRE(
      run_until({&server, &client}, [&] { return server.transport.counters().connections == 0; }));
  CHECK_FALSE(server.transport.route_figures(route));
  CHECK(server.routes_broken == std::vector<RouteId>{route});
}

TEST_CASE("a descriptor that is used again is not the connection that had it", "[net][transport]") {
  Node server{podring::loopback(1)};
  const sockaddr_in to = podring::loopback_socket_address(1, server.transport.port());
  const auto connect = [&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    return fd;
  };
  const int fd = connect();
  const auto connection = podring::TcpConnection::of(fd);
  REQUIRE(connection);
  CHECK(connection->look());
  CHECK(connection->remote() == podring::loopback(1));
  const int other = connect();
  REQUIRE(::dup2(other, fd) == fd);  // closes the first one
  CHECK_FALSE(connection->look());
  CHECK(podring::TcpConnection::of(fd)->look());
  ::close(other);
  ::close(fd);
  CHECK_FALSE(connection->look());
}

TEST_CASE("it is the same over IPv6", "[net][transport]") {
  const Address own = *podring::parse_address("::1");
  std::optional<Node> server;
  try {
    server.emplace(own);
  } catch (const podring::TransportError& error) {
    WARN("no IPv6 here: " << error.what());
    return;
  }
  Node client{own, 0, server->transport.port()};
  client.transport.dial(1, own);
  REQUIRE(run_until({&*server, &client}, [&] { return !client.connected.empty(); }));
  client.transport.send_link(1, "hello");
  REQUIRE(run_until({&*server, &client}, [&] { return !server->frames.empty(); }));
  CHECK(server->froms[0] == own);
}

TEST_CASE("connections beyond the bounds are turned away, and there is room again when others go",
          "[net][transport]") {
  podring::ZmqOptions options{.bind = podring::loopback(1)};
  options.gate = {.connections = 6, .connections_per_source = 4};
  Node server{options};
  Node first{podring::loopback(2), 0, server.transport.port()};
  Node second{podring::loopback(3), 0, server.transport.port()};
  for (LinkId link = 1; link <= 5; ++link) {
    first.transport.dial(link, podring::loopback(1));
    REQUIRE(run_until({&server, &first},
                      [&] { return first.connected.size() + first.broken.size() == link; }));
  }
  CHECK(first.connected.size() == 4);  // of one source
  // One that was turned away counts until its end is noticed here.
  REQUIRE(run_until({&server}, [&] { return server.transport.counters().connections == 4; }));
  for (LinkId link = 1; link <= 3; ++link) {
    second.transport.dial(link, podring::loopback(1));
    REQUIRE(run_until({&server, &second},
                      [&] { return second.connected.size() + second.broken.size() == link; }));
  }
  CHECK(second.connected.size() == 2);  // of all
  CHECK(server.transport.counters().connections_refused == 2);
  REQUIRE(run_until({&server}, [&] { return server.transport.counters().connections == 6; }));
  first.transport.hang_up(1);
  REQUIRE(
      run_until({&server, &first}, [&] { return server.transport.counters().connections == 5; }));
  second.transport.dial(4, podring::loopback(1));
  CHECK(run_until({&server, &second}, [&] { return second.connected.size() == 3; }));
}

TEST_CASE("whoever sets a routing id is not heard", "[net][transport]") {
  Node server{podring::loopback(1)};
  zmq::context_t context;
  zmq::socket_t other{context, zmq::socket_type::dealer};
  other.set(zmq::sockopt::linger, 0);
  other.set(zmq::sockopt::routing_id, "me");
  other.connect("tcp://" + podring::to_string(podring::loopback(1)) + ":" +
                std::to_string(server.transport.port()));
  other.send(zmq::buffer(std::string_view{"hello"}), zmq::send_flags::none);
  REQUIRE(run_until({&server}, [&] { return server.transport.counters().messages_bad > 0; }));
  CHECK(server.frames.empty());
}

TEST_CASE("a link can be sent on as soon as it is connected", "[net][transport]") {
  Node server{podring::loopback(1)};
  Node client{podring::loopback(2), 0, server.transport.port()};
  for (LinkId link = 1; link <= 100; ++link) {
    client.transport.dial(link, podring::loopback(1));
    REQUIRE(run_until({&server, &client}, [&] { return client.connected.size() == link; }));
    client.transport.send_link(link, "first");
    REQUIRE(run_until({&server, &client}, [&] { return server.frames.size() == link; }));
    client.transport.hang_up(link);
  }
  const auto counters = client.transport.counters();
  CHECK(counters.frames_sent == 100);
  CHECK(counters.sends_full + counters.sends_unreachable == 0);
  CHECK(counters.links == 0);
  CHECK(client.broken.empty());
}

TEST_CASE("large frames arrive whole, in order, and a full link drops and counts",
          "[net][transport]") {
  Node server{podring::loopback(1)};
  Node client{podring::loopback(2), 0, server.transport.port()};
  client.transport.dial(1, podring::loopback(1));
  REQUIRE(run_until({&server, &client}, [&] { return !client.connected.empty(); }));
  const Bytes large(podring::kFrameBytesMax, 'x');

  client.transport.send_link(1, Bytes{large});
  client.transport.send_link(1, "small");
  REQUIRE(run_until({&server, &client}, [&] { return server.frames.size() == 2; }));
  CHECK(server.frames[0] == large);
  CHECK(server.frames[1] == "small");

  for (int i = 0; i < 100'000; ++i) client.transport.send_link(1, "nobody reads this now");
  const auto counters = client.transport.counters();
  CHECK(counters.sends_full > 0);
  REQUIRE(
      run_until({&server, &client}, [&] { return server.frames.size() == counters.frames_sent; }));
  CHECK(counters.frames_sent + counters.sends_full == 100'002);
}

TEST_CASE("a message without end is cut off, and many messages are not", "[net][transport]") {
  Node server{podring::loopback(1)};
  Node client{podring::loopback(2), 0, server.transport.port()};
  client.transport.dial(1, podring::loopback(1));
  REQUIRE(run_until({&server, &client}, [&] { return !client.connected.empty(); }));

  const std::uint64_t cut_before = server.transport.counters().connections_cut;
  // By hand, as libzmq sends no part before it has the last one: ZMTP 3.0, then parts of one byte.
  const int endless = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_in to = podring::loopback_socket_address(1, server.transport.port());
  (void)::connect(endless, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  Bytes to_write{"\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16};
  to_write.resize(64, '\0');
  to_write += Bytes{
      "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
      "DEALER",
      30};
  Bytes parts;
  while (parts.size() < 2100) parts += Bytes{"\x01\x01x", 3};
  // Slowly: once a receiver's window was full, Linux may open it again only after a minute.
  auto write_at = std::chrono::steady_clock::now();
  std::size_t greeted = 0;  // 64 bytes and READY: libzmq refuses messages before
  bool cut = false;
  const auto write_more = [&] {
    if (std::chrono::steady_clock::now() < write_at) return false;
    write_at = std::chrono::steady_clock::now() + 1ms;
    std::array<char, 200> answer{};
    const ssize_t got = ::recv(endless, answer.data(), answer.size(), 0);
    if (got > 0) greeted += static_cast<std::size_t>(got);
    if (to_write.empty() && greeted > 64) to_write = parts;
    const ssize_t sent = ::send(endless, to_write.data(), to_write.size(), MSG_NOSIGNAL);
    if (sent > 0) to_write.erase(0, static_cast<std::size_t>(sent));
    cut = sent < 0 && errno != EAGAIN;
    return cut;
  };

  // More bytes than an endless message may have, in messages that end.
  const Bytes large(podring::kFrameBytesMax, 'x');
  std::size_t sent = 0;
  const bool done = run_until(
      {&server, &client},
      [&] {
        if (client.transport.counters().frames_sent == sent && sent < 100) {
          client.transport.send_link(1, Bytes{large});
          ++sent;
        }
        cut = cut || write_more();
        return cut && sent >= 30;
      },
      60s);
  REQUIRE(done);
  CHECK(cut);
  ::close(endless);
  REQUIRE(run_until({&server, &client}, [&] {
    return server.transport.counters().connections == 1 &&
           server.frames.size() == client.transport.counters().frames_sent;
  }));
  CHECK(sent >= 30);
  CHECK(server.transport.counters().connections_cut == cut_before + 1);
  CHECK(client.broken.empty());
}

TEST_CASE("a frame above 320 KiB breaks its connection and nothing else", "[net][transport]") {
  Node server{podring::loopback(1)};
  Node client{podring::loopback(2), 0, server.transport.port()};
  for (const LinkId link : {1U, 2U}) client.transport.dial(link, podring::loopback(1));
  REQUIRE(run_until({&server, &client}, [&] { return client.connected.size() == 2; }));

  client.transport.send_link(1, Bytes(podring::kFrameBytesMax + 1, 'x'));
  REQUIRE(run_until({&server, &client}, [&] { return !client.broken.empty(); }));
  CHECK(client.broken == std::vector<LinkId>{1});
  CHECK(client.transport.counters().links_broken == 1);
  client.transport.send_link(2, "still here");
  REQUIRE(run_until({&server, &client}, [&] { return !server.frames.empty(); }));
  CHECK(server.frames == std::vector<Bytes>{"still here"});
}

TEST_CASE("what has not exactly one part is dropped and counted", "[net][transport]") {
  Node server{podring::loopback(1)};
  zmq::context_t context;
  zmq::socket_t other{context, zmq::socket_type::dealer};
  other.set(zmq::sockopt::linger, 0);
  other.connect("tcp://" + podring::to_string(podring::loopback(1)) + ":" +
                std::to_string(server.transport.port()));
  const auto send = [&](std::string_view part, bool more) {
    other.send(zmq::buffer(part), more ? zmq::send_flags::sndmore : zmq::send_flags::none);
  };
  send("two", true);
  send("parts", false);
  for (int i = 0; i < 4; ++i) send("many", i != 3);
  send("one", false);
  REQUIRE(run_until({&server}, [&] { return !server.frames.empty(); }));
  CHECK(server.frames == std::vector<Bytes>{"one"});
  CHECK(server.transport.counters().messages_bad == 2);
}

TEST_CASE("whoever does not speak ZeroMQ is not heard, and the others still are",
          "[net][transport]") {
  Node server{podring::loopback(1)};
  Node client{podring::loopback(2), 0, server.transport.port()};
  client.transport.dial(1, podring::loopback(1));
  REQUIRE(run_until({&server, &client}, [&] { return !client.connected.empty(); }));
  std::vector<int> sockets;
  for (int i = 0; i < 256; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    sockets.push_back(fd);
    const auto address = podring::loopback_socket_address(1, server.transport.port());
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const Bytes bytes = noise(i);
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0);
  }
  client.transport.send_link(1, "hello");
  REQUIRE(run_until({&server, &client}, [&] { return !server.frames.empty(); }));
  CHECK(server.frames == std::vector<Bytes>{"hello"});
  for (const int fd : sockets) ::close(fd);
}

TEST_CASE("an address where something else listens is reported as broken", "[net][transport]") {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  REQUIRE(listener >= 0);
  auto address = podring::loopback_socket_address(1, 0);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener, 100) == 0);
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  Node client{podring::loopback(2), 0, ntohs(address.sin_port)};
  std::vector<int> accepted;
  for (LinkId link = 0; link < 64; ++link) client.transport.dial(link, podring::loopback(1));
  CHECK(run_until({&client}, [&] {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      const Bytes bytes = noise(static_cast<int>(accepted.size()) * 4);
      (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      accepted.push_back(fd);
    }
    return client.broken.size() == 64;
  }));
  CHECK(client.connected.empty());
  for (const int fd : accepted) ::close(fd);
  ::close(listener);
}

TEST_CASE("a dead end is reported as broken", "[net][transport]") {
  Node client{podring::loopback(2)};
  client.transport.dial(3, podring::loopback(1));  // nobody listens there
  REQUIRE(run_until({&client}, [&] { return !client.broken.empty(); }));
  CHECK(client.broken == std::vector<LinkId>{3});
  CHECK(client.connected.empty());
  CHECK(client.transport.counters().dials_failed == 1);
  client.transport.send_link(3, "too late");
  CHECK(client.transport.counters().sends_unreachable == 1);
}

TEST_CASE(
    "a broken connection is reported at once, and another process at the same address never "
    "gets old frames",
    "[net][transport]") {
  auto server = std::make_unique<Node>(podring::loopback(1));
  const std::uint16_t port = server->transport.port();
  Node client{podring::loopback(2), 0, port};
  client.transport.dial(1, podring::loopback(1));
  REQUIRE(run_until({server.get(), &client}, [&] { return !client.connected.empty(); }));
  const Bytes old(100'000, 'o');
  for (int i = 0; i < 200; ++i) client.transport.send_link(1, Bytes{old});

  server.reset();  // closed with most of it unread
  const auto since = std::chrono::steady_clock::now();
  REQUIRE(run_until({&client}, [&] { return !client.broken.empty(); }));
  CHECK(std::chrono::steady_clock::now() - since < 1s);
  client.transport.send_link(1, "between the two");

  Node next{podring::loopback(1), port};
  client.transport.dial(2, podring::loopback(1));
  REQUIRE(run_until({&next, &client}, [&] { return client.connected.size() == 2; }));
  client.transport.send_link(2, "new");
  REQUIRE(run_until({&next, &client}, [&] { return !next.frames.empty(); }));
  CHECK(next.frames == std::vector<Bytes>{"new"});
}

TEST_CASE("an answer to a connection that is gone is dropped and counted", "[net][transport]") {
  Node server{podring::loopback(1)};
  Node client{podring::loopback(2), 0, server.transport.port()};
  client.transport.dial(1, podring::loopback(1));
  REQUIRE(run_until({&server, &client}, [&] { return !client.connected.empty(); }));
  client.transport.send_link(1, "and gone");
  REQUIRE(run_until({&server, &client}, [&] { return !server.frames.empty(); }));
  client.transport.hang_up(1);
  REQUIRE(run_until({&server, &client}, [&] {
    server.transport.send_route(server.routes[0], "anybody?");
    return server.transport.counters().sends_unreachable > 0;
  }));
}

TEST_CASE("a port that is taken is refused with what to change", "[net][transport]") {
  Node first{podring::loopback(1)};
  podring::Loop loop;
  try {
    const podring::ZmqTransport second{
        loop, {.bind = podring::loopback(1), .port = first.transport.port()}};
    FAIL("two sockets listen at one port");
  } catch (const podring::TransportError& error) {
    INFO(error.what());
    CHECK(std::string{error.what()}.find("choose another --port") != std::string::npos);
  }
}

TEST_CASE("a peer that reads nothing for a while outlives those who went away meanwhile",
          "[net][transport]") {
  Node server{podring::loopback(1)};
  zmq::context_t context;
  zmq::socket_t client{context, zmq::socket_type::dealer};
  client.set(zmq::sockopt::linger, 1000);
  client.set(zmq::sockopt::sndhwm, 0);
  client.connect("tcp://" + podring::to_string(podring::loopback(1)) + ":" +
                 std::to_string(server.transport.port()));
  // More than is read ahead, so that libzmq stops reading there. A heartbeat of its own in that
  // state ends the process.
  constexpr int kFrames = 2000;
  for (int i = 0; i < kFrames; ++i) client.send(zmq::str_buffer("frame"), zmq::send_flags::none);
  REQUIRE(run_until({&server}, [&] { return !server.frames.empty(); }));
  client.close();
  context.close();
  std::this_thread::sleep_for(3500ms);

  Node another{podring::loopback(2), 0, server.transport.port()};
  another.transport.dial(1, podring::loopback(1));
  REQUIRE(run_until({&server, &another}, [&] { return !another.connected.empty(); }));
  another.transport.send_link(1, "last");
  CHECK(run_until({&server, &another}, [&] { return server.frames.size() == kFrames + 1; }));
}
