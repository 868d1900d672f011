#include "top/follower.h"

#include <chrono>

#include "terminal/text.h"

namespace podring::top {
namespace {

constexpr auto kAgainAfter = std::chrono::seconds{1};

}  // namespace

Follower::Follower(const HttpUrl& server) : stream_{server} {
  thread_ = std::thread{[this] { run(); }};
}

Follower::~Follower() {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  stop_.notify_all();
  stream_.stop();
  thread_.join();
}

void Follower::run() {
  while (true) {
    const std::string why = stream_.read([this](const SentEvent& event) { return take(event); });
    std::unique_lock lock{mutex_};
    lose(why.empty() ? unreadable_ : why);
    if (stop_.wait_for(lock, kAgainAfter, [this] { return stopped_; })) return;
  }
}

void Follower::lose(const std::string& why) {
  ++changes_;
  Connection& connection = connection_;
  if (!model_.ring()) failed_ = why;
  if (connection.live) model_.note("connection lost: " + why, /*bad=*/true, clock_.read());
  connection.live = false;
  connection.why = why;
}

bool Follower::take(const SentEvent& event) {
  const std::lock_guard lock{mutex_};
  ++changes_;
  const Now now = clock_.read();
  const bool back = !connection_.live && model_.ring();
  if (!model_.take(event.type, event.data, now)) {
    unreadable_ = unreadable_event(event);
    return false;
  }
  connection_.heard_at = now.steady;
  connection_.live = true;
  if (back) model_.note("connected again; what happened meanwhile is not told", false, now);
  return true;
}

Follower::Seen Follower::seen() {
  const std::lock_guard lock{mutex_};
  const TimePoint now = clock_.read().steady;
  model_.tick(now);
  return {model_, connection_, now};
}

std::uint64_t Follower::changes() const {
  const std::lock_guard lock{mutex_};
  return changes_;
}

bool Follower::has_ring() const {
  const std::lock_guard lock{mutex_};
  return model_.ring().has_value();
}

std::optional<std::string> Follower::failed() const {
  const std::lock_guard lock{mutex_};
  return failed_;
}

std::string unreadable_event(const SentEvent& event) {
  return terminal::printable("it sent an event '" + event.type.substr(0, 64) +
                             "' that cannot be read: is it podring, and of this version?");
}

}  // namespace podring::top
