#include "observe/feed.h"

#include <algorithm>
#include <utility>

namespace podring::observe {
namespace {

constexpr std::size_t kStagedKept = 1024;  // slots of a turn that keep their capacity

}  // namespace

Feed::Feed(const Identity& self, FeedLimits limits)
    : format_{self}, limits_{limits}, ring_(limits.events) {}

/// False while nobody listens: then nothing is formatted.
bool Feed::begin(Now now) {
  if (!awake_.load(std::memory_order_acquire)) {
    missed_ = true;
    return false;
  }
  if (asked_.exchange(false, std::memory_order_relaxed)) asked_at_ = now.steady;
  if (now.steady - asked_at_ > limits_.awake) {
    awake_.store(false, std::memory_order_relaxed);
    missed_ = true;
    return false;
  }
  if (staged_count_ == staged_.size()) staged_.emplace_back();
  staged_[staged_count_].json.clear();
  return true;
}

void Feed::finish(std::string_view type) { staged_[staged_count_++].type.assign(type); }

void Feed::stage(Now now, const Event& event) {
  if (!begin(now)) return;
  format_.feed(staged_[staged_count_].json, now.wall, event);
  finish(event_name(event));
}

void Feed::stage(Now now, const NodeEvent& event) {
  if (!begin(now)) return;
  format_.feed(staged_[staged_count_].json, now.wall, event);
  finish(event_name(event));
}

void Feed::stage(Now now, std::string_view type, std::string_view json) {
  if (!begin(now)) return;
  staged_[staged_count_].json.assign(json);
  finish(type);
}

void Feed::publish() {
  if (!missed_ && staged_count_ == 0) return;
  {
    const std::lock_guard lock{mutex_};
    if (missed_) {  // whoever has read up to here must not go on as if nothing had happened
      while (first_ <= last_) forget_oldest();
      first_ = ++last_ + 1;
    }
    for (std::size_t i = 0; i < staged_count_; ++i) {
      FeedEvent& slot = ring_[++last_ % ring_.size()];
      if (last_ - first_ == ring_.size()) {  // its strings are reused
        bytes_ -= slot.json.size();
        ++first_;
      }
      slot.number = last_;
      std::swap(slot.type, staged_[i].type);
      std::swap(slot.json, staged_[i].json);
      bytes_ += slot.json.size();
      while (bytes_ > limits_.bytes && first_ < last_) forget_oldest();
    }
  }
  missed_ = false;
  staged_count_ = 0;
  if (staged_.size() > kStagedKept) staged_.resize(kStagedKept);
  published_.notify_all();
}

void Feed::forget_oldest() {
  std::string& json = ring_[first_++ % ring_.size()].json;
  bytes_ -= json.size();
  std::string{}.swap(json);
}

void Feed::ask() {
  asked_.store(true, std::memory_order_relaxed);
  awake_.store(true, std::memory_order_release);
}

std::uint64_t Feed::number() {
  const std::lock_guard lock{mutex_};
  ask();
  return last_;
}

FeedEvents Feed::after(std::uint64_t after, std::size_t count, std::chrono::milliseconds wait) {
  FeedEvents found;
  std::unique_lock lock{mutex_};
  ask();
  published_.wait_for(lock, wait, [&] { return closed_ || last_ != after; });
  if (after > last_ || after + 1 < first_) {
    found.gap = true;
    gaps_.fetch_add(1, std::memory_order_relaxed);
    return found;
  }
  const std::uint64_t end = std::min(last_, after + count);
  found.events.reserve(static_cast<std::size_t>(end - after));
  for (std::uint64_t number = after + 1; number <= end; ++number) {
    found.events.push_back(ring_[number % ring_.size()]);
  }
  return found;
}

void Feed::close() {
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  published_.notify_all();
}

}  // namespace podring::observe
