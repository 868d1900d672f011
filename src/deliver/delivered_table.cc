#include "deliver/delivered_table.h"

#include <utility>

namespace podring::deliver {

const DeliveredTable::Yes* DeliveredTable::find(TimePoint now, const std::string& name) {
  while (!oldest_first_.empty() && oldest_first_.front().until <= now) {
    by_name_.erase(oldest_first_.front().name);
    oldest_first_.pop_front();
  }
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &found->second;
}

void DeliveredTable::add(TimePoint now, const std::string& name, Yes yes) {
  if (!by_name_.emplace(name, std::move(yes)).second) return;
  if (oldest_first_.size() == kEntriesMax) {
    by_name_.erase(oldest_first_.front().name);
    oldest_first_.pop_front();
    ++forgotten_early_;
  }
  oldest_first_.push_back({name, now + kKept});
}

}  // namespace podring::deliver
