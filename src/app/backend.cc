#include "app/backend.h"

#include <utility>

#include "net/loop_clock.h"

namespace podring {
namespace {

constexpr std::size_t kSnapshotMessages = 100;  // what the page lists

http::MessageView view_of(observe::Recent&& recent) {
  http::MessageView view;
  view.id = recent.id;
  view.message = std::move(recent.message);
  view.message_bytes = recent.message_bytes;
  view.seeded_here = recent.seeded_here;
  view.safe = recent.safe;
  view.ended = recent.ended;
  view.hop = recent.hop;
  view.lap = recent.lap;
  view.visits = recent.visits;
  view.sender = recent.sender;
  view.trace = std::move(recent.trace);
  view.last_visit = std::move(recent.last_visit);
  view.trace_omitted = recent.trace_omitted;
  view.detours = std::move(recent.detours);
  view.since = recent.since;
  view.last = recent.last;
  return view;
}

TimePoint now_for_people() { return LoopClock{}.read().steady; }

}  // namespace

NodeBackend::NodeBackend(Loop& loop, const observe::Recents& recents, observe::Feed& feed,
                         Commands commands)
    : loop_{loop},
      recents_{recents},
      feed_{feed},
      commands_{std::move(commands)},
      turned_{now_for_people()},
      ring_{std::make_shared<http::RingView>()},
      metrics_{std::make_shared<observe::MetricsSnapshot>()} {}

void NodeBackend::publish(std::shared_ptr<const http::RingView> ring,
                          std::shared_ptr<const observe::MetricsSnapshot> metrics) {
  const std::lock_guard lock{mutex_};
  ring_.swap(ring);
  metrics_.swap(metrics);
}

void NodeBackend::set_readiness(http::Readiness readiness) {
  const std::lock_guard lock{mutex_};
  readiness_ = std::move(readiness);
}

void NodeBackend::seed(const http::SeedOrder& order, std::shared_ptr<http::SeedTicket> ticket) {
  if (loop_.post([this, order, ticket] { commands_.seed(order, ticket); })) return;
  if (!ticket->begin()) return;
  ticket->refuse(http::SeedRefusal::ring_full, "this peer has " + std::to_string(Loop::kPostedMax) +
                                                   " commands before this one; try again later");
}

std::shared_ptr<const http::RingView> NodeBackend::ring() const {
  const std::lock_guard lock{mutex_};
  return ring_;
}

std::vector<http::MessageView> NodeBackend::messages(std::size_t limit) const {
  std::vector<http::MessageView> views;
  for (observe::Recent& recent : recents_.latest(limit)) {
    views.push_back(view_of(std::move(recent)));
  }
  return views;
}

std::optional<http::MessageView> NodeBackend::message(EnvelopeId id) const {
  auto recent = recents_.find(id);
  if (!recent) return std::nullopt;
  return view_of(std::move(*recent));
}

http::FeedSnapshot NodeBackend::feed_snapshot() const {
  http::FeedSnapshot snapshot;
  snapshot.number = feed_.number();  // first: what follows is at least as new
  snapshot.ring = ring();
  snapshot.messages = messages(kSnapshotMessages);
  return snapshot;
}

http::FeedBatch NodeBackend::feed_after(std::uint64_t after, std::size_t max,
                                        std::chrono::milliseconds wait) const {
  observe::FeedEvents events = feed_.after(after, max, wait);
  http::FeedBatch batch;
  batch.gap = events.gap;
  batch.items.reserve(events.events.size());
  for (observe::FeedEvent& event : events.events) {
    batch.items.push_back({event.number, std::move(event.type), std::move(event.json)});
  }
  return batch;
}

http::Health NodeBackend::health() const {
  const Duration idle = now_for_people() - turned_.load(std::memory_order_relaxed);
  return {std::chrono::duration_cast<std::chrono::milliseconds>(std::max(idle, Duration{}))};
}

http::Readiness NodeBackend::readiness() const {
  const std::lock_guard lock{mutex_};
  return readiness_;
}

std::string NodeBackend::metrics_text() const {
  std::shared_ptr<const observe::MetricsSnapshot> published;
  {
    const std::lock_guard lock{mutex_};
    published = metrics_;
  }
  observe::MetricsSnapshot snapshot = *published;
  snapshot.loop.idle = health().loop_idle;
  return observe::metrics_text(snapshot);
}

void NodeBackend::http_shed(std::string_view what, std::uint64_t count) {
  // When even that finds no room, the front end's own counter still has it.
  (void)loop_.post([this, what = std::string{what}, count] { commands_.shed(what, count); });
}

}  // namespace podring
