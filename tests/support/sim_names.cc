// The simulated DNS: what is listed changes in time, and every answer may be older than the truth.
#include "support/sim_net.h"
#include "support/sim_oracle.h"

namespace podring::sim {
namespace {

constexpr auto kPollEvery = std::chrono::milliseconds{2000};
constexpr std::uint64_t kPollJitterMs = 400;

}  // namespace

void SimNet::set_listed(Host host, bool listed) {
  auto& changes = listed_[static_cast<std::size_t>(host)];
  if ((changes.empty() ? false : changes.back().second) == listed) return;
  changes.emplace_back(now_, listed);
}

std::vector<Address> SimNet::listed_at(TimePoint when) const {
  std::vector<Address> addresses;
  for (std::size_t host = 0; host < listed_.size(); ++host) {
    bool listed = false;
    for (const auto& [since, state] : listed_[host]) {
      if (since > when) break;
      listed = state;
    }
    if (listed) addresses.push_back(address_of(static_cast<Host>(host)));
  }
  return addresses;
}

void SimNet::ask_names(Pid pid) {
  Process& asking = process(pid);
  if (!asking.alive) return;
  plans_.push(now_ + kPollEvery + std::chrono::milliseconds{random_.below(kPollJitterMs)},
              {.kind = Plan::Kind::names, .a = static_cast<std::uint32_t>(pid)});
  if (asking.paused || now_ < asking.busy_until) return;  // the answer comes too late to be used
  Duration lag{};
  if (options_.names_lag_max > Duration::zero()) {
    lag = Duration{static_cast<Duration::rep>(
        random_.below(static_cast<std::uint64_t>(options_.names_lag_max.count())))};
  }
  std::optional<std::vector<Address>> addresses = listed_at(now_ - lag);
  if (names_fault) addresses = names_fault(pid, std::move(*addresses));
  if (!addresses) return;
  asking.peer->on_names(now_of(asking), *addresses);
  finish_turn(pid);
}

void SimNet::answer(Pid pid, const std::vector<Host>& hosts) {
  std::vector<Address> addresses;
  for (const Host host : hosts) addresses.push_back(address_of(host));
  process(pid).peer->on_names(now_of(process(pid)), addresses);
  finish_turn(pid);
}

void SimNet::set_fixed(Pid pid, const std::vector<Host>& hosts) {
  std::vector<Address> addresses;
  for (const Host host : hosts) addresses.push_back(address_of(host));
  process(pid).peer->set_fixed_view(now_of(process(pid)), addresses);
  finish_turn(pid);
}

}  // namespace podring::sim
