// Asks the name service for the addresses of one name, again and again: the headless service.
//
//   resolver.on_tick(now);                        // each turn of the loop, after dispatch()
//   while (auto answer = resolver.take()) ...     // at most one a query
//   ... wait until resolver.next_deadline() at the latest
//
// One question at a time, of one address family, for the name as it is (no search domains, no hosts
// file, no cache). What is asked by UDP and cut comes by TCP. Each try has a channel of its own, so
// a source port of its own: a connection-tracking entry that leads to a dead server is not met
// again. The last try goes by TCP from the start. Nothing here decides what an answer means for the
// ring; that is core's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "core/types.h"
#include "net/dns_server.h"
#include "net/loop.h"

namespace podring {

struct ResolverSettings {
  std::string name;                     ///< fully qualified, with or without the dot at the end
  bool v4 = true;                       ///< A records; false: AAAA
  std::optional<DnsServer> dns_server;  ///< nullopt: those of /etc/resolv.conf, read at each try
  Duration poll = std::chrono::seconds{2};         ///< from question to question, +0..10 % jitter
  Duration try_timeout = std::chrono::seconds{1};  ///< for each server
  unsigned tries = 3;                              ///< after time-outs; 1 or more
  bool by_tcp = false;                             ///< all tries by TCP, not only the last
  std::size_t addresses_max = 4096;  ///< an answer with more is `unknown`: a part would be no view
};

struct NameAnswer {
  enum class Outcome : std::uint8_t {
    answer,   ///< at least one address
    empty,    ///< NXDOMAIN, or no record of the family: nobody is ready
    unknown,  ///< time-out, SERVFAIL, refused, cut even by TCP, ...: what was known stays
  };
  Outcome outcome = Outcome::unknown;
  std::vector<Address> addresses;      ///< ascending, no duplicates
  std::string detail;                  ///< for unknown: what happened, in words
  std::optional<std::uint32_t> ttl_s;  ///< the smallest of the records
  bool by_tcp = false;                 ///< the answer came by TCP
  bool cut = false;                    ///< unknown, because it was not the whole answer
};

/// All since start.
struct ResolverCounters {
  std::uint64_t queries = 0;
  std::uint64_t answers = 0;
  std::uint64_t empty = 0;
  std::uint64_t unknown = 0;
  std::uint64_t timeouts = 0;  ///< tries that nobody answered
  std::uint64_t by_tcp = 0;    ///< tries that used TCP
};

class Resolver {
 public:
  /// `loop` outlives the resolver. The first question goes out with the first on_tick().
  Resolver(Loop& loop, ResolverSettings settings, std::uint64_t jitter_seed);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  void on_tick(TimePoint now);
  [[nodiscard]] std::optional<NameAnswer> take();
  /// When on_tick() next has work.
  [[nodiscard]] TimePoint next_deadline() const;

  /// The latest outcome; nullptr before the first.
  [[nodiscard]] const NameAnswer* last() const { return last_ ? &*last_ : nullptr; }
  /// The latest that was not `unknown`, and when it came.
  [[nodiscard]] const NameAnswer* last_known() const { return known_ ? &*known_ : nullptr; }
  [[nodiscard]] std::optional<TimePoint> known_at() const { return known_at_; }
  /// Any one of the addresses of last_known(), as a client of the service would pick it.
  [[nodiscard]] std::optional<Address> pick_address();
  [[nodiscard]] const ResolverCounters& counters() const { return counters_; }
  [[nodiscard]] const ResolverSettings& settings() const { return settings_; }

 private:
  class Try;  // one c-ares channel with one question
  void begin_query(TimePoint now);
  void begin_try(TimePoint now);
  void end_try(TimePoint now);
  [[nodiscard]] std::string explain(const Try& ended, const std::string& detail) const;
  void finish(TimePoint now, NameAnswer answer);

  Loop& loop_;
  ResolverSettings settings_;
  SplitMix random_;
  std::unique_ptr<Try> try_;  // null between queries
  unsigned tries_begun_ = 0;
  bool cut_by_udp_ = false;  // in some try of this query
  TimePoint next_query_{};
  TimePoint try_deadline_{};
  std::optional<NameAnswer> fresh_;  // not taken yet
  std::optional<NameAnswer> last_;
  std::optional<NameAnswer> known_;
  std::optional<TimePoint> known_at_;
  ResolverCounters counters_;
};

}  // namespace podring
