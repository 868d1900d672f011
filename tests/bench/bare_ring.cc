#include "bench/bare_ring.h"

#include <signal.h>

#include <chrono>
#include <stdexcept>

#include "e2e/support/ring.h"

namespace podring::bench {
namespace {

constexpr auto kAnswersWithin = std::chrono::seconds{20};

std::vector<std::string> arguments(BareKind kind, std::size_t from, std::size_t to) {
  const std::string port = std::to_string(e2e::kRingPort);
  if (kind != BareKind::zmq) return {e2e::address(from), e2e::address(to), port};
  return {"tcp://" + e2e::address(from) + ":" + port, "tcp://" + e2e::address(to) + ":" + port};
}

}  // namespace

const char* name_of(BareKind kind) {
  switch (kind) {
    case BareKind::zmq:
      return "bare libzmq";
    case BareKind::udp:
      return "bare UDP";
    case BareKind::udp_segments:
      break;
  }
  return "bare UDP, segmentation offload";
}

BareRing::BareRing(BareKind kind, std::size_t peers, std::size_t in_flight, std::size_t bytes) {
  for (std::size_t n = 0; n < peers; ++n) {
    std::vector<std::string> all = arguments(kind, n + 1, (n + 1) % peers + 1);
    all.push_back(std::to_string((in_flight + n) / peers));
    all.push_back(std::to_string(bytes));
    if (kind != BareKind::zmq) all.push_back(kind == BareKind::udp ? "plain" : "segments");
    const char* program = kind == BareKind::zmq ? "bench_bare_peer" : "bench_bare_udp";
    peers_.push_back(std::make_unique<e2e::Process>(e2e::program(program), all));
  }
  for (const auto& peer : peers_) {
    if (!peer->wait_for_lines("ready", 1, kAnswersWithin)) {
      throw std::runtime_error{std::string{name_of(kind)} + ": a process did not start"};
    }
  }
}

double BareRing::cpu_seconds() {
  double sum = 0;
  for (const auto& peer : peers_) sum += peer->cpu_seconds();
  return sum;
}

HopTimes BareRing::hop_times() {
  HopTimes times;
  for (const auto& peer : peers_) peer->signal(SIGUSR1);
  ++asked_;
  for (const auto& peer : peers_) {
    const bool told =
        e2e::eventually([&] { return peer->lines().size() == 1 + asked_; }, kAnswersWithin);
    if (!told) throw std::runtime_error{"a bare ring does not answer"};
    times.add_text(peer->lines().back());
  }
  return times;
}

}  // namespace podring::bench
