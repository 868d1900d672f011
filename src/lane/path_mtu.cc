#include "lane/path_mtu.h"

#include <algorithm>

namespace podring::lane {

std::optional<std::uint32_t> PathMtu::candidate() const {
  for (const std::uint32_t size : kSizes) {
    if (size > size_) return size <= limit_ ? std::optional{size} : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> PathMtu::probe(TimePoint now) const {
  const auto next = candidate();
  if (under_way_ || !next || (*next >= ceiling_ && now < again_at_)) return std::nullopt;
  return next;
}

void PathMtu::on_probe_acked(std::uint32_t size) {
  under_way_ = false;
  tries_ = 0;
  size_ = std::max(size_, size);
}

void PathMtu::on_probe_lost(TimePoint now) {
  under_way_ = false;
  if (++tries_ < kTriesMax) return;
  tries_ = 0;
  ceiling_ = candidate().value_or(UINT32_MAX);
  again_at_ = now + kAgainAfter;
}

bool PathMtu::on_black_hole(TimePoint now) {
  under_way_ = false;
  tries_ = 0;
  if (size_ == kDatagramBase) return false;
  size_ = kDatagramBase;
  ceiling_ = 0;
  again_at_ = now + kAfterBlackHole;
  return true;
}

TimePoint PathMtu::next_at() const {
  const auto next = candidate();
  if (under_way_ || !next) return TimePoint::max();
  return *next >= ceiling_ ? again_at_ : TimePoint::min();
}

}  // namespace podring::lane
