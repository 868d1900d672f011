// Drawing the ring, its settings and its seeds. The faults are in storm_faults.cc.
#include "sim/storm.h"

#include "support/sim_oracle.h"

namespace podring::sim {
namespace {

using namespace std::chrono_literals;

}  // namespace

Storm::Storm(std::uint64_t number, Size size)
    : random_(number * 0x9e3779b97f4a7c15ULL + 0x5eed),
      size_(size),
      lane_random_(number * 0x9e3779b97f4a7c15ULL + 0x1a7e),
      liar_random_(number * 0x9e3779b97f4a7c15ULL + 0x11a2),
      program_random_(number * 0x9e3779b97f4a7c15ULL + 0x9106) {
  programs_ = number % 5 == 2;
  liars_ = number % 3 == 1;
  statuses_ = number % 2 == 0;
  lanes_ = number / 2 % 4 == 1;
  const bool large = size == Size::large;
  net_seed_ = random_.next();
  peers_ = static_cast<int>(large ? 8 + below(33) : 2 + below(6));
  hosts_ = peers_ + static_cast<int>(below(3));
  lane_ = chance(40) ? Lane::datagram : Lane::stream;
  switch (below(4)) {
    case 0:
      delay_min_ = 100us, delay_max_ = 1ms;
      break;
    case 1:
      delay_min_ = 1ms, delay_max_ = 2ms;
      break;
    case 2:
      delay_min_ = 1ms, delay_max_ = 30ms;
      break;
    default:
      delay_min_ = 1ms, delay_max_ = 200ms;
  }
  if (lane_ == Lane::datagram) {
    loss_pm_ = static_cast<std::uint32_t>(one_of({0, 10, 50, 200}));
    double_pm_ = static_cast<std::uint32_t>(one_of({0, 0, 50, 200}));
  }
  names_lag_max_ = Duration{std::chrono::milliseconds{one_of({1, 500, 3000, 8000})}};
  names_fault_percent_ = static_cast<std::uint32_t>(one_of({0, 0, 10, 50}));
  log_delay_ = std::chrono::milliseconds{one_of({0, 0, 0, 5, 100})};
  nodes_ = static_cast<int>(one_of({0, 0, 1, 2, 2, 3}));
  interleaved_ = chance(50);
  mixed_ = chance(25);
  careful_ = chance(50);
  ambush_percent_ = static_cast<std::uint32_t>(one_of({0, 0, 5, 30}));

  settings_.copies = static_cast<std::uint8_t>(one_of({1, 2, 2, 2, 2, 3, 3}));
  settings_.copies_on = nodes_ > 0 && chance(60) ? CopiesOn::nodes : CopiesOn::peers;
  settings_.queue = one_of({2, 3, 4, 8, 64, 1024, 1024});
  if (chance(10)) settings_.queue_bytes = 4096;
  if (chance(10)) settings_.memory_max = one_of({1, 8, 64});
  settings_.hops = static_cast<std::uint32_t>(1 + below(large ? 60 : 20));
  settings_.drain_linger = std::chrono::milliseconds{one_of({0, 300, 2000})};
  settings_.version_max = 2;
  short_ttl_ = chance(10);

  length_ = between(1s, large ? 20s : 15s);
  seeds_ = static_cast<int>(1 + below(large ? 100 : 25));
  faults_ = static_cast<int>(below(large ? 40 : 18));
  if (lanes_) draw_lanes();
}

Duration Storm::between(Duration min, Duration max) {
  return min + Duration{static_cast<Duration::rep>(
                   below(static_cast<std::uint64_t>((max - min).count()) + 1))};
}

std::uint64_t Storm::one_of(std::initializer_list<std::uint64_t> values) {
  return *(values.begin() + below(values.size()));
}

Duration Storm::calm_pause() { return between(0ms, 20ms); }

NetOptions Storm::net_options(std::function<void(const std::string&)> trace) const {
  NetOptions options;
  options.seed = net_seed_;
  options.lane = lane_;
  options.delay_min = delay_min_;
  options.delay_max = delay_max_;
  options.loss_pm = loss_pm_;
  options.double_pm = double_pm_;
  options.names_lag_max = names_lag_max_;
  options.names = true;
  options.statuses = statuses_;
  options.lanes = lanes_;
  options.trace = std::move(trace);
  return options;
}

ProcessOptions Storm::process_options(Host host) {
  ProcessOptions options;
  options.settings = settings_;
  if (mixed_) {
    options.settings.copies = static_cast<std::uint8_t>(1 + below(3));
    options.settings.copies_on = chance(50) ? CopiesOn::nodes : CopiesOn::peers;
    options.settings.hops = static_cast<std::uint32_t>(1 + below(20));
    options.settings.queue = one_of({2, 4, 1024});
    options.settings.version_max = static_cast<std::uint8_t>(1 + below(2));
    if (options.settings.version_max == 1) options.settings.takes_status = false;
  }
  if (nodes_ > 0) {
    const int block = std::max(1, (hosts_ + nodes_ - 1) / nodes_);
    options.node = "n" + std::to_string(interleaved_ ? host % nodes_ : host / block);
  }
  options.log_delay = log_delay_;
  options.lane_window = lane_window_;
  options.datagram_max = datagram_max_;
  options.datagrams = !mixed_ || lane_random_.below(3) > 0;
  if (programs_) draw_program(options);
  return options;
}

Pid Storm::start(SimNet& net, Host host) {
  const Pid pid = net.start(host, process_options(host));
  after(net, between(0ms, 300ms), [&net, pid] {
    if (net.alive(pid) && !net.leaving(pid)) net.set_listed(net.host(pid), true);
  });
  return pid;
}

void Storm::plan(SimNet& net) {
  const bool together = chance(60);
  std::vector<Host> order;
  for (Host host = 0; host < hosts_; ++host) order.push_back(host);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
  for (int i = 0; i < peers_; ++i) {
    const Host host = order[static_cast<std::size_t>(i)];
    if (together || i == 0) {
      start(net, host);
    } else {
      after(net, between(0ms, 2s), [this, &net, host] {
        if (net.pid_at(host) < 0) start(net, host);
      });
    }
  }
  net.names_fault = [this](Pid, std::vector<Address> addresses) {
    return spoil(std::move(addresses));
  };
  if (ambush_percent_ > 0) {
    net.on_event = [this, &net](Pid pid, const Event& event) { ambush(net, pid, event); };
  }
  for (int i = 0; i < seeds_; ++i) plan_seed(net, net.now() + between(0ms, length_));
  for (int i = 0; i < faults_; ++i) after(net, between(0ms, length_), [this, &net] { fault(net); });
  if (lanes_) plan_lanes(net);
  if (liars_ && lane_ == Lane::stream) plan_liars(net);
  for (std::uint64_t left = programs_ ? program_random_.below(6) : 0; left > 0; --left) {
    after(net,
          Duration{static_cast<Duration::rep>(
              program_random_.below(static_cast<std::uint64_t>(length_.count())))},
          [this, &net] { program_fault(net); });
  }
}

/// Some peers of the ring ask a program, some do not.
void Storm::draw_program(ProcessOptions& options) {
  if (program_random_.below(4) == 0) return;
  options.settings.deliver = true;
  ProgramOptions program;
  constexpr std::array kSlow{1ms, 3ms, 50ms, 1000ms};
  program.answer_max = kSlow[program_random_.below(kSlow.size())];
  program.timeout = program_random_.below(2) == 0 ? 5s : 500ms;
  program.refuse_pm = static_cast<std::uint32_t>(program_random_.below(3) * 100);
  program.ignore_pm = static_cast<std::uint32_t>(program_random_.below(3) * 20);
  options.program = program;
}

void Storm::program_fault(SimNet& net) {
  const std::vector<Pid> live = net.live();
  if (live.empty()) return;
  const Pid pid = live[program_random_.below(live.size())];
  if (!net.settings(pid).deliver) return;
  const bool hangs = program_random_.below(2) == 0;
  if (net.tracing()) net.say("the program of " + net.name(pid) + (hangs ? " hangs" : " goes away"));
  (hangs ? net.program(pid).hung : net.program(pid).away) = true;
  const auto lasts = std::chrono::milliseconds{program_random_.below(8000)};
  after(net, lasts, [&net, pid] { net.program(pid).hung = net.program(pid).away = false; });
}

void Storm::after(SimNet& net, Duration delay, std::function<void()> what) {
  net.at(net.now() + delay, [this, what = std::move(what)] {
    if (!healed_) what();
  });
}

Pid Storm::anybody(SimNet& net) {
  const std::vector<Pid> live = net.live();
  return live.empty() ? -1 : live[below(live.size())];
}

void Storm::plan_seed(SimNet& net, TimePoint when, Pid where) {
  net.at(when, [this, &net, where] {
    const Pid pid = where < 0 ? anybody(net) : where;
    if (healed_ || pid < 0 || !net.alive(pid) || net.paused(pid)) return;
    SeedRequest request;
    request.message.assign(one_of({1, 10, 100, 1500}), static_cast<char>('a' + below(26)));
    request.count = static_cast<std::uint32_t>(one_of({1, 1, 1, 2, 5}));
    if (chance(30)) {
      request.laps = static_cast<std::uint32_t>(1 + below(3));
    } else if (chance(50)) {
      request.hops = static_cast<std::uint32_t>(1 + below(12));
    }
    if (short_ttl_ && chance(50)) request.ttl = between(1ms, 5s);
    request.receipt = chance(30);
    request.sender = SimNet::address_of(net.host(pid));
    (void)net.seed(pid, request);
  });
}

}  // namespace podring::sim
