#include "http/fake_backend.h"

#include <algorithm>
#include <stdexcept>

namespace podring::http {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;  // for what must come; a busy machine may take a while

RingView three_peers() {
  const auto address = [](unsigned last) { return Address::v4(0x7f000000U | last); };
  RingView ring;
  ring.version = 1;
  ring.self = {"pod-1", "uid-1", "node-a", address(1), FakeBackend::kBoot};
  ring.ring = "podring";
  ring.view = {address(1), address(2), address(3)};
  ring.digest = 0xfeed;
  ring.successor = address(2);
  ring.predecessor = address(3);
  PeerView next;
  next.address = address(2);
  next.pod = "pod-2";
  next.node = "node-b";
  next.boot = "00000000000000aa";
  next.state = "up";
  next.outgoing = true;
  next.round_trip = 420us;
  next.heard_ago = 12ms;
  PeerView previous = next;
  previous.address = address(3);
  previous.pod = "pod-3";
  previous.outgoing = false;
  previous.incoming = true;
  previous.round_trip = std::nullopt;
  ring.peers = {next, previous};
  ring.dns = {"service", "ring.default.svc.cluster.local.", "answer", "", 700ms, 5, 3};
  ring.queue_max = 1024;
  return ring;
}

}  // namespace

FakeBackend::FakeBackend() { set_ring(three_peers()); }

void FakeBackend::set_ring(RingView ring) {
  const std::lock_guard lock{mutex_};
  ring_ = std::make_shared<const RingView>(std::move(ring));
}

void FakeBackend::change_ring(const std::function<void(RingView&)>& change) {
  RingView next = *ring();
  change(next);
  set_ring(std::move(next));
}

void FakeBackend::add_message(MessageView message) {
  const std::lock_guard lock{mutex_};
  messages_.push_front(std::move(message));
}

void FakeBackend::add_event(const std::string& type, const std::string& json) {
  const std::lock_guard lock{mutex_};
  items_.push_back({++last_number_, type, json});
  changed_.notify_all();
}

void FakeBackend::forget_events() {
  const std::lock_guard lock{mutex_};
  items_.clear();
}

std::vector<SeedOrder> FakeBackend::orders() const {
  const std::lock_guard lock{mutex_};
  return orders_;
}

std::vector<std::shared_ptr<SeedTicket>> FakeBackend::kept() const {
  const std::lock_guard lock{mutex_};
  return kept_;
}

bool FakeBackend::wait_for_orders(std::size_t count) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, kPatience, [&] { return orders_.size() >= count; });
}

std::map<std::string, std::uint64_t> FakeBackend::sheds() const {
  const std::lock_guard lock{mutex_};
  return sheds_;
}

bool FakeBackend::wait_for_shed(const std::string& what) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, kPatience, [&] { return sheds_.contains(what); });
}

void FakeBackend::tell(SeedTicket& ticket, Fate fate, std::uint32_t count) {
  if (!ticket.begin() || fate == Fate::begun) {
    return;
  }
  switch (fate) {
    case Fate::ring_full:
      ticket.refuse(SeedRefusal::ring_full, "no free slot would be left after it");
      return;
    case Fate::leaving:
      ticket.refuse(SeedRefusal::leaving, "this peer is shutting down");
      return;
    case Fate::too_large:
      ticket.refuse(SeedRefusal::too_large, "with its trace it could outgrow 262144 bytes");
      return;
    case Fate::bad_request:
      ticket.refuse(SeedRefusal::bad_request, "laps need a ring");
      return;
    default:
      break;
  }
  EnvelopeId first{kBoot, 0};
  {
    const std::lock_guard lock{mutex_};
    first.counter = counter_ + 1;
    counter_ += count;
  }
  ticket.accept(first, count);
  for (std::uint32_t i = 0; i < count && fate != Fate::accepted; ++i) {
    const EnvelopeId id{first.boot, first.counter + i};
    if (fate != Fate::expired_unsafe) ticket.safe(id);
    if (fate == Fate::delivered || fate == Fate::refused_there) {
      const bool yes = fate == Fate::delivered;
      const VisitOutcome said{0, yes ? Outcome::delivered : Outcome::refused,
                              static_cast<std::uint16_t>(yes ? 200 : 404)};
      SeedEnd end{End::completed, {}, 0};
      const auto view = ring();
      end.trace.push_back({view->self.pod, WallTime{1'000}, said, "ok"});
      for (const PeerView& peer : view->peers) {
        end.trace.push_back({peer.pod, WallTime{2'000}, said, {}});
      }
      end.last_visit = VisitRecord{view->self.pod, WallTime{3'000}, said, {}};
      ticket.end(id, std::move(end));
    }
    if (fate == Fate::completed || fate == Fate::expired || fate == Fate::expired_unsafe) {
      ticket.end(id, {fate == Fate::completed ? End::completed : End::expired,
                      {{"pod-1", WallTime{1'000}}, {"pod-2", WallTime{2'000}}},
                      0});
    }
  }
}

void FakeBackend::seed(const SeedOrder& order, std::shared_ptr<SeedTicket> ticket) {
  const Fate fate = fate_;
  {
    const std::lock_guard lock{mutex_};
    orders_.push_back(order);
    if (fate == Fate::kept) {
      kept_.push_back(ticket);
    }
  }
  changed_.notify_all();
  if (fate != Fate::kept) {
    tell(*ticket, fate, order.count);
  }
}

void FakeBackend::fail_if_told() const {
  if (throwing_) {
    throw std::runtime_error{"the fake backend was told to fail"};
  }
}

std::shared_ptr<const RingView> FakeBackend::ring() const {
  fail_if_told();
  const std::lock_guard lock{mutex_};
  return ring_;
}

std::vector<MessageView> FakeBackend::messages(std::size_t limit) const {
  fail_if_told();
  const std::lock_guard lock{mutex_};
  const auto count = std::min(limit, messages_.size());
  return {messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::optional<MessageView> FakeBackend::message(EnvelopeId id) const {
  fail_if_told();
  const std::lock_guard lock{mutex_};
  const auto found = std::find_if(messages_.begin(), messages_.end(),
                                  [&](const MessageView& one) { return one.id == id; });
  return found == messages_.end() ? std::nullopt : std::optional{*found};
}

FeedSnapshot FakeBackend::feed_snapshot() const {
  const std::lock_guard lock{mutex_};
  return {last_number_, ring_, {messages_.begin(), messages_.end()}};
}

FeedBatch FakeBackend::feed_after(std::uint64_t after, std::size_t max,
                                  std::chrono::milliseconds wait) const {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, wait, [&] { return last_number_ > after; });
  const std::uint64_t oldest = last_number_ + 1 - items_.size();
  if (after > last_number_ || after + 1 < oldest) {
    return {true, {}};
  }
  FeedBatch batch;
  for (const FeedItem& item : items_) {
    if (item.number > after && batch.items.size() < max) {
      batch.items.push_back(item);
    }
  }
  return batch;
}

Health FakeBackend::health() const { return {std::chrono::milliseconds{loop_idle_ms_}}; }

Readiness FakeBackend::readiness() const {
  return ready_ ? Readiness{true, "sockets are bound, the name service has answered"}
                : Readiness{false, "the name service has not answered yet"};
}

std::string FakeBackend::metrics_text() const {
  fail_if_told();
  return "# HELP podring_visits_total Envelopes accepted here\n"
         "# TYPE podring_visits_total counter\npodring_visits_total 7\n";
}

void FakeBackend::http_shed(std::string_view what, std::uint64_t count) {
  const std::lock_guard lock{mutex_};
  sheds_[std::string{what}] += count;
  changed_.notify_all();
}

}  // namespace podring::http
