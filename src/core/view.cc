#include "core/view.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace podring {

bool View::is_named(Address address) const {
  return std::binary_search(names_.begin(), names_.end(), address);
}

std::vector<Address> View::others_in(std::span<const Address> addresses) const {
  std::vector<Address> others(addresses.begin(), addresses.end());
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  std::erase(others, self());
  return others;
}

std::vector<Address> View::guarded(std::vector<Address> answer) {
  std::vector<Address> missing;
  std::set_difference(names_.begin(), names_.end(), answer.begin(), answer.end(),
                      std::back_inserter(missing));
  if (missing.empty() || missing.size() * 2 < names_.size() + 1) {
    missing_once_.clear();
    return answer;
  }
  // Half of the view or more: only what the last answer missed as well goes now.
  for (const Address& address : missing) {
    if (!missing_once_.contains(address)) answer.push_back(address);
  }
  std::sort(answer.begin(), answer.end());
  missing_once_ = {missing.begin(), missing.end()};
  return answer;
}

std::optional<ViewChanged> View::replace(TimePoint now, Ring next) {
  if (next == ring_) return std::nullopt;
  ViewChanged change;
  std::set_difference(next.members().begin(), next.members().end(), ring_.members().begin(),
                      ring_.members().end(), std::back_inserter(change.added));
  std::set_difference(ring_.members().begin(), ring_.members().end(), next.members().begin(),
                      next.members().end(), std::back_inserter(change.removed));
  change.digest = next.digest();
  change.size = static_cast<std::uint32_t>(next.size());
  ring_ = std::move(next);
  changed_at_ = now;
  return change;
}

}  // namespace podring
