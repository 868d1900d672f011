// Storms over lanes: sessions go by datagram as well, and the way of datagrams suffers by itself.
#include "sim/storm.h"

namespace podring::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kPathSizes[] = {1200, 1300, 1400, 1500, 9000};

Duration drawn(SplitMix& random, Duration min, Duration max) {
  return min + Duration{static_cast<Duration::rep>(
                   random.below(static_cast<std::uint64_t>((max - min).count()) + 1))};
}

}  // namespace

void Storm::draw_lanes() {
  lane_ = Lane::stream;
  loss_pm_ = std::array{0U, 10U, 50U, 300U}[lane_random_.below(4)];
  double_pm_ = std::array{0U, 0U, 50U, 200U}[lane_random_.below(4)];
  lane_window_ = std::array{1200U, 4800U, 65'536U, 262'144U}[lane_random_.below(4)];
  datagram_max_ = std::array{1200U, 1452U, 8952U, 40'000U}[lane_random_.below(4)];
  only_datagrams_ = lane_random_.below(3) == 0;
  if (!only_datagrams_) return;
  faults_ = 0;
  ambush_percent_ = 0;
  names_fault_percent_ = 0;
  seeds_ *= 3;
}

void Storm::plan_lanes(SimNet& net) {
  draw_paths(net);
  const auto faults = static_cast<int>(lane_random_.below(12));
  for (int i = 0; i < faults; ++i)
    after(net, drawn(lane_random_, 0ms, length_), [this, &net] { lane_fault(net); });
}

/// How large a datagram may be, from anywhere to anywhere.
void Storm::draw_paths(SimNet& net) {
  path_max_ = kPathSizes[lane_random_.below(std::size(kPathSizes))];
  for (Host from = 0; from < hosts_; ++from) {
    for (Host to = 0; to < hosts_; ++to) net.way(from, to).datagram_max = path_max_;
  }
}

/// One way, or both: the lane there dies, or suffers, and comes back.
void Storm::lane_fault(SimNet& net) {
  const std::vector<Pid> live = net.live();
  if (live.empty()) return;
  const Host from = net.host(live[lane_random_.below(live.size())]);
  const Host to = net.host(live[lane_random_.below(live.size())]);
  spoil_datagrams(net, from, to);
  if (lane_random_.below(2) == 0) spoil_datagrams(net, to, from);
}

void Storm::spoil_datagrams(SimNet& net, Host from, Host to) {
  Way& way = net.way(from, to);
  std::string what;
  switch (lane_random_.below(7)) {
    case 0:
    case 1:
      way.datagrams_cut = true;
      what = "are all lost";
      break;
    case 2:
      way.loss_pm = 300;
      way.double_pm = 300;
      what = "are lost and doubled";
      break;
    case 3:
      way.datagram_spread = drawn(lane_random_, 1ms, 400ms);
      what = "are overtaken";
      break;
    case 4:
      way.forge_pm = 300;
      what = "have strangers among them";
      break;
    case 5:
      way.damage_pm = 300;
      what = "are damaged";
      break;
    default:
      way.datagram_max = kPathSizes[lane_random_.below(std::size(kPathSizes))];
      what = "are lost above " + std::to_string(way.datagram_max) + " bytes";
  }
  const std::string which = SimNet::host_name(from) + " to " + SimNet::host_name(to);
  if (net.tracing()) net.say("datagrams from " + which + " " + what);
  after(net, drawn(lane_random_, 10ms, 10s), [this, &net, from, to, which] {
    if (net.tracing()) net.say("datagrams from " + which + " are well again");
    Way& healed = net.way(from, to);
    healed.datagrams_cut = false;
    healed.loss_pm = healed.double_pm = healed.forge_pm = healed.damage_pm = 0;
    healed.datagram_spread = {};
    healed.datagram_max = path_max_;
  });
}

}  // namespace podring::sim
