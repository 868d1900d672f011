#include "core/health_table.h"

#include <algorithm>
#include <chrono>

namespace podring {
namespace {

constexpr auto kStrikesForgottenAfter = std::chrono::seconds{60};
constexpr auto kProbationMax = std::chrono::seconds{30};

/// How long a peer with so many strikes must answer before it is taken back.
Duration probation(unsigned strikes) {
  if (strikes <= 1) return Duration::zero();
  const Duration needed = std::chrono::seconds{1} * (1U << std::min(strikes - 2, 5U));
  return std::min(needed, Duration{kProbationMax});
}

}  // namespace

bool Health::probation_is_over(TimePoint now) const {
  return answering_since && now - *answering_since >= probation(strikes);
}

const Health* HealthTable::find(Address address) const {
  const auto found = entries_.find(address);
  return found == entries_.end() ? nullptr : &found->second;
}

Health* HealthTable::find(Address address) {
  const auto found = entries_.find(address);
  return found == entries_.end() ? nullptr : &found->second;
}

bool HealthTable::is_departed(Address address) const {
  const Health* known = find(address);
  return known != nullptr && known->departed;
}

bool HealthTable::is_going(Address address) const {
  const Health* known = find(address);
  return known != nullptr && (known->leaving || known->departed);
}

bool HealthTable::suspect(TimePoint now, Duration probe_every, Address address, BootId boot) {
  Health& known = entries_[address];
  if (boot.value != 0) known.boot = boot;
  const bool news = !known.suspected;
  if (news) {
    const bool again = known.strikes > 0 && now - known.suspected_at < kStrikesForgottenAfter;
    known.suspected = true;
    known.strikes = again ? known.strikes + 1 : 1;
    known.suspected_at = now;
  }
  known.answering_since.reset();
  known.probe_at = now + probe_every;
  return news;
}

TimePoint HealthTable::next_probe(TimePoint now) const {
  TimePoint at = TimePoint::max();
  for (const auto& [address, known] : entries_) {
    if (known.is_probed() && known.probe_at > now) at = std::min(at, known.probe_at);
  }
  return at;
}

}  // namespace podring
