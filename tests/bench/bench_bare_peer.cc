// One of a ring made of libzmq alone: what comes in at a ROUTER goes out at a DEALER, with nothing
// known of rings, acks or losses. What podring is measured against; bench_ring starts it.
//
//   bench_bare_peer FROM-ENDPOINT TO-ENDPOINT MESSAGES BYTES
//
// puts MESSAGES of BYTES into the ring, which then go round for ever. What it prints:
// bare_report.h.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <zmq.hpp>

#include "bench/bare_report.h"

namespace {

using podring::bench::BareReport;
using podring::bench::now_micros;

// As podring's own sockets have them.
constexpr int kIoThreads = 1;
constexpr int kSendHighWater = 2048;
constexpr int kReceiveHighWater = 512;
constexpr int kMessagesAtOnce = 128;  // read before the clock is looked at again

class BarePeer {
 public:
  BarePeer(const char* from, const char* to)
      : context_{kIoThreads},
        router_{context_, zmq::socket_type::router},
        dealer_{context_, zmq::socket_type::dealer} {
    for (zmq::socket_t* socket : {&router_, &dealer_}) {
      socket->set(zmq::sockopt::linger, 0);
      socket->set(zmq::sockopt::sndhwm, kSendHighWater);
      socket->set(zmq::sockopt::rcvhwm, kReceiveHighWater);
    }
    router_.bind(from);
    dealer_.connect(to);
  }

  void put_in(std::size_t messages, std::size_t bytes) {
    report_.say_ready();
    for (std::size_t i = 0; i < messages; ++i) {
      zmq::message_t message{bytes};
      std::memset(message.data(), 'x', bytes);
      send(message, now_micros());
    }
  }

  [[noreturn]] void run() {
    zmq::pollitem_t item{router_.handle(), 0, ZMQ_POLLIN, 0};
    while (true) {
      if (zmq_poll(&item, 1, -1) < 0 && errno != EINTR) throw zmq::error_t{};
      while (hand_on()) report_.if_asked();
      report_.if_asked();
    }
  }

 private:
  /// Everything that is there, up to kMessagesAtOnce; false: nothing is left.
  bool hand_on() {
    const std::int64_t now = now_micros();
    for (int i = 0; i < kMessagesAtOnce; ++i) {
      if (zmq_msg_recv(from_.handle(), router_.handle(), ZMQ_DONTWAIT) < 0) return false;
      if (zmq_msg_recv(message_.handle(), router_.handle(), ZMQ_DONTWAIT) < 0) return false;
      std::int64_t sent = 0;
      std::memcpy(&sent, message_.data(), sizeof sent);
      report_.add(now - sent);
      send(message_, now);
    }
    return true;
  }

  void send(zmq::message_t& message, std::int64_t now) {
    std::memcpy(message.data(), &now, sizeof now);
    // The dealer takes all that the ring holds, so this never waits but for the first connection.
    while (zmq_msg_send(message.handle(), dealer_.handle(), 0) < 0) {
      if (errno != EINTR) throw zmq::error_t{};
    }
  }

  zmq::context_t context_;
  zmq::socket_t router_;
  zmq::socket_t dealer_;
  zmq::message_t from_;  // reused, as is message_
  zmq::message_t message_;
  BareReport report_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "bench_bare_peer is started by bench_ring\n");
    return 2;
  }
  BarePeer peer{argv[1], argv[2]};
  peer.put_in(std::stoul(argv[3]), std::stoul(argv[4]));
  peer.run();
}
