#include "http/key_table.h"

#include <algorithm>

namespace podring::http {

KeyTable::Found KeyTable::find_or_add(const std::string& key, Clock::time_point now) {
  const std::lock_guard lock{mutex_};
  while (!oldest_first_.empty() && oldest_first_.front().until <= now) {
    pop_oldest();
  }
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    return {found->second, false, 0};
  }
  Found added{std::make_shared<SeedTicket>(), true, 0};
  while (!oldest_first_.empty() &&
         (oldest_first_.size() >= limits_.keys_max || bytes() >= limits_.bytes_max)) {
    pop_oldest();
    ++added.forgotten;
  }
  by_key_.emplace(key, added.ticket);
  oldest_first_.push_back({key, added.ticket, now + limits_.kept});
  return added;
}

void KeyTable::remove(const std::string& key, const std::shared_ptr<SeedTicket>& ticket) {
  const std::lock_guard lock{mutex_};
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || found->second != ticket) {
    return;
  }
  by_key_.erase(found);
  std::erase_if(oldest_first_, [&](const Entry& entry) { return entry.ticket == ticket; });
}

void KeyTable::pop_oldest() {
  by_key_.erase(oldest_first_.front().key);
  oldest_first_.pop_front();
}

std::size_t KeyTable::bytes() const {
  std::size_t sum = 0;
  for (const Entry& entry : oldest_first_) {
    sum += entry.ticket->bytes() + 2 * entry.key.size() + sizeof(Entry);
  }
  return sum;
}

}  // namespace podring::http
