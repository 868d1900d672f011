// The faults: deaths, pauses, cuts, slowness, lying name servers, departures.
#include "sim/storm.h"
#include "support/sim_oracle.h"

namespace podring::sim {
namespace {

using namespace std::chrono_literals;

}  // namespace

/// A careful storm kills only while no failure is under repair, and fewer than `copies` at once.
bool Storm::may_die(SimNet& net, const std::vector<Pid>& victims) const {
  if (victims.empty() || net.live().size() <= victims.size()) return false;
  if (!careful_) return true;
  return !net.oracle().under_repair() && !mixed_ && settings_.copies_on == CopiesOn::peers &&
         victims.size() < settings_.copies;
}

void Storm::die(SimNet& net, std::vector<Pid> victims) {
  if (!may_die(net, victims)) return;
  const Death death = chance(50) ? Death::host : Death::process;
  for (const Pid victim : victims) {
    const Host host = net.host(victim);
    ++deaths_;
    net.crash(victim, death);
    if (chance(70)) come_back(net, host);
  }
}

void Storm::come_back(SimNet& net, Host host) {
  after(net, chance(30) ? between(1ms, 100ms) : between(100ms, 5s), [this, &net, host] {
    if (net.pid_at(host) < 0) start(net, host);
  });
}

/// Strikes where it hurts: at the moment of a word or an end, the peer that spoke or a holder.
void Storm::ambush(SimNet& net, Pid pid, const Event& event) {
  const EnvelopeId* id = nullptr;
  if (const auto* safe = std::get_if<SafeConfirmed>(&event)) id = &safe->id;
  if (const auto* ended = std::get_if<Ended>(&event)) id = &ended->envelope.head.id;
  if (const auto* detour = std::get_if<DetourTaken>(&event)) id = &detour->id;
  if (const auto* duplicate = std::get_if<DuplicateDropped>(&event)) id = &duplicate->id;
  if (id == nullptr || healed_ || !chance(ambush_percent_)) return;
  after(net, chance(50) ? Duration{} : between(0ms, 2 * delay_max_), [this, &net, pid, id = *id] {
    const std::vector<Pid>& holders = net.oracle().id(id).holders;
    Pid victim = pid;
    if (!holders.empty() && chance(70)) victim = holders[below(holders.size())];
    if (!net.alive(victim)) return;
    switch (below(4)) {
      case 0:
        net.pause(victim);
        after(net, between(10ms, 5s), [&net, victim] { net.resume(victim); });
        return;
      case 1:
        if (const Pid other = anybody(net); other != victim)
          return cut(net, net.host(victim), net.host(other), between(10ms, 5s));
        return;
      default:
        die(net, {victim});
    }
  });
}

void Storm::cut(SimNet& net, Host from, Host to, Duration duration) {
  if (net.tracing())
    net.say("the way " + SimNet::host_name(from) + " -> " + SimNet::host_name(to) + " is cut");
  net.way(from, to).cut = true;
  after(net, duration, [&net, from, to] {
    if (net.tracing())
      net.say("the way " + SimNet::host_name(from) + " -> " + SimNet::host_name(to) + " heals");
    net.way(from, to).cut = false;
    net.healed(from, to);
  });
}

/// Some answers come when their session is long given up, and a new one is in its place.
void Storm::late_answers(SimNet& net, Host dialler, Host acceptor) {
  late_frames_ = true;
  if (net.tracing())
    net.say("answers of " + SimNet::host_name(acceptor) + " to " + SimNet::host_name(dialler) +
            " are late");
  net.way(acceptor, dialler).extra = between(3s, 5s);
  if (const Pid pid = net.pid_at(dialler); pid >= 0) {
    for (int i = 0; i < 3; ++i) plan_seed(net, net.now() + between(0ms, 200ms), pid);
  }
  after(net, between(50ms, 300ms), [this, &net, dialler, acceptor] {
    net.way(acceptor, dialler).extra = {};
    cut(net, acceptor, dialler, between(2s, 3s));
    const Pid pid = net.pid_at(dialler);
    for (int i = 0; i < 4 && pid >= 0; ++i) plan_seed(net, net.now() + between(2500ms, 5s), pid);
  });
}

void Storm::fault(SimNet& net) {
  const Pid pid = anybody(net);
  if (pid < 0) return;
  const std::vector<Pid> live = net.live();
  const Pid other = live[below(live.size())];
  const Host host = net.host(pid);
  const Duration long_while = between(10ms, 6s);
  switch (below(17)) {
    case 0:
    case 1:
      return die(net, {pid});
    case 2: {  // several at once: neighbours, or a whole node
      std::vector<Pid> victims;
      const std::string node = net.peer(pid).self().node;
      const std::size_t most = 1 + below(3);
      for (const Pid each : live) {
        const bool its = nodes_ > 1 ? net.peer(each).self().node == node
                                    : net.host(each) >= host && victims.size() < most;
        if (its) victims.push_back(each);
      }
      return die(net, victims);
    }
    case 3:
    case 4:
      net.pause(pid);
      return after(net, long_while, [&net, pid] { net.resume(pid); });
    case 5:
      return cut(net, host, net.host(other), long_while);
    case 6:
      cut(net, host, net.host(other), long_while);
      return cut(net, net.host(other), host, long_while);
    case 7:  // a partition in two
      for (const Pid a : live) {
        for (const Pid b : live) {
          if ((net.host(a) < host) != (net.host(b) < host))
            cut(net, net.host(a), net.host(b), long_while);
        }
      }
      return;
    case 8:
      return net.break_connections(host, net.host(other));
    case 9:
      if (net.tracing()) net.say(net.name(pid) + " is slow");
      net.set_service(pid, between(1ms, 200ms), chance(50) ? between(1ms, 1s) : Duration{});
      return after(net, long_while, [&net, pid] { net.set_service(pid, {}, {}); });
    case 10:
      net.block_log(pid);
      return after(net, long_while, [&net, pid] { net.unblock_log(pid); });
    case 11: {
      const Duration grace = settings_.drain_linger + between(2s, 20s);
      net.leave(pid, grace);
      if (chance(70)) come_back(net, host);
      return;
    }
    case 12:
      if (!chance(20)) return net.leave(pid, 25s);
      for (const Pid each : live) net.leave(each, 25s);
      return;
    case 13: {  // somebody new, somewhere
      const Host fresh = static_cast<Host>(below(static_cast<std::uint64_t>(hosts_)));
      if (net.pid_at(fresh) < 0) start(net, fresh);
      return;
    }
    case 14:
      late_frames_ = true;
      for (const Pid each : live) {
        net.way(host, net.host(each)).loss_pm = 500;
        net.way(net.host(each), host).double_pm = 300;
        net.way(net.host(each), host).extra = between(0ms, chance(50) ? 300ms : 4s);
      }
      return after(net, long_while, [&net, host] {
        for (Host each = 0; each < host + 64; ++each) {
          const bool out = net.way(host, each).cut;
          const bool in = net.way(each, host).cut;
          net.way(host, each) = {};
          net.way(each, host) = {};
          net.way(host, each).cut = out;
          net.way(each, host).cut = in;
        }
      });
    case 15:
      return late_answers(net, host, net.host(other));
    default:
      names_fault_percent_ = 80;
      return after(net, long_while, [this] { names_fault_percent_ = 0; });
  }
}

/// What a name server may answer beside the truth: nothing in time, nobody, some, or one's own.
std::optional<std::vector<Address>> Storm::spoil(std::vector<Address> addresses) {
  if (healed_ || !chance(names_fault_percent_)) return addresses;
  switch (below(3)) {
    case 0:
      return std::nullopt;
    case 1:
      return std::vector<Address>{};
    default:
      std::erase_if(addresses, [this](const Address&) { return chance(40); });
      return addresses;
  }
}

void Storm::heal(SimNet& net) {
  healed_ = true;
  net.set_loss(0, 0);
  net.set_names_lag(1ms);
  net.heal_all();
  if (lanes_) draw_paths(net);  // a larger one than before, or a smaller one
  for (const Pid pid : net.live()) {
    net.set_service(pid, {}, {});
    if (net.settings(pid).deliver) net.program(pid) = ProgramOptions{};
    if (!net.leaving(pid)) net.set_listed(net.host(pid), true);
    net.unblock_log(pid);
    net.resume(pid);
  }
}

Duration Storm::aftermath() const { return late_frames_ ? 6s : 1500ms; }

bool Storm::waits(const SimNet& net) const {
  const std::vector<Pid> live = net.live();
  return std::any_of(live.begin(), live.end(), [&](Pid pid) { return net.leaving(pid); });
}

}  // namespace podring::sim
