#include <algorithm>

#include "doctor/facts.h"
#include "net/loop.h"
#include "net/loop_clock.h"

namespace podring::doctor {
namespace {

/// Asks once; without a TCP try after time-outs, so that what is said of UDP is true of UDP.
NameAnswer ask(ResolverSettings settings, bool* cut_by_udp = nullptr) {
  settings.tries = 1;
  Loop loop;
  LoopClock clock;
  Resolver resolver{loop, settings, /*jitter_seed=*/1};
  while (true) {
    const TimePoint now = clock.read().steady;
    resolver.on_tick(now);
    if (auto answer = resolver.take()) {
      if (cut_by_udp != nullptr) *cut_by_udp = resolver.counters().by_tcp > 0;
      return std::move(*answer);
    }
    loop.wait(std::max(resolver.next_deadline() - clock.read().steady, Duration::zero()));
    loop.dispatch();
  }
}

/// A lost datagram is no finding.
NameAnswer ask_patiently(const ResolverSettings& settings, bool* cut_by_udp = nullptr) {
  NameAnswer answer;
  for (int tries = 0; tries < 3; ++tries) {
    answer = ask(settings, cut_by_udp);
    if (answer.outcome != NameAnswer::Outcome::unknown) break;
  }
  return answer;
}

}  // namespace

NameFacts probe_names(const Config& config) {
  ResolverSettings settings;
  settings.name = config.service;
  settings.dns_server = config.dns_server;
  settings.v4 = config.address.is_v4();
  NameFacts facts;
  facts.udp = ask_patiently(settings, &facts.cut_by_udp);
  settings.by_tcp = true;
  facts.tcp = ask_patiently(settings);
  settings.by_tcp = false;
  settings.v4 = !settings.v4;
  facts.other_family = ask_patiently(settings);
  return facts;
}

}  // namespace podring::doctor
