#include "http/seed_ticket.h"

#include <algorithm>
#include <utility>

namespace podring::http {
namespace {

// What the traces of one seed may take; 1,000 ids x 1,000 hops would be 40 MB. Beyond it an end
// keeps its name and the number of entries that are missing.
constexpr std::size_t kTraceBytesMax = 4 * 1024 * 1024;
constexpr auto kStopLook = std::chrono::milliseconds{200};

std::size_t bytes_of(const SeedEnd& end) {
  std::size_t bytes = sizeof(SeedEnd);
  for (const VisitRecord& visit : end.trace) {
    bytes += sizeof(VisitRecord) + visit.pod.size() + visit.answer.size();
  }
  return bytes;
}

}  // namespace

bool SeedTicket::begin() {
  const std::lock_guard lock{mutex_};
  if (phase_ != Phase::posted) {
    return false;
  }
  phase_ = Phase::begun;
  return true;
}

void SeedTicket::accept(EnvelopeId first, std::uint32_t count) {
  const std::lock_guard lock{mutex_};
  if (phase_ != Phase::begun) {
    return;
  }
  phase_ = Phase::accepted;
  first_ = first;
  safe_.assign(count, false);
  ends_.assign(count, SeedEnd{});
  bytes_ += count * sizeof(SeedEnd);
  changed_.notify_all();
}

void SeedTicket::refuse(SeedRefusal refusal, std::string reason) {
  const std::lock_guard lock{mutex_};
  if (phase_ != Phase::begun) {
    return;
  }
  phase_ = Phase::refused;
  refusal_ = {refusal, std::move(reason)};
  changed_.notify_all();
}

void SeedTicket::safe(EnvelopeId id) {
  const std::lock_guard lock{mutex_};
  const auto index = index_of(id);
  if (!index || safe_[*index]) {
    return;
  }
  safe_[*index] = true;
  if (ends_[*index].end == End::none) {
    ++settled_count_;
  }
  if (settled_count_ == safe_.size()) {
    changed_.notify_all();
  }
}

void SeedTicket::end(EnvelopeId id, SeedEnd end) {
  const std::lock_guard lock{mutex_};
  const auto index = index_of(id);
  if (!index || end.end == End::none) {
    return;
  }
  SeedEnd& kept = ends_[*index];
  if (kept.end != End::none) {
    // Told twice. An id that is completed on one branch and expired on another is completed.
    if (kept.end == End::expired && end.end == End::completed) {
      kept.end = End::completed;
      kept.trace = std::move(end.trace);
      kept.last_visit = std::move(end.last_visit);
      kept.trace_omitted = end.trace_omitted;
    }
    return;
  }
  const std::size_t bytes = bytes_of(end);
  if (bytes_ + bytes > kTraceBytesMax) {
    end.trace_omitted += end.trace.size();
    end.trace.clear();
  } else {
    bytes_ += bytes;
  }
  kept = std::move(end);
  ++ended_count_;
  if (!safe_[*index]) {
    ++settled_count_;
  }
  changed_.notify_all();
}

bool SeedTicket::cancel() {
  const std::lock_guard lock{mutex_};
  if (phase_ == Phase::posted) {
    phase_ = Phase::cancelled;
    changed_.notify_all();
  }
  return phase_ == Phase::cancelled;
}

SeedTicket::Outcome SeedTicket::wait(SeedStage stage, std::chrono::steady_clock::time_point until,
                                     const std::function<bool()>& stop) {
  std::unique_lock lock{mutex_};
  while (true) {
    if (reached(stage)) {
      return Outcome::reached;
    }
    if (phase_ == Phase::refused) {
      return Outcome::refused;
    }
    const auto now = std::chrono::steady_clock::now();
    if (phase_ == Phase::cancelled || now >= until) {
      return Outcome::timed_out;
    }
    if (stop()) {
      return Outcome::stopped;
    }
    changed_.wait_until(lock, std::min(until, now + kStopLook));
  }
}

std::vector<EnvelopeId> SeedTicket::ids() const {
  const std::lock_guard lock{mutex_};
  std::vector<EnvelopeId> ids;
  ids.reserve(safe_.size());
  for (std::size_t i = 0; i < safe_.size(); ++i) {
    ids.push_back({first_.boot, first_.counter + i});
  }
  return ids;
}

std::vector<SeedEnd> SeedTicket::ends() const {
  const std::lock_guard lock{mutex_};
  return ends_;
}

std::vector<EnvelopeId> SeedTicket::unsafe() const {
  const std::lock_guard lock{mutex_};
  std::vector<EnvelopeId> ids;
  for (std::size_t i = 0; i < safe_.size(); ++i) {
    if (!safe_[i] && ends_[i].end != End::completed) {
      ids.push_back({first_.boot, first_.counter + i});
    }
  }
  return ids;
}

std::optional<std::pair<SeedRefusal, std::string>> SeedTicket::refusal() const {
  const std::lock_guard lock{mutex_};
  if (phase_ != Phase::refused) {
    return std::nullopt;
  }
  return refusal_;
}

std::size_t SeedTicket::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

bool SeedTicket::reached(SeedStage stage) const {
  if (phase_ != Phase::accepted) {
    return false;
  }
  switch (stage) {
    case SeedStage::accepted:
      return true;
    case SeedStage::safe:
      return settled_count_ == safe_.size();
    case SeedStage::completed:
      return ended_count_ == ends_.size();
  }
  return false;
}

std::optional<std::size_t> SeedTicket::index_of(EnvelopeId id) const {
  if (phase_ != Phase::accepted || id.boot != first_.boot || id.counter < first_.counter ||
      id.counter - first_.counter >= safe_.size()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(id.counter - first_.counter);
}

}  // namespace podring::http
