#include "top/model.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "http/views.h"

namespace podring::top {
namespace {

constexpr std::size_t kSamples = 5;
constexpr std::size_t kNamed = 3;  // pods in one sentence
// Told many times a second or shown by themselves; all else of the stream is news.
constexpr std::array<std::string_view, 8> kNoNews{
    "seeded", "safe", "completed", "expired", "receipt", "duplicate", "alive", "lane_measured"};

bool is_suspected(const Pod& pod) { return !pod.suspected_by.empty(); }

/// "pod-1, pod-2, pod-3 and 4 more"
template <typename Pods, typename NameOf>
std::string named(const Pods& pods, const NameOf& name_of) {
  std::string out;
  for (std::size_t i = 0; i < std::min(pods.size(), kNamed); ++i) {
    out += (i == 0 ? "" : ", ") + name_of(pods[i]);
  }
  if (pods.size() > kNamed) out += " and " + std::to_string(pods.size() - kNamed) + " more";
  return out;
}

}  // namespace

bool Model::take(std::string_view type, const std::string& data, Now now) {
  if (type == "snapshot") {
    auto snapshot = read_snapshot(data);
    if (!snapshot) return false;
    if (!ring_ || ring_->boot != snapshot->ring.boot) {  // another pod's: its own figures and news
      samples_.clear();
      news_.clear();
      sampled_at_ = now.steady;
      visits_ = 0;
    }
    ring_.reset();
    names_.clear();
    messages_.clear();
    take_ring(std::move(snapshot->ring), now);
    take_messages(std::move(snapshot->messages));
    return true;
  }
  if (!ring_) return true;  // nothing counts before a snapshot
  if (type == "ring") {
    auto ring = read_ring(data);
    if (ring) take_ring(std::move(*ring), now);
    return ring.has_value();
  }
  if (type == "messages") {
    auto messages = read_messages(data);
    if (messages) take_messages(std::move(*messages));
    return messages.has_value();
  }
  if (type == "received") {
    ++visits_;
    return true;
  }
  if (type == "skipped") {
    const auto skipped = read_skipped(data);
    if (skipped) visits_ += skipped->received;
    return skipped.has_value();
  }
  if (std::find(kNoNews.begin(), kNoNews.end(), type) != kNoNews.end()) return true;
  auto news = read_news(type, data);
  if (news) add_news(std::move(*news));
  return news.has_value();
}

void Model::note(std::string text, bool bad, Now now) {
  add_news({http::time_text(now.wall).substr(11, 8), std::move(text), bad});
}

void Model::add_news(News news) {
  news_.push_front(std::move(news));
  if (news_.size() > kNewsMax) news_.pop_back();
}

void Model::tick(TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - sampled_at_).count();
  if (!ring_ || seconds < 1) return;
  samples_.push_back(static_cast<double>(visits_) / seconds);
  if (samples_.size() > kSamples) samples_.pop_front();
  visits_ = 0;
  sampled_at_ = now;
}

std::optional<double> Model::visits() const {
  if (samples_.empty()) return std::nullopt;
  double sum = 0;
  for (const double sample : samples_) sum += sample;
  return sum / static_cast<double>(samples_.size());
}

void Model::take_ring(Ring ring, Now now) {
  const std::vector<Pod> before = ring_ ? std::move(ring_->pods) : std::vector<Pod>{};
  ring_ = std::move(ring);
  ring_at_ = now.steady;
  auto known = std::exchange(names_, {});
  for (Pod& pod : ring_->pods) {
    if (pod.name.empty()) pod.name = std::move(known[pod.address]);
    if (!pod.name.empty()) names_[pod.address] = pod.name;
  }
  tell_suspicions(before, now);
}

void Model::tell_suspicions(const std::vector<Pod>& before, Now now) {
  // Both are in ring order, which is that of addresses as numbers: walk along the new one.
  auto was = before.begin();
  for (const Pod& pod : ring_->pods) {
    const auto found =
        std::find_if(was, before.end(), [&](const Pod& one) { return one.address == pod.address; });
    if (found == before.end()) continue;
    was = std::next(found);
    if (is_suspected(pod) == is_suspected(*found)) continue;
    note(is_suspected(pod)
             ? name_of(pod.address) + " is suspected by " +
                   named(pod.suspected_by,
                         [this](const std::string& address) { return name_of(address); })
             : name_of(pod.address) + " is suspected by nobody any more",
         is_suspected(pod), now);
  }
}

void Model::take_messages(std::vector<Message> messages) {
  for (auto told = messages.rbegin(); told != messages.rend(); ++told) {
    std::erase_if(messages_, [&](const Message& known) { return known.id == told->id; });
    learn_names(told->trace);
    messages_.push_front(std::move(*told));
  }
  if (messages_.size() > kMessagesMax) messages_.resize(kMessagesMax);
}

// A trace that passes this pod twice with as many steps between as the ring has pods names all of
// them, in ring order.
void Model::learn_names(const std::vector<std::string>& trace) {
  std::vector<Pod>& pods = ring_->pods;
  const std::size_t size = pods.size();
  if (names_.size() >= size) return;
  const auto self = std::find_if(pods.begin(), pods.end(), [](const Pod& pod) { return pod.self; });
  if (self == pods.end()) return;
  const auto at = static_cast<std::size_t>(self - pods.begin());
  for (std::size_t start = 0; start + size < trace.size(); ++start) {
    if (trace[start] != self->name || trace[start + size] != self->name) continue;
    for (std::size_t step = 1; step < size; ++step) {
      Pod& pod = pods[(at + step) % size];
      if (!pod.name.empty()) continue;
      pod.name = trace[start + step];
      names_[pod.address] = pod.name;
    }
    return;
  }
}

const Pod& Model::self() const {
  return *std::find_if(ring_->pods.begin(), ring_->pods.end(),
                       [](const Pod& pod) { return pod.self; });
}

const std::string& Model::name_of(const std::string& address) const {
  const auto found = names_.find(address);
  return found == names_.end() ? address : found->second;
}

// What a pod told that is passed over now holds no more.
std::string Model::target_of(const Pod& pod) const {
  if (pod.self) return ring_->successor;
  if (pod.state != "up" && pod.state != "leaving") return {};
  if (pod.figures) return pod.figures->successor;
  return pod.address == ring_->predecessor ? self().address : std::string{};
}

bool Model::is_astray(std::size_t index) const {
  const std::vector<Pod>& pods = ring_->pods;
  const Pod& pod = pods[index];
  const Pod& next = pods[(index + 1) % pods.size()];
  return pod.state == "up" && next.state == "up" && pod.figures && target_of(pod) != next.address;
}

std::vector<std::string> Model::troubles() const {
  const std::vector<Pod>& pods = ring_->pods;
  std::vector<std::string> out;
  const auto add = [&](const auto& is_one, const std::string& before, const std::string& after) {
    std::vector<std::string> some;
    for (std::size_t i = 0; i < pods.size(); ++i) {
      if (is_one(i)) some.push_back(name_of(pods[i].address));
    }
    if (some.empty()) return;
    out.push_back(before + std::to_string(some.size()) + after + ": " +
                  named(some, [](const std::string& name) { return name; }));
  };
  for (const char* state : {"suspected", "leaving", "stale", "connecting"}) {
    add([&](std::size_t i) { return pods[i].state == state; }, "", std::string{" "} + state);
  }
  add(
      [&](std::size_t i) {
        return pods[i].state == "listed" || (pods[i].state == "up" && !pods[i].told_age);
      },
      "of ", " nothing is heard");
  add([&](std::size_t i) { return is_astray(i); }, "", " not handing to the next");
  add(
      [&](std::size_t i) {
        return pods[i].state == "up" && pods[(i + 1) % pods.size()].state == "up" &&
               pods[i].figures && pods[i].figures->digest != ring_->digest;
      },
      "", " with another view");
  return out;
}

std::optional<Duration> Model::hop_time() const {
  std::vector<Duration> times;
  for (const Message& message : messages_) {
    if (message.hop_time) times.push_back(*message.hop_time);
  }
  if (times.empty()) return std::nullopt;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace podring::top
