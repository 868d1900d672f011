// What one number makes of the weather: which ring, which settings, which faults at which moment.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/random.h"
#include "sim/scenario.h"
#include "support/sim_net.h"

namespace podring::sim {

class Storm {
 public:
  Storm(std::uint64_t number, Size size);

  [[nodiscard]] NetOptions net_options(std::function<void(const std::string&)> trace) const;
  /// Starts the ring and plans seeds and faults. `net` must outlive the storm's last fault.
  void plan(SimNet& net);
  [[nodiscard]] Duration length() const { return length_; }
  /// Ends every fault that has an end.
  void heal(SimNet& net);
  /// Somebody is still on the way out.
  [[nodiscard]] bool waits(const SimNet& net) const;
  /// What was under way may still arrive, and a session with a process that is no more ends at the
  /// next `ping`: neither is a fault of the calm.
  [[nodiscard]] Duration aftermath() const;
  [[nodiscard]] Duration calm_pause();
  /// With lanes it does not fit the smallest datagram.
  [[nodiscard]] std::string calm_message() const {
    return lanes_ ? std::string(1300, 'c') : "calm";
  }
  [[nodiscard]] std::uint64_t deaths() const { return deaths_; }
  /// Nothing but datagrams suffers: nobody may be suspected.
  [[nodiscard]] bool only_datagrams() const { return only_datagrams_; }

 private:
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  [[nodiscard]] bool chance(std::uint32_t percent) { return random_.below(100) < percent; }
  [[nodiscard]] Duration between(Duration min, Duration max);
  [[nodiscard]] std::uint64_t one_of(std::initializer_list<std::uint64_t> values);

  [[nodiscard]] ProcessOptions process_options(Host host);
  Pid start(SimNet& net, Host host);
  void plan_seed(SimNet& net, TimePoint at, Pid where = -1);
  void plan_fault(SimNet& net, TimePoint at);
  void fault(SimNet& net);
  void plan_liars(SimNet& net);
  void lie(SimNet& net);
  void draw_program(ProcessOptions& options);
  void program_fault(SimNet& net);
  void draw_lanes();
  void plan_lanes(SimNet& net);
  void draw_paths(SimNet& net);
  void lane_fault(SimNet& net);
  void spoil_datagrams(SimNet& net, Host from, Host to);
  void late_answers(SimNet& net, Host dialler, Host acceptor);
  void ambush(SimNet& net, Pid pid, const Event& event);
  void die(SimNet& net, std::vector<Pid> victims);
  void come_back(SimNet& net, Host host);
  [[nodiscard]] bool may_die(SimNet& net, const std::vector<Pid>& victims) const;
  [[nodiscard]] Pid anybody(SimNet& net);
  [[nodiscard]] std::optional<std::vector<Address>> spoil(std::vector<Address> addresses);
  void cut(SimNet& net, Host from, Host to, Duration duration);
  void after(SimNet& net, Duration delay, std::function<void()> what);

  SplitMix random_;
  Size size_;
  bool healed_ = false;
  bool late_frames_ = false;
  std::uint64_t deaths_ = 0;

  // the ring
  int peers_ = 2;
  int hosts_ = 0;
  std::uint64_t net_seed_ = 0;
  Lane lane_ = Lane::stream;
  Duration delay_min_{};
  Duration delay_max_{};
  std::uint32_t loss_pm_ = 0;
  std::uint32_t double_pm_ = 0;
  Duration names_lag_max_{};
  std::uint32_t names_fault_percent_ = 0;
  Duration log_delay_{};
  int nodes_ = 0;  // 0: each its own
  bool interleaved_ = false;
  bool lanes_ = false;  // of a number as well, and what belongs to it has draws of its own
  bool only_datagrams_ = false;
  SplitMix lane_random_;
  std::uint32_t lane_window_ = 0;
  std::uint32_t datagram_max_ = 0;
  std::uint32_t path_max_ = 0;
  bool liars_ = false;  // likewise: somebody outside the view says what is not so
  SplitMix liar_random_;
  RouteId liar_route_ = 1U << 31;
  bool programs_ = false;  // likewise: peers ask the programs beside them
  SplitMix program_random_;
  bool statuses_ = false;  // peers tell of themselves; of a number, so that it draws nothing
  bool mixed_ = false;     // settings differ from peer to peer
  bool careful_ = false;   // deaths only one moment after another, fewer than copies at once
  std::uint32_t ambush_percent_ = 0;
  Settings settings_;
  Duration length_{};
  int seeds_ = 0;
  int faults_ = 0;
  bool short_ttl_ = false;
};

}  // namespace podring::sim
