// The view: which addresses make up the ring. In: names, which of them have departed, which links
// live. Out: the ring in order, and whether it has changed.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "core/events.h"
#include "core/ring.h"
#include "core/types.h"

namespace podring {

class View {
 public:
  explicit View(Address self) : ring_{self, {}} {}

  [[nodiscard]] const Ring& ring() const { return ring_; }
  [[nodiscard]] TimePoint changed_at() const { return changed_at_; }
  /// The names, or the fixed list, have this one.
  [[nodiscard]] bool is_named(Address address) const;
  /// Gone from the names, and in the view while its link lives.
  [[nodiscard]] bool is_kept(Address address) const { return kept_.contains(address); }

  /// What an answer of the name service makes of the names: one that loses half of the view or more
  /// counts when the next answer agrees.
  [[nodiscard]] std::vector<Address> guarded(std::vector<Address> answer);
  /// The names are these from now on (sorted, without oneself). Members that go and are `live` are
  /// kept. True: rebuild() may find a change.
  bool set_names(std::vector<Address> names, auto&& is_live);
  bool drop_kept(Address address) { return kept_.erase(address) > 0; }
  /// Drops those whose link does not live any more. True: there were some.
  bool drop_kept_unless(auto&& is_live) {
    return std::erase_if(kept_, [&](Address address) { return !is_live(address); }) > 0;
  }
  /// Names and kept ones without the departed. nullopt: the ring is as before.
  [[nodiscard]] std::optional<ViewChanged> rebuild(TimePoint now, auto&& is_departed) {
    std::vector<Address> members = names_;
    members.insert(members.end(), kept_.begin(), kept_.end());
    std::erase_if(members, is_departed);
    return replace(now, Ring{self(), members});
  }

  /// Sorted, without repeats, without oneself.
  [[nodiscard]] std::vector<Address> others_in(std::span<const Address> addresses) const;

 private:
  [[nodiscard]] Address self() const { return ring_.self(); }
  [[nodiscard]] std::optional<ViewChanged> replace(TimePoint now, Ring next);

  Ring ring_;
  std::vector<Address> names_;
  std::set<Address> missing_once_;  // missing in the last answer, which lost half or more
  std::set<Address> kept_;
  TimePoint changed_at_;
};

bool View::set_names(std::vector<Address> names, auto&& is_live) {
  for (const Address& member : ring_.members()) {
    if (member == self() || std::binary_search(names.begin(), names.end(), member)) continue;
    if (is_live(member)) kept_.insert(member);
  }
  for (const Address& address : names) kept_.erase(address);
  if (names == names_ && kept_.empty()) return false;
  names_ = std::move(names);
  return true;
}

}  // namespace podring
