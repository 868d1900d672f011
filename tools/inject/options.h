// The command line of inject: what to seed, where, how fast, and what to wait for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "app/http_url.h"
#include "core/codec.h"
#include "core/types.h"
#include "lane/seal.h"
#include "net/dns_server.h"

namespace podring::inject {

/// Exit codes, as --help lists them.
enum class Exit : int {
  done = 0,          ///< every message reached the stage that was waited for
  not_all = 1,       ///< some were refused, expired, timed out, or nobody can tell
  usage = 2,         ///< the command line is wrong
  unreachable = 3,   ///< nothing was seeded: no peer or server could be talked to
  interrupted = 130  ///< Ctrl-C; the summary was printed
};

struct PeerTarget {
  Address address;
  std::uint16_t port = 0;
};
struct ServiceTarget {
  std::string name;  ///< fully qualified, lower case, without the dot at the end
  std::uint16_t port = 0;
  std::optional<DnsServer> dns_server;  ///< nullopt: those of resolv.conf
};
using UrlTarget = HttpUrl;  ///< `path` is that of POST /messages, with whatever stands before it
using Target = std::variant<PeerTarget, ServiceTarget, UrlTarget>;

struct Options {
  Target target;
  std::string ring;          ///< not for UrlTarget
  lane::RingKeys ring_keys;  ///< neither
  std::string message;
  std::uint64_t count = 1;
  std::optional<double> rate;  ///< messages a second; nullopt: as fast as answers come
  std::uint32_t in_flight = 0;
  std::optional<std::uint32_t> hops;
  std::optional<std::uint32_t> laps;
  std::optional<std::uint64_t> ttl_ms;
  Stage wait = Stage::safe;  ///< accepted, safe or completed
  Duration timeout{};        ///< for one message, from its first sending
  std::string ids_file;      ///< gets the ids that reached `wait`; empty: none
  bool json = false;
  bool quiet = false;
};

/// What to print instead of running, and where.
struct Stop {
  Exit code = Exit::done;
  std::string text;  ///< to standard output when `code` is done, else to standard error
};

inline constexpr std::uint16_t kRingPort = 5570;
inline constexpr std::uint64_t kCountMax = 10'000'000;
inline constexpr std::uint32_t kInFlightMax = 1'000;
inline constexpr std::uint32_t kHttpInFlightMax = 64;  ///< each takes a thread and a connection

[[nodiscard]] std::variant<Options, Stop> parse_options(int argc, const char* const* argv);

}  // namespace podring::inject
