// One podring process: the loop that feeds the core and carries out what it says, with everything
// around it wired up.
//
// A turn: wait; read the clock; take what arrived (frames, names, seeds, signals); let the core
// end its turn; write its log lines; send. Nothing else runs on this thread, and nothing of it runs
// on another one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/backend.h"
#include "app/config.h"
#include "app/link_lanes.h"
#include "app/node_delivery.h"
#include "app/node_names.h"
#include "app/node_seeds.h"
#include "app/node_start_seeds.h"
#include "app/node_status.h"
#include "app/node_view.h"
#include "app/signals.h"
#include "core/peer.h"
#include "http/front_end.h"
#include "net/lane_transport.h"
#include "net/loop.h"
#include "net/loop_clock.h"
#include "net/zmq_transport.h"
#include "observe/feed.h"
#include "observe/logger.h"
#include "observe/recents.h"

namespace podring {

/// Random numbers of the process; none is 0.
struct NodeRandom {
  BootId boot;
  BootId client_boot;  ///< of the client that the start-up seeds come from
  std::uint64_t jitter_seed = 0;
};

class Node final : private LaneSink {
 public:
  /// Binds all ports. Throws TransportError or std::runtime_error with a sentence that says what to
  /// change; nothing was logged then.
  Node(LoadedConfig loaded, const NodeRandom& random);
  ~Node() override;

  /// Until a signal has ended it; what the process exits with.
  [[nodiscard]] int run();

 private:
  // LaneSink
  void on_link_connected(LinkId link) override { peer_.on_link_connected(now_, link); }
  void on_link_broken(LinkId link) override { peer_.on_link_broken(now_, link); }
  void on_link_frame(LinkId link, ByteView frame) override {
    peer_.on_link_frame(now_, link, frame);
  }
  void on_route_frame(RouteId route, Address from, ByteView frame) override {
    peer_.on_route_frame(now_, route, from, frame);
  }

  void on_link_frame_lost(LinkId link, const SendId& id) override {
    peer_.on_link_frame_lost(now_, link, id);
  }
  void on_route_frame_lost(RouteId route, const SendId& id) override {
    peer_.on_route_frame_lost(now_, route, id);
  }
  void on_link_frame_max(LinkId link, std::optional<std::size_t> bytes) override {
    peer_.on_link_frame_max(now_, link, bytes);
  }

  void start();
  void turn();
  [[nodiscard]] Duration time_to_wait();
  void measure_lateness();
  void send_start_seeds();
  void end_turn();
  void carry_out(std::vector<Action>& actions);
  void tell(std::vector<Event>& events);
  void tell(const observe::NodeEvent& event);
  void tell_sheds();
  void tell_lanes();
  void hear_program();
  void watch_log_output();
  void look_whether_ready();
  void on_signal(int signal, int times);
  void look_whether_done();
  void stop(bool grace_over);
  void publish_if_due();

  Config config_;
  std::vector<ConfigEntry> entries_;
  std::vector<std::string> warnings_;
  LoopClock clock_;
  Now now_;
  const TimePoint started_at_;
  Identity self_;
  Loop loop_;
  Signals signals_;
  observe::Logger logger_;
  observe::Recents recents_;
  observe::Feed feed_;
  Peer peer_;
  ZmqTransport zmq_;
  LaneTransport transport_;
  NodeNames names_;
  NodeStartSeeds start_seeds_;
  NodeSeeds seeds_;
  NodeView view_;
  NeighbourLanes neighbour_lanes_;
  NodeStatus statuses_;
  NodeDelivery delivery_;
  NodeBackend backend_;
  http::FrontEnd front_end_;

  bool more_ = false;  // something is left over from the last turn
  LogTicket logged_ = 0;
  int log_fd_watched_ = -1;
  TimePoint wake_at_{};
  bool changed_ = true;  // since published_at_
  TimePoint published_at_{};
  bool ready_ = false;
  TransportSheds sheds_;
  TimePoint lag_told_at_{};
  Duration lag_untold_{};
  // leaving
  std::string leaving_for_;  // the signal's name; empty: not leaving
  TimePoint grace_until_ = TimePoint::max();
  bool stopped_ = false;
};

}  // namespace podring
