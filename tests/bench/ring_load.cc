#include "bench/ring_load.h"

#include <sys/epoll.h>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace podring::bench {
namespace {

SeedClientOptions client_options(const LoadOptions& options) {
  SeedClientOptions client;
  client.keys = options.keys;
  return client;
}

constexpr auto kAgainAfter = std::chrono::milliseconds{5};  // a refusal

}  // namespace

RingLoad::RingLoad(const LoadOptions& options)
    : options_{options}, message_(options.bytes, 'x'), context_{/*io_threads=*/1} {
  std::random_device random;
  for (std::size_t i = 0; i < options_.peers.size(); ++i) {
    Client client;
    client.share = (options_.in_flight + i) / options_.peers.size();
    const std::uint64_t boot = (std::uint64_t{random()} << 32) | random() | 1;
    client.seeds = std::make_unique<SeedClient>(context_, client_options(options), BootId{boot});
    client.seeds->start(clock_.read().steady, options_.peers[i], options_.port);
    for (const int fd : client.seeds->fds()) loop_.watch(fd, EPOLLIN, [](std::uint32_t) {});
    clients_.push_back(std::move(client));
  }
}

RingLoad::Done RingLoad::run_for(Duration time) {
  Done done;
  const TimePoint until = clock_.read().steady + time;
  while (clock_.read().steady < until) {
    for (Client& client : clients_) turn(client, done);
    TimePoint wake_at = until;
    for (const Client& client : clients_) {
      wake_at = std::min(wake_at, client.seeds->next_deadline());
      if (client.in_flight < client.share) wake_at = std::min(wake_at, client.seed_at);
    }
    loop_.wait(std::max(wake_at - clock_.read().steady, Duration::zero()));
    loop_.dispatch();
  }
  return done;
}

void RingLoad::turn(Client& client, Done& done) {
  fill(client);
  for (const SeedNews& news : client.seeds->on_ready(clock_.read().steady)) {
    take(client, news, done);
  }
  if (client.seeds->failed()) throw std::runtime_error{client.seeds->reason()};
}

void RingLoad::take(Client& client, const SeedNews& news, Done& done) {
  if (news.what == SeedNews::What::refused) {
    const auto found = client.requests.find(news.request);
    if (news.code != RefuseCode::ring_full || found == client.requests.end()) {
      throw std::runtime_error{"a seed was refused: " + news.reason};
    }
    client.in_flight -= found->second;
    client.requests.erase(found);
    client.seed_at = clock_.last().steady + kAgainAfter;
    ++done.refused;
    return;
  }
  if (news.what == SeedNews::What::lost) throw std::runtime_error{"a seed is lost: " + news.reason};
  if (news.stage < Stage::completed) return;
  if (news.stage != Stage::completed) throw std::runtime_error{"an envelope expired"};
  client.in_flight -= news.count;
  if (auto& left = client.requests.at(news.request); (left -= news.count) == 0) {
    client.requests.erase(news.request);
  }
  done.completed += news.count;
  for (std::size_t i = 1; i < news.trace.size(); ++i) {
    if (news.trace_omitted > 0 && i == kTraceFirstKept) continue;  // a gap, not a hop
    done.hop_times.add(news.trace[i].second.micros - news.trace[i - 1].second.micros);
  }
}

void RingLoad::fill(Client& client) {
  if (client.in_flight >= client.share || clock_.last().steady < client.seed_at) return;
  SeedFrame seed;
  seed.count = static_cast<std::uint32_t>(
      std::min<std::size_t>(client.share - client.in_flight, options_.seeds_at_once));
  seed.message = message_;
  seed.limit_kind = options_.limit_kind;
  seed.limit = options_.limit;
  seed.wait = Stage::completed;
  const std::uint32_t count = seed.count;
  client.requests[client.seeds->seed(std::move(seed))] = count;
  client.in_flight += count;
}

}  // namespace podring::bench
