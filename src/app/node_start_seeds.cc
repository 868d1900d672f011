#include "app/node_start_seeds.h"

#include <sys/epoll.h>

#include <string>
#include <utility>

namespace podring {
namespace {

SeedClientOptions client_options(const Config& config) {
  SeedClientOptions options;
  options.ring = config.ring;
  options.name = config.name;
  options.keys = config.ring_keys;
  return options;
}

}  // namespace

NodeStartSeeds::NodeStartSeeds(Loop& loop, zmq::context_t& context, const Config& config,
                               BootId client_boot, TimePoint now)
    : loop_{loop},
      own_{config.address},
      port_{config.port},
      count_{config.seed_on_start},
      client_{context, client_options(config), client_boot},
      state_{config.seed_on_start > 0 ? State::waiting : State::done},
      next_at_{now + kWaitMax} {}

NodeStartSeeds::~NodeStartSeeds() { hang_up(); }

TimePoint NodeStartSeeds::next_deadline() const {
  switch (state_) {
    case State::waiting:  // settling makes turns of its own
    case State::pausing:
      return next_at_;
    case State::seeding:
      return client_.next_deadline();
    case State::done:
      break;
  }
  return TimePoint::max();
}

std::optional<observe::StartSeeds> NodeStartSeeds::on_tick(
    TimePoint now, bool settled, const std::function<std::optional<Address>()>& pick) {
  if (state_ == State::done) return std::nullopt;
  if (state_ != State::seeding) {
    if (now < next_at_ && !(state_ == State::waiting && settled)) return std::nullopt;
    try_at(now, pick().value_or(own_));
  }
  const std::vector<SeedNews>& all = client_.on_ready(now);
  if (sockets_ != client_.sockets_made()) {
    unwatch();
    watch();
  }
  for (const SeedNews& news : all) {
    switch (news.what) {
      case SeedNews::What::reached:
        if (news.stage != Stage::accepted) safe_ += news.count;
        if (safe_ >= count_) return finish({});
        break;
      case SeedNews::What::refused:
        return failed(now, news.reason);
      case SeedNews::What::lost:
        // What may have been taken is not seeded a second time.
        if (news.taken == SeedNews::Taken::no) return failed(now, news.reason);
        return finish(news.reason + "; nobody can say whether the ring has them");
    }
  }
  return std::nullopt;
}

void NodeStartSeeds::try_at(TimePoint now, Address to) {
  ++tries_;
  to_ = to;
  safe_ = 0;
  state_ = State::seeding;
  SeedFrame seed;
  seed.count = count_;
  seed.message = "Sending message from pod " + to_string(own_);
  seed.wait = Stage::safe;
  client_.start(now, to, port_);
  client_.seed(std::move(seed));
  watch();
}

void NodeStartSeeds::watch() {
  watched_ = client_.fds();
  sockets_ = client_.sockets_made();
  for (const int fd : watched_) {
    if (fd >= 0) loop_.watch(fd, EPOLLIN, [](std::uint32_t) {});  // on_tick() comes every turn
  }
}

void NodeStartSeeds::unwatch() {
  for (int& fd : watched_) {
    if (fd >= 0) loop_.unwatch(std::exchange(fd, -1));
  }
}

std::optional<observe::StartSeeds> NodeStartSeeds::failed(TimePoint now, const std::string& why) {
  if (tries_ >= kTriesMax) return finish(why);
  hang_up();
  state_ = State::pausing;
  next_at_ = now + kTryEvery;
  return std::nullopt;
}

std::optional<observe::StartSeeds> NodeStartSeeds::finish(std::string error) {
  give_up();
  return observe::StartSeeds{to_, count_, std::move(error)};
}

void NodeStartSeeds::give_up() {
  hang_up();
  state_ = State::done;
}

void NodeStartSeeds::hang_up() {
  unwatch();
  client_.stop();
}

}  // namespace podring
