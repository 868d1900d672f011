// Two lane transports over real UDP sockets in one thread. The stream beside them is two queues.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "core/codec.h"
#include "net/lane_transport.h"
#include "net/loop_clock.h"
#include "support/catch.h"

namespace podring::lane_ends {

using namespace std::chrono_literals;
using lane::LaneState;

inline constexpr LinkId kLink = 7;
inline constexpr RouteId kRoute = 9;
inline constexpr FrameHeader kSession{1, 3};

/// One end of a stream that loses nothing: a link at the dialler, a route at the other.
class Queues final : public Transport {
 public:
  Queues* other = nullptr;
  Address from;                ///< what the other end takes this one's address for
  bool dials = false;          ///< this is the dialler's
  bool broken = false;         ///< its connection has ended
  std::uint16_t own_port = 0;  ///< in the last offer that went out
  std::uint16_t via_port = 0;  ///< not 0: goes out in its place

  void dial(LinkId, Address) override {}
  void hang_up(LinkId) override { other->broken = true; }
  void send_link(LinkId, Bytes&& frame) override { send(frame); }
  void send_route(RouteId, Bytes&& frame) override { send(frame); }
  bool receive(TransportSink& sink) override {
    if (std::exchange(broken, false)) sink.on_route_broken(kRoute);
    for (; !in_.empty(); in_.pop_front()) {
      if (dials) {
        sink.on_link_frame(kLink, in_.front());
      } else {
        sink.on_route_frame(kRoute, other->from, in_.front());
      }
    }
    return false;
  }
  bool may_wait() override { return in_.empty(); }
  [[nodiscard]] TransportCounters counters() const override { return {}; }

 private:
  void send(const Bytes& frame) {
    AnyFrame read;
    if (via_port != 0 && frame_type(frame) == FrameType::hello && read_frame(frame, read)) {
      own_port = std::exchange(read.hello.lane->port, via_port);
      other->in_.push_back(write_frame({read.version, read.session}, read.hello));
    } else {
      other->in_.push_back(frame);
    }
  }
  std::deque<Bytes> in_;
};

class LaneEnd final : public LaneSink {
 public:
  explicit LaneEnd(const LaneOptions& options)
      : address_{options.bind}, transport{loop_, stream, options} {
    stream.from = address_;
  }

  void on_link_connected(LinkId) override {}
  void on_link_broken(LinkId) override {}
  void on_link_frame(LinkId, ByteView frame) override { frames.emplace_back(frame); }
  void on_route_frame(RouteId, Address, ByteView frame) override {
    frames.emplace_back(frame);
    AnyFrame read;
    if (read_frame(frame, read) && read.type == FrameType::hello) to_answer_ = read.hello;
  }
  void on_link_frame_lost(LinkId, const SendId& id) override { lost.push_back(id.first); }
  void on_route_frame_lost(RouteId, const SendId& id) override { lost.push_back(id.first); }
  void on_link_frame_max(LinkId, std::optional<std::size_t> bytes) override { frame_max = bytes; }

  void turn() {
    loop_.wait(1ms);
    loop_.dispatch();
    transport.begin_turn(clock_.read().steady);
    (void)transport.receive(*this);
    if (to_answer_) {
      to_answer_->answer = true;
      to_answer_->lane.reset();  // the other side's offer; its own is put in below
      transport.send_route(kRoute, write_frame(kSession, *to_answer_));
      to_answer_.reset();
    }
    for (const lane::LaneChange& change : transport.take_changes())
      changes.push_back(change.figures.state);
    transport.flush();
  }
  void say_hello(Address to) {
    HelloFrame hello;
    hello.version_min = hello.version_max = 1;
    hello.ring = "ring";
    hello.identity = {"a", "u", "", address_, BootId{1}};
    hello.dialled = to;
    transport.dial(kLink, to);
    transport.send_link(kLink, write_frame(kSession, hello));
  }
  /// Of the lane that it takes datagrams on, from the frames that the other end was sent.
  [[nodiscard]] static LaneOffer offer_in(const std::vector<Bytes>& frames) {
    AnyFrame read;
    REQUIRE((!frames.empty() && read_frame(frames.front(), read) && read.hello.lane));
    return *read.hello.lane;
  }

 private:
  Loop loop_;
  LoopClock clock_;
  Address address_;
  std::optional<HelloFrame> to_answer_;

 public:
  Queues stream;
  LaneTransport transport;
  std::vector<Bytes> frames;
  std::vector<std::uint64_t> lost;  ///< what was given out as an id
  std::vector<LaneState> changes;
  std::optional<std::size_t> frame_max;
};

class TwoEnds {
 public:
  TwoEnds(Address of_dialler, Address of_dialled)
      : TwoEnds{of_dialler, LaneOptions{.bind = of_dialled, .keys = {}}} {}
  TwoEnds(Address of_dialler, const LaneOptions& of_dialled)
      : dialler{LaneOptions{.bind = of_dialler, .keys = {}}}, dialled{of_dialled} {
    dialler.stream.dials = true;
    dialler.stream.other = &dialled.stream;
    dialled.stream.other = &dialler.stream;
  }
  void greet() { dialler.say_hello(dialled.stream.from); }

  bool run_until(const std::function<bool()>& done, std::chrono::milliseconds at_most = 10s) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    while (!done()) {
      if (std::chrono::steady_clock::now() > until) return false;
      turn();
    }
    return true;
  }
  /// Both have opened the lane, and the search for a larger datagram is over or past this.
  bool run_until_open(std::uint32_t path_mtu = 0) {
    return run_until(
        [&] { return open() && dialler.transport.link_figures(kLink)->path_mtu >= path_mtu; });
  }
  void run_for(std::chrono::milliseconds time) {
    (void)run_until([] { return false; }, time);
  }
  [[nodiscard]] bool open() const {
    const auto to = dialler.transport.link_figures(kLink);
    const auto from = dialled.transport.route_figures(kRoute);
    return to && from && to->state == LaneState::open && from->state == LaneState::open;
  }

  LaneEnd dialler, dialled;
  std::function<void()> meanwhile = [] {};  ///< in each turn

 private:
  void turn() {
    dialler.turn();
    dialled.turn();
    meanwhile();
  }
};

/// Tells a floor; no envelopes. Bytes that no peer would take make it longer; no lane reads them.
inline Bytes relay(std::uint64_t floor, std::size_t more = 0) {
  return write_relay(kSession, floor, floor, 0, {}) + Bytes(more, 'x');
}

}  // namespace podring::lane_ends
