// A ring of core::Peers in one thread, joined by queues: frames arrive in the next round, nothing
// is lost, and a round takes 10 microseconds of the ring's own time. What is left is the cost of
// the core.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/peer.h"

namespace podring::bench {

class MemoryRing {
 public:
  MemoryRing(std::size_t size, const Settings& settings) {
    std::vector<Address> view;
    for (std::size_t i = 0; i < size; ++i) view.push_back(address_of(i));
    for (std::size_t i = 0; i < size; ++i) {
      Node node{Peer{{"pod-" + std::to_string(i), "uid", "", view[i], {i + 1}}, settings, i},
                {},
                {},
                {},
                0};
      nodes_.push_back(std::move(node));
    }
    for (Node& node : nodes_) node.peer.set_fixed_view(now_, view);
    for (int round = 0; round < 100; ++round) turn();
  }

  [[nodiscard]] SeedResult seed(std::size_t at, const std::string& message, std::uint32_t hops,
                                std::uint32_t count = 1) {
    SeedRequest request;
    request.message = message;
    request.hops = hops;
    request.count = count;
    request.sender = address_of(at);
    return nodes_[at].peer.seed(now_, request);
  }

  /// Everybody reads what was sent in the round before, and ends its turn.
  void turn() {
    now_.steady += std::chrono::microseconds{10};
    now_.wall.micros += 10;
    for (Node& node : nodes_) std::swap(node.inbox, node.reading);
    for (Node& node : nodes_) {
      for (Frame& frame : node.reading) {
        if (frame.by_route) {
          node.peer.on_route_frame(now_, frame.number, frame.from, frame.bytes);
        } else {
          node.peer.on_link_frame(now_, frame.number, frame.bytes);
        }
      }
      node.reading.clear();
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) end_turn(i);
  }
  /// To be called now and then: pings, expiry. Not in turn(), so that what they cost is known
  /// apart.
  void tick() {
    for (Node& node : nodes_) node.peer.on_tick(now_);
  }

  [[nodiscard]] std::uint64_t hops() const { return sum(&Counters::hops_sent); }
  [[nodiscard]] std::uint64_t sum(std::uint64_t Counters::*which) const {
    std::uint64_t all = 0;
    for (const Node& node : nodes_) all += node.peer.counters().*which;
    return all;
  }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  struct Frame {
    bool by_route = false;
    std::uint32_t number = 0;  // route or link
    Address from;
    Bytes bytes;
  };
  struct Node {
    Peer peer;
    std::vector<Frame> inbox;
    std::vector<Frame> reading;
    std::map<LinkId, std::pair<std::size_t, RouteId>> links;  // to whom, and its number there
    RouteId next_route = 0;
  };
  static Address address_of(std::size_t index) {
    return Address::v4(0x0a000001U + static_cast<std::uint32_t>(index));
  }

  void end_turn(std::size_t index) {
    Node& node = nodes_[index];
    for (int pass = 0; pass < 2; ++pass) {
      Outputs& out = node.peer.flush(now_);
      LogTicket ticket = 0;
      for (const Event& event : out.events) {
        if (const auto* end = std::get_if<Ended>(&event)) ticket = end->ticket;
        if (const auto* safe = std::get_if<SafeConfirmed>(&event)) ticket = safe->ticket;
      }
      for (Action& action : out.actions) carry_out(index, action);
      if (ticket == 0) return;
      node.peer.on_logged(now_, ticket);
    }
  }

  void carry_out(std::size_t index, Action& action) {
    Node& node = nodes_[index];
    if (auto* link = std::get_if<SendLink>(&action)) {
      const auto [to, route] = node.links.at(link->link);
      nodes_[to].inbox.push_back({true, route, node.peer.self().address, std::move(link->frame)});
    } else if (auto* back = std::get_if<SendRoute>(&action)) {
      const auto [to, number] = routes_.at({index, back->route});
      nodes_[to].inbox.push_back({false, number, {}, std::move(back->frame)});
    } else if (const auto* dial = std::get_if<Dial>(&action)) {
      const std::size_t to = static_cast<std::size_t>(dial->to.low - address_of(0).low);
      const RouteId route = ++nodes_[to].next_route;
      node.links[dial->link] = {to, route};
      routes_[{to, route}] = {index, dial->link};
      node.peer.on_link_connected(now_, dial->link);
    }
  }

  std::vector<Node> nodes_;
  std::map<std::pair<std::size_t, RouteId>, std::pair<std::size_t, LinkId>> routes_;
  Now now_{TimePoint{std::chrono::hours{1}}, {1'700'000'000'000'000}};
};

}  // namespace podring::bench
