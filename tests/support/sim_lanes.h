// The datagram lanes of one simulated process, beside its connections: the very code of src/lane.
// Watches what no end of a lane can see: which frames a lane has taken, and what became of them.
#pragma once

#include <memory>
#include <vector>

#include "lane/lanes.h"
#include "support/sim_net.h"

namespace podring::sim {

class SimNet::LanesOf final : public lane::LanesSink {
 public:
  LanesOf(SimNet& net, Pid pid, lane::LanesOptions options);

  /// True: a lane has it.
  [[nodiscard]] bool take(std::uint32_t number, bool to_dialler, Bytes& frame,
                          const std::optional<SendId>& id);
  void on_route_frame_of_stream(const Item& item);
  void read(ByteView datagram);
  void tick();
  void write();
  [[nodiscard]] TimePoint next_deadline() { return lanes_.next_deadline(now()); }
  [[nodiscard]] lane::Lanes& lanes() { return lanes_; }
  [[nodiscard]] std::string describe() const;

 private:
  void on_link_frame(LinkId link, ByteView frame) override;
  void on_route_frame(RouteId route, Address from, ByteView frame) override;
  void on_link_frame_lost(LinkId link, const SendId& id) override;
  void on_route_frame_lost(RouteId route, const SendId& id) override;
  void on_link_frame_max(LinkId link, std::optional<std::size_t> bytes) override;

  [[nodiscard]] TimePoint now() const { return net_.now_of(net_.process(pid_)).steady; }
  [[nodiscard]] Connection* connection(std::uint32_t number, bool to_dialler) const;
  void arrived(std::uint32_t number, bool to_dialler, ByteView frame);
  void reported_lost(std::uint32_t number, bool to_dialler, const SendId& id);
  void look_at(Address to, const Bytes& datagram);
  void check_heard();

  SimNet& net_;
  Pid pid_;
  lane::Lanes lanes_;
  std::unordered_map<RouteId, std::uint32_t> routes_;  // its connection, broken or not
  std::shared_ptr<void> acks_waiting_;  // held from the first ack that a lane took to its datagram
  lane::Payload payload_;               // scratch
};

}  // namespace podring::sim
