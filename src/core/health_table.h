// What is known of addresses beyond their being in the view: who is suspected, who is leaving,
// since when it answers again. In: failures, answers, `leaving`. Out: who may be handed to, whom to
// probe. SWIM's words are used where they fit.
#pragma once

#include <map>
#include <optional>

#include "core/events.h"
#include "core/types.h"

namespace podring {

/// Absent: nothing bad is known.
struct Health {
  bool suspected = false;
  bool leaving = false;
  bool departed = false;  ///< said leaving, and then its connection broke: not in the view
  BootId boot;            ///< whom this is about; another boot id starts afresh
  unsigned strikes = 0;   ///< suspicions, each within 60 s of the one before
  TimePoint suspected_at;
  std::optional<TimePoint> answering_since;
  TimePoint probe_at;

  [[nodiscard]] bool is_probed() const { return suspected || departed || leaving; }
  /// It has answered for as long as its strikes ask for.
  [[nodiscard]] bool probation_is_over(TimePoint now) const;
};

class HealthTable {
 public:
  [[nodiscard]] const Health* find(Address address) const;
  [[nodiscard]] Health* find(Address address);
  [[nodiscard]] Health& at(Address address) { return entries_[address]; }
  void erase(Address address) { entries_.erase(address); }
  void erase_if(auto&& is_over) {
    std::erase_if(entries_, [&](const auto& e) { return is_over(e.first, e.second); });
  }
  [[nodiscard]] bool is_departed(Address address) const;
  [[nodiscard]] bool is_going(Address address) const;  ///< leaving or departed

  /// True: it was not suspected before.
  bool suspect(TimePoint now, Duration probe_every, Address address, BootId boot);
  /// From `self` upward, wrapping round.
  void for_each_from(Address self, auto&& take) const {
    const auto above = entries_.upper_bound(self);
    for (auto entry = above; entry != entries_.end(); ++entry) take(entry->first, entry->second);
    for (auto entry = entries_.begin(); entry != above; ++entry) take(entry->first, entry->second);
  }
  void for_each(auto&& take) const {
    for (const auto& [address, health] : entries_) take(address, health);
  }
  /// The next probe after `now`; TimePoint::max(): none.
  [[nodiscard]] TimePoint next_probe(TimePoint now) const;

 private:
  std::map<Address, Health> entries_;
};

}  // namespace podring
