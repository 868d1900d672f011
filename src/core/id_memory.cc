#include "core/id_memory.h"

#include <algorithm>

namespace podring {
namespace {

constexpr std::size_t kPagesSweptPerCall = 8;
constexpr std::size_t kIdsPerPageLeast = 8;  // sparse pages: the bound on pages is ids_max / 8

std::uint32_t seconds_of(TimePoint now) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

}  // namespace

IdMemory::Page* IdMemory::page_of(const PageKey& key) {
  if (last_page_ != nullptr && key == last_key_) return last_page_;
  const auto found = pages_.find(key);
  if (found == pages_.end()) return nullptr;
  last_key_ = key;
  last_page_ = found->second.get();
  return last_page_;
}

Remembered* IdMemory::find(EnvelopeId id) {
  Page* page = page_of({id.boot, id.counter / kPageIds});
  if (page == nullptr) return nullptr;
  Remembered& record = page->ids[id.counter % kPageIds];
  return record.lap_plus_one == 0 ? nullptr : &record;
}

const Remembered* IdMemory::find(EnvelopeId id) const {
  const auto found = pages_.find({id.boot, id.counter / kPageIds});
  if (found == pages_.end()) return nullptr;
  const Remembered& record = found->second->ids[id.counter % kPageIds];
  return record.lap_plus_one == 0 ? nullptr : &record;
}

Remembered& IdMemory::at(EnvelopeId id) {
  const PageKey key{id.boot, id.counter / kPageIds};
  Page* page = page_of(key);
  if (page == nullptr) {
    page = pages_.emplace(key, std::make_unique<Page>()).first->second.get();
    oldest_first_.push_back(key);
    last_key_ = key;
    last_page_ = page;
  }
  return page->ids[id.counter % kPageIds];
}

bool IdMemory::sweep(Page& page, std::uint32_t now_s, bool early, std::size_t& forgotten_early) {
  bool empty = true;
  for (Remembered& record : page.ids) {
    if (record.lap_plus_one == 0) continue;
    const bool due = record.forget_at <= now_s;
    if (record.held != Remembered::kNotHeld || (!due && !early)) {
      empty = false;
      continue;
    }
    if (!due) ++forgotten_early;
    record = {};
    --size_;
  }
  return empty;
}

std::size_t IdMemory::forget(TimePoint now) {
  const std::uint32_t now_s = seconds_of(now);
  std::size_t forgotten_early = 0;
  std::size_t swept = 0;
  const std::size_t pages_max = std::max<std::size_t>(ids_max_ / kIdsPerPageLeast, 1);
  const std::size_t rounds_max =
      oldest_first_.size();  // all held: go round once, then accept the excess
  for (std::size_t round = 0; round < rounds_max; ++round) {
    const bool over = size_ > ids_max_ || pages_.size() > pages_max;
    if (!over && ++swept > kPagesSweptPerCall) break;
    const PageKey key = oldest_first_.front();
    oldest_first_.pop_front();
    Page* page = page_of(key);
    if (sweep(*page, now_s, over, forgotten_early)) {
      pages_.erase(key);
      last_page_ = nullptr;
    } else {
      oldest_first_.push_back(key);
    }
  }
  return forgotten_early;
}

}  // namespace podring
