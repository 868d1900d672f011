#include "verify_logs/process_log.h"

#include <algorithm>

#include "core/ring.h"

namespace podring::verify {

ProcessLog::Place ProcessLog::place(std::uint64_t seq) {
  if (lines == 0 && seq > 0) view_is_sure = false;
  if (lines++ == 0) {
    first_seq = seq;
    next_seq = seq + 1;
    return Place::next;
  }
  if (seq == next_seq) {
    ++next_seq;
    return Place::next;
  }
  if (seq > next_seq) {
    view_is_sure = false;
    if (gaps.size() < kGapsMax) {
      gaps.push_back({next_seq, seq - 1});
    } else {
      gaps.back().last = seq - 1;
    }
    next_seq = seq + 1;
    return Place::ahead;
  }
  if (seq < first_seq) {  // the file begins in the middle, and the beginning comes now
    if (first_seq - seq > 1) gaps.insert(gaps.begin(), {seq + 1, first_seq - 1});
    first_seq = seq;
    ++late_lines;
    return Place::late;
  }
  const auto gap = std::find_if(gaps.begin(), gaps.end(), [&](const SeqGap& one) {
    return one.first <= seq && seq <= one.last;
  });
  if (gap == gaps.end()) {
    --lines;
    ++doubled_lines;
    return Place::doubled;
  }
  const SeqGap behind{seq + 1, gap->last};
  if (gap->first == seq) {
    if (behind.first > behind.last) {
      gaps.erase(gap);
    } else {
      *gap = behind;
    }
  } else {
    gap->last = seq - 1;
    if (behind.first <= behind.last) gaps.insert(gap + 1, behind);
  }
  ++late_lines;
  return Place::late;
}

void ProcessLog::on_started(std::uint64_t seq, WallTime ts) {
  started = true;
  view_ = {*address};
  health_.clear();
  renew(seq, ts);
}

void ProcessLog::on_end_of_input() {
  if (lines > 0 && first_seq == 0 && gaps.empty() && !started) hops_logged = info_logged = false;
}

bool ProcessLog::on_view(std::uint64_t seq, WallTime ts, const std::vector<Address>& added,
                         const std::vector<Address>& removed, std::optional<std::uint64_t> digest) {
  std::vector<Address> merged = view_;
  merged.insert(merged.end(), added.begin(), added.end());
  std::sort(merged.begin(), merged.end());
  merged.erase(std::unique(merged.begin(), merged.end()), merged.end());
  std::vector<Address> gone = removed;
  std::sort(gone.begin(), gone.end());
  view_.clear();
  std::set_difference(merged.begin(), merged.end(), gone.begin(), gone.end(),
                      std::back_inserter(view_));
  std::erase_if(health_, [this](const auto& entry) {
    return !std::binary_search(view_.begin(), view_.end(), entry.first);
  });
  renew(seq, ts);
  return !digest || !address || Ring{*address, view_}.digest() == *digest;
}

void ProcessLog::on_health(std::uint64_t seq, WallTime ts, Address peer, PeerHealth::State state) {
  if (state == PeerHealth::State::up) {
    health_.erase(peer);
  } else {
    health_[peer] = state;
  }
  renew(seq, ts);
}

/// The first one upward from the own address that is neither down nor leaving.
void ProcessLog::renew(std::uint64_t seq, WallTime ts) {
  if (!address) return;
  Address next = *address;
  const auto above = std::upper_bound(view_.begin(), view_.end(), *address);
  const auto passed_over = [this](Address candidate) {
    return candidate == *address || health_.contains(candidate);
  };
  auto found = std::find_if_not(above, view_.end(), passed_over);
  if (found == view_.end()) {
    found = std::find_if_not(view_.begin(), above, passed_over);
    if (found != above) next = *found;
  } else {
    next = *found;
  }
  if (epochs_.empty() || epochs_.back().next != next) epochs_.push_back({seq, ts, next});
}

std::size_t ProcessLog::epoch_at(std::uint64_t seq) const {
  const auto after =
      std::upper_bound(epochs_.begin(), epochs_.end(), seq,
                       [](std::uint64_t line, const Epoch& epoch) { return line < epoch.seq; });
  return static_cast<std::size_t>(after - epochs_.begin());
}

std::optional<Address> ProcessLog::next_at(std::uint64_t seq) const {
  const std::size_t at = epoch_at(seq);
  return at == 0 ? std::nullopt : std::optional{epochs_[at - 1].next};
}

bool ProcessLog::was_next(Address to, std::uint64_t seq, WallTime until) const {
  const std::size_t at = epoch_at(seq);
  if (at > 0 && epochs_[at - 1].next == to) return true;
  for (std::size_t i = at; i < epochs_.size() && epochs_[i].ts <= until; ++i) {
    if (epochs_[i].next == to) return true;
  }
  return false;
}

}  // namespace podring::verify
