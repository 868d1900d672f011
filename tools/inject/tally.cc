#include "inject/tally.h"

#include <algorithm>
#include <numeric>

namespace podring::inject {

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::reached:
      return "reached";
    case Fate::expired:
      return "expired";
    case Fate::refused:
      return "refused";
    case Fate::timed_out:
      return "timed_out";
    case Fate::unknown:
      return "unknown";
  }
  return "unknown";
}

void Tally::add(Told told) {
  ++fates_[static_cast<int>(told.fate)];
  if (told.fate == Fate::reached) {
    if (ids_ != nullptr) *ids_ << told.id << '\n';
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(told.latency).count();
    latencies_us_.push_back(
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, UINT32_MAX)));
  }
  if (told_.size() < kToldMax) told_.push_back(std::move(told));
}

void Tally::add_reason(const std::string& reason) {
  const auto found = reasons_.find(reason);
  if (found != reasons_.end()) {
    ++found->second;
  } else if (reasons_.size() < kReasonsMax) {
    reasons_.emplace(reason, 1);
  }
}

std::uint64_t Tally::ended() const {
  return std::accumulate(std::begin(fates_), std::end(fates_), std::uint64_t{0});
}

std::optional<Percentiles> Tally::latencies() const {
  if (latencies_us_.empty()) return std::nullopt;
  std::vector<std::uint32_t> sorted = latencies_us_;
  std::sort(sorted.begin(), sorted.end());
  // The smallest value that at least so many of a hundred do not exceed.
  const auto at = [&](std::size_t percent) {
    const std::size_t rank = std::max<std::size_t>((sorted.size() * percent + 99) / 100, 1);
    return Duration{std::chrono::microseconds{sorted[rank - 1]}};
  };
  return Percentiles{at(0), at(50), at(90), at(99), at(100)};
}

}  // namespace podring::inject
