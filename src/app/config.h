// What podring was told: flags, then PODRING_* variables, then defaults, parsed once at the edge.
//
// Whoever holds a Config need not check it again: every value is inside its bounds (config_flags.cc
// has the table) and no two contradict each other. What is wrong is a list of sentences that each
// say what to change; all of them, not only the first.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "deliver/request_rules.h"
#include "deliver/target.h"
#include "lane/seal.h"
#include "net/dns_server.h"
#include "observe/logger.h"
#include "terminal/completion.h"

namespace podring {

/// What links may carry frames by. `hello` always goes by ZeroMQ.
enum class Lanes : std::uint8_t {
  zmq,   ///< ZeroMQ alone
  udp,   ///< datagrams as well; the start stops where their port cannot be had
  auto_  ///< datagrams as well, where their port can be had
};

struct Config {
  // Who and where.
  std::string name;  ///< 1..253 bytes, no blanks; the name in traces. Default: the host name
  std::string uid;   ///< 1..128 bytes. Default: random
  std::string node;  ///< 0..253 bytes; empty: a node of its own
  Address address;   ///< where the others dial; never unspecified
  Address bind;      ///< of all ports; unspecified (0.0.0.0 or ::): all addresses
  std::string ring = "podring";  ///< 1..253 bytes; default: `service`
  // Discovery. Neither: this peer is alone. Never both.
  std::string service;                  ///< lower case, fully qualified, without the dot at the end
  std::vector<Address> peers;           ///< sorted, no duplicates, all of the family of `address`
  std::optional<DnsServer> dns_server;  ///< nullopt: those of /etc/resolv.conf
  Duration poll = std::chrono::seconds{2};
  // Ports, all different.
  std::uint16_t port = 5570;
  std::uint16_t http_port = 8080;
  std::uint16_t admin_port = 8081;
  Lanes lanes = Lanes::auto_;
  std::string ring_key_file;  ///< where `ring_keys` were read
  lane::RingKeys ring_keys;   ///< none: whoever reaches the ring port is heard
  bool insecure = false;      ///< no key though `bind` is not loopback
  // Rules for seeds taken here.
  std::uint8_t copies = 2;
  CopiesOn copies_on = CopiesOn::peers;
  std::uint32_t hops = 10;
  Duration ttl = std::chrono::minutes{10};
  // Bounds.
  std::size_t queue = 1024;
  std::size_t queue_bytes = 16 * 1024 * 1024;
  // The program beside this pod.
  bool deliver_pull = false;                  ///< it asks for messages at the app port
  std::optional<deliver::Target> deliver_to;  ///< it is asked there; not with deliver_pull
  bool deliver_to_other_hosts = false;        ///< `deliver_to` may be somewhere else
  Duration deliver_timeout = std::chrono::seconds{5};
  std::uint32_t deliver_concurrency = 8;
  std::vector<deliver::RequestRule> deliver_allow;  ///< requests that messages may make of it
  std::uint16_t app_port = 8082;                    ///< on loopback, while messages are delivered
  bool broadcast = false;                           ///< POST /broadcast at the front port, too
  [[nodiscard]] bool delivers() const { return deliver_pull || deliver_to; }
  // Start and end.
  std::uint32_t seed_on_start = 3;
  Duration grace = std::chrono::seconds{25};
  Duration drain_linger = std::chrono::seconds{5};  ///< at most `grace`
  // Log.
  observe::LogFormat log_format = observe::LogFormat::json;
  observe::Level log_level = observe::Level::info;
  bool log_hops = true;
};

/// An address of one of this host's interfaces.
struct HostAddress {
  std::string interface;
  Address address;
};
/// What defaults are made of. read_host() asks the system; tests write their own.
struct Host {
  std::string name;
  std::string uid;                     ///< what an own uid is when none is given: random
  std::vector<HostAddress> addresses;  ///< without loopback and link-local ones
};
[[nodiscard]] Host read_host();

/// One setting as --print-config and the `started` line show it.
struct ConfigEntry {
  std::string name;    ///< "--poll-ms"
  std::string value;   ///< as it could be given again; empty: none
  std::string source;  ///< "flag", "environment" or "default"
  std::string detail;  ///< the variable's name, or what the default was made of
};

struct LoadedConfig {
  Config config;                      ///< good only when `errors` is empty
  std::vector<std::string> errors;    ///< sentences; the start stops
  std::vector<std::string> warnings;  ///< sentences; the start goes on
  std::vector<ConfigEntry> entries;   ///< every flag, in the order of --help
  /// --help, --version or --print-config was asked for: print this and exit with 0.
  std::optional<std::string> print;
  std::string completion;  ///< --completion was asked for: the shell; all else is left empty
};
/// `arguments` without the program's name; `environment` as "NAME=value", all variables.
[[nodiscard]] LoadedConfig load_config(const std::vector<std::string>& arguments,
                                       const std::vector<std::string>& environment,
                                       const Host& host);
/// For a peer that is to start, as its ring port is open to whoever reaches it: without a key it
/// warns, and is an error where others than this host can reach it and nobody said --insecure.
void look_for_ring_key(LoadedConfig& loaded);
/// podring's own flags, for completion.
[[nodiscard]] terminal::CompletedCommand podring_command();
/// environ as load_config() takes it.
[[nodiscard]] std::vector<std::string> read_environment();

/// Lower case and without the dot at the end: the default ring name of those who use this service.
[[nodiscard]] std::string normal_service_name(std::string_view service);

}  // namespace podring
