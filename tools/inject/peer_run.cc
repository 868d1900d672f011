#include "inject/peer_run.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "net/resolver.h"

namespace podring::inject {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds{100};  // progress, Ctrl-C, time-outs
constexpr auto kConnectAgainAfter = std::chrono::milliseconds{200};
// Beyond this a peer that went away is not waited for: a restart takes less.
constexpr auto kUnreachableMax = std::chrono::seconds{10};

std::string hint_of(const SeedClient& client) {
  if (client.hello_refused() == RefuseCode::wrong_ring) return "; name that ring with --ring";
  return {};
}

}  // namespace

PeerRun::PeerRun(const Options& options, Tally& tally, Watcher& watcher, std::uint64_t random_seed)
    : options_{options},
      tally_{tally},
      watcher_{watcher},
      random_{random_seed},
      boot_{random_.next() | 1},
      context_{/*io_threads=*/1},
      pacer_{clock_.read().steady, options.count, options.rate} {}

PeerRun::~PeerRun() {
  for (const auto& connection : connections_) unwatch(*connection);
}

std::string PeerRun::run() {
  if (std::string failure = find_addresses(); !failure.empty()) return failure;
  next_address_ = static_cast<std::size_t>(random_.below(addresses_.size()));
  pacer_ = Pacer{clock_.read().steady, options_.count, options_.rate};
  bool going = true;
  TimePoint look_at{};
  while (going && gave_up_.empty() && !done()) {
    const TimePoint now = clock_.read().steady;
    if (current() == nullptr && now >= connect_at_) connect(now);
    send(now);
    bool busy = false;
    for (const auto& connection : connections_) busy = turn(now, *connection) || busy;
    std::erase_if(connections_, [this](const auto& connection) {
      const bool over =
          connection->client.failed() || (connection->retired && connection->client.waiting() == 0);
      if (over) unwatch(*connection);
      return over;
    });
    if (now >= time_out_at_) time_out(now);
    if (now >= look_at) {
      look_at = now + kLookEvery;
      going = watcher_.go_on(now, {tally_.ended(), tally_.ended() - tally_.of(Fate::reached),
                                   options_.count, in_flight()});
    }
    if (busy) continue;
    const TimePoint until = std::min({next_deadline(), look_at, time_out_at_});
    loop_.wait(std::max(until - clock_.read().steady, Duration::zero()));
    loop_.dispatch();
  }
  give_up_unsent(clock_.read().steady);
  return ever_greeted_ ? std::string{} : gave_up_;
}

/// Renews addresses_, which stays as it is when there are none; then the reason.
std::string PeerRun::find_addresses() {
  if (const auto* peer = std::get_if<PeerTarget>(&options_.target)) {
    port_ = peer->port;
    addresses_ = {peer->address};
    return {};
  }
  const auto& service = std::get<ServiceTarget>(options_.target);
  port_ = service.port;
  ResolverSettings settings;
  settings.name = service.name;
  settings.dns_server = service.dns_server;
  std::string why;
  for (const bool v4 : {true, false}) {
    settings.v4 = v4;
    Resolver resolver{loop_, settings, random_.next()};
    while (true) {
      const TimePoint now = clock_.read().steady;
      resolver.on_tick(now);
      if (const auto answer = resolver.take(); answer) {
        if (answer->outcome == NameAnswer::Outcome::unknown) why = answer->detail;
        if (answer->addresses.empty()) break;
        addresses_ = answer->addresses;
        return {};
      }
      if (!watcher_.go_on(now, {0, 0, options_.count, 0})) return "interrupted";
      const TimePoint until = std::min(resolver.next_deadline(), now + kLookEvery);
      loop_.wait(std::max(until - clock_.read().steady, Duration::zero()));
      loop_.dispatch();
    }
  }
  if (!why.empty()) return "the name service does not answer for " + service.name + ": " + why;
  return service.name +
         " has no address: is the name right and fully qualified, and is any of its pods ready?";
}

PeerRun::Connection* PeerRun::current() {
  if (connections_.empty() || connections_.back()->retired ||
      connections_.back()->client.failed()) {
    return nullptr;
  }
  return connections_.back().get();
}

void PeerRun::connect(TimePoint now) {
  if (ever_greeted_) {
    (void)find_addresses();  // the pods behind the name may be others by now
    next_address_ %= addresses_.size();
  }
  SeedClientOptions options;
  options.ring = options_.ring;
  options.name = "inject";
  options.keys = options_.ring_keys;
  auto connection = std::make_unique<Connection>(context_, options, boot_);
  boot_.value += 2;  // to a peer each connection is a client of its own
  connection->address = addresses_[next_address_];
  next_address_ = (next_address_ + 1) % addresses_.size();
  connection->client.start(now, connection->address, port_);
  watch(*connection);
  connections_.push_back(std::move(connection));
}

void PeerRun::watch(Connection& connection) {
  connection.watched = connection.client.fds();
  connection.sockets = connection.client.sockets_made();
  for (const int fd : connection.watched) {
    if (fd >= 0) loop_.watch(fd, EPOLLIN, [](std::uint32_t) {});
  }
}

void PeerRun::unwatch(Connection& connection) {
  for (int& fd : connection.watched) {
    if (fd >= 0) loop_.unwatch(std::exchange(fd, -1));
  }
}

bool PeerRun::turn(TimePoint now, Connection& connection) {
  if (connection.client.failed() && connection.sent.empty() && connection.retired) return false;
  const std::vector<SeedNews>& all = connection.client.on_ready(now);
  if (connection.sockets != connection.client.sockets_made()) {
    unwatch(connection);
    watch(connection);
  }
  for (const SeedNews& news : all) on_news(now, connection, news);
  const bool is_new = !connection.was_greeted;
  if (connection.client.greeted()) {
    connection.was_greeted = ever_greeted_ = true;
    unreachable_since_ = TimePoint::max();
  }
  // It would take seeds for a while, but what is under way when it exits gets no answer.
  if (connection.client.leaving() && !connection.retired &&
      std::holds_alternative<ServiceTarget>(options_.target)) {
    connection.retired = true;
    connect_at_ = is_new ? now + kConnectAgainAfter : now;
  }
  if (connection.client.failed()) on_failed(now, connection);
  return !all.empty();
}

void PeerRun::on_news(TimePoint now, Connection& connection, const SeedNews& news) {
  const auto found = connection.sent.find(news.request);
  if (found == connection.sent.end()) return;  // it has timed out here
  Message& message = found->second;
  switch (news.what) {
    case SeedNews::What::reached: {
      pacer_.taken();
      message.id = podring::to_string(news.first);
      if (news.stage < options_.wait) return;
      end(news.stage == Stage::expired ? Fate::expired : Fate::reached, message, now, &news);
      break;
    }
    case SeedNews::What::refused: {
      Message refused = std::move(message);
      connection.sent.erase(found);
      return on_refused(now, connection, std::move(refused), news);
    }
    case SeedNews::What::lost:
      if (news.taken == SeedNews::Taken::no) {
        again_.push_back(std::move(message));
      } else {
        tally_.add_reason(news.reason);
        end(Fate::unknown, message, now, nullptr);
      }
      break;
  }
  connection.sent.erase(found);
}

void PeerRun::on_refused(TimePoint now, Connection& connection, Message message,
                         const SeedNews& news) {
  message.refusal = std::string{podring::to_string(news.code)} + ": " + news.reason;
  switch (news.code) {
    case RefuseCode::ring_full:
    case RefuseCode::too_many:
      pacer_.pause(now);
      break;
    case RefuseCode::leaving:
      connection.retired =
          true;  // the next one is tried, or this one again when it is the only one
      connect_at_ = addresses_.size() > 1 ? now : now + kConnectAgainAfter;
      break;
    default:
      tally_.add_reason(message.refusal);
      return end(Fate::refused, message, now, nullptr);
  }
  tally_.add_retry();
  again_.push_back(std::move(message));
}

void PeerRun::on_failed(TimePoint now, Connection& connection) {
  if (connection.retired) return;
  last_failure_ = connection.client.reason() + hint_of(connection.client);
  if (unreachable_since_ == TimePoint::max()) unreachable_since_ = now;
  // Each address once, when nobody has ever answered; afterwards for as long as a restart takes.
  ++failures_;
  if (connection.was_greeted) failures_ = 0;
  connect_at_ =
      now + (failures_ < addresses_.size() ? Duration::zero() : Duration{kConnectAgainAfter});
  const bool hopeless =
      !ever_greeted_ ? failures_ >= addresses_.size() : now - unreachable_since_ > kUnreachableMax;
  if (hopeless) gave_up_ = last_failure_;
}

void PeerRun::send(TimePoint now) {
  Connection* connection = current();
  if (connection == nullptr || !connection->client.greeted()) return;
  while (in_flight() < options_.in_flight) {
    if (!again_.empty()) {
      if (now < pacer_.paused_until()) return;
      Message message = std::move(again_.front());
      again_.pop_front();
      seed(*connection, std::move(message));
      continue;
    }
    const auto next = pacer_.next();
    if (!next || *next > now) return;
    pacer_.begin();
    seed(*connection, Message{options_.rate ? *next : now, {}, {}});
  }
}

void PeerRun::seed(Connection& connection, Message message) {
  SeedFrame frame;
  frame.message = options_.message;
  if (options_.hops) {
    frame.limit = *options_.hops;
  } else if (options_.laps) {
    frame.limit_kind = LimitKind::laps;
    frame.limit = *options_.laps;
  }
  frame.ttl_ms = options_.ttl_ms.value_or(0);
  frame.wait = options_.wait;
  const std::uint64_t request = connection.client.seed(std::move(frame));
  connection.sent.emplace(request, std::move(message));
}

void PeerRun::time_out(TimePoint now) {
  time_out_at_ = now + kLookEvery;
  for (const auto& connection : connections_) {
    for (auto entry = connection->sent.begin(); entry != connection->sent.end();) {
      if (now - entry->second.due < options_.timeout) {
        ++entry;
        continue;
      }
      end(Fate::timed_out, entry->second, now, nullptr);
      entry = connection->sent.erase(entry);
    }
  }
  while (!again_.empty() && now - again_.front().due >= options_.timeout) {
    if (!again_.front().refusal.empty()) tally_.add_reason(again_.front().refusal);
    end(Fate::refused, again_.front(), now, nullptr);
    again_.pop_front();
  }
}

void PeerRun::end(Fate fate, const Message& message, TimePoint now, const SeedNews* news) {
  Told told;
  told.fate = fate;
  told.id = message.id;
  told.latency = now - message.due;
  if (news != nullptr) {
    told.trace = news->trace;
    told.trace_omitted = news->trace_omitted;
  }
  tally_.add(std::move(told));
}

/// At the end of the run, for whatever reason: what is still under way has no known fate.
void PeerRun::give_up_unsent(TimePoint now) {
  for (const auto& connection : connections_) {
    for (const auto& [request, message] : connection->sent)
      end(Fate::unknown, message, now, nullptr);
    connection->sent.clear();
  }
  for (const Message& message : again_) {
    tally_.add_reason(message.refusal.empty() ? last_failure_ : message.refusal);
    end(Fate::refused, message, now, nullptr);
  }
  again_.clear();
}

bool PeerRun::done() const { return pacer_.all_begun() && in_flight() == 0 && again_.empty(); }

std::size_t PeerRun::in_flight() const {
  std::size_t count = 0;
  for (const auto& connection : connections_) count += connection->sent.size();
  return count;
}

TimePoint PeerRun::next_deadline() const {
  TimePoint at = TimePoint::max();
  for (const auto& connection : connections_) at = std::min(at, connection->client.next_deadline());
  if (connections_.empty() || connections_.back()->retired) return std::min(at, connect_at_);
  if (!connections_.back()->client.greeted() || in_flight() >= options_.in_flight) return at;
  if (!again_.empty()) return std::min(at, pacer_.paused_until());
  if (const auto next = pacer_.next(); next) at = std::min(at, *next);
  return at;
}

}  // namespace podring::inject
