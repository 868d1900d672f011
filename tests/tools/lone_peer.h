// A core::Peer behind a real ROUTER, alone in its view, for tests of clients: it takes seeds, hands
// them to itself and tells what becomes of them. One thread pumps both sides, so a test can stop
// the world at any point.
#pragma once

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "core/peer.h"
#include "net/zmq_tools.h"

namespace podring {

inline Now now_of_clock() {
  using std::chrono::duration_cast;
  return {
      TimePoint{duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())},
      {duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
           .count()}};
}

class LonePeer {
 public:
  /// Binds `address` at any free port.
  LonePeer(Address address, Settings settings, BootId boot = {7})
      : router_{context_, zmq::socket_type::router},
        peer_{Identity{"pod-1", "uid-1", {}, address, boot}, std::move(settings), 1} {
    router_.set(zmq::sockopt::linger, 0);
    router_.bind("tcp://" + to_string(address) + ":0");
    const std::string bound = router_.get(zmq::sockopt::last_endpoint);
    port_ = static_cast<std::uint16_t>(std::stoul(bound.substr(bound.rfind(':') + 1)));
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Peer& peer() { return peer_; }
  [[nodiscard]] int fd() { return router_.get(zmq::sockopt::fd); }
  /// Another process at the same address: it knows no session.
  void restart(Settings settings, BootId boot) {
    Identity identity = peer_.self();
    identity.boot = boot;
    peer_ = Peer{identity, std::move(settings), 2};
  }

  /// Reads what is there, turns, sends. False: there was nothing to do.
  bool pump() {
    const Now now = now_of_clock();
    bool busy = false;
    zmq::message_t id;
    zmq::message_t frame;
    while (receive_part(router_, id)) {
      busy = true;
      while (id.more() && receive_part(router_, frame)) {
        peer_.on_route_frame(now, route_of(id), peer_.self().address, frame.to_string_view());
        if (!frame.more()) break;
      }
    }
    peer_.on_tick(now);
    for (int turn = 0; turn < 64; ++turn) {
      Outputs& out = peer_.flush(now);
      LogTicket ticket = 0;
      for (const Event& event : out.events) {
        if (const auto* end = std::get_if<Ended>(&event)) ticket = end->ticket;
        if (const auto* safe = std::get_if<SafeConfirmed>(&event)) ticket = safe->ticket;
      }
      for (Action& action : out.actions) {
        if (auto* send = std::get_if<SendRoute>(&action)) {
          const std::string& to = routes_[send->route - 1];
          zmq_send(router_.handle(), to.data(), to.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT);
          zmq_send(router_.handle(), send->frame.data(), send->frame.size(), ZMQ_DONTWAIT);
        }
      }
      if (out.empty() && ticket == 0) break;
      busy = true;
      if (ticket != 0) peer_.on_logged(now, ticket);
    }
    return busy;
  }

 private:
  RouteId route_of(const zmq::message_t& id) {
    const std::string text = id.to_string();
    for (std::size_t i = 0; i < routes_.size(); ++i) {
      if (routes_[i] == text) return static_cast<RouteId>(i + 1);
    }
    routes_.push_back(text);
    return static_cast<RouteId>(routes_.size());
  }

  zmq::context_t context_;
  zmq::socket_t router_;
  Peer peer_;
  std::uint16_t port_ = 0;
  std::vector<std::string> routes_;
};

}  // namespace podring
