// What the doctor saw, without any judgement: probe_names.cc and probe_peers.cc fill it, judge.cc
// reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "core/codec.h"
#include "core/types.h"
#include "net/resolver.h"

namespace podring::doctor {

/// The name service's answers to the same question, asked in several ways.
struct NameFacts {
  NameAnswer udp;           ///< the family of --address, begun by UDP
  bool cut_by_udp = false;  ///< so the client went on by TCP
  NameAnswer tcp;           ///< the same, by TCP from the start
  NameAnswer other_family;  ///< begun by UDP
};

/// How a TCP port meets a connection.
enum class Port : std::uint8_t {
  not_tried,
  open,     ///< taken
  refused,  ///< answered at once that nobody listens
  silent,   ///< no answer in time, or no way there: what a firewall that drops looks like
};

/// What becomes of a datagram to the ring's port. Where nobody reads datagrams, the peer's own ICMP
/// "port unreachable" is the sign that it got there.
enum class Datagram : std::uint8_t {
  not_tried,
  arrives,
  too_large,  ///< for this host's interface, or as a router on the way says
  rejected,   ///< somebody on the way says that it may not pass
  silent,     ///< no sign, of several
};
struct DatagramFacts {
  Datagram large = Datagram::not_tried;  ///< of kDatagramBytes
  Datagram small = Datagram::not_tried;  ///< only tried when the large one does not arrive
  std::optional<int> mtu;                ///< of the way, in bytes, when something told it
};
/// The payload of the largest datagram that podring sends; with headers 1,228 (IPv4) or 1,248
/// bytes.
constexpr std::size_t kDatagramBytes = 1200;
/// The payload of a TCP segment that is as large on the way: TCP's header has 12 bytes more than
/// UDP's, and 12 of options.
constexpr std::size_t kSegmentBytes = kDatagramBytes - 24;

/// A link of another pod, as that pod's GET /ring shows it.
struct LinkFacts {
  Address to;
  std::string state;  ///< "up", "suspected", "connecting", "leaving"
  bool outgoing = false;
  std::string datagrams;  ///< of the UDP lane: "open", "probing" or "failed"; empty: there is none
  std::size_t segment_max = 0;  ///< payload of the largest TCP segment that is sent; 0: not known
};

struct PeerFacts {
  Address address;
  Port ring = Port::not_tried;
  Port front = Port::not_tried;
  Port admin = Port::not_tried;
  bool intercepted = false;  ///< a port that nobody listens on takes connections
  DatagramFacts datagram;    ///< to the ring's port
  // hello, as a client; only tried when the ring port is open.
  bool greeted = false;
  std::string hello_failure;  ///< a sentence; empty: answered
  std::optional<RefuseCode> hello_refused;
  Identity identity;         ///< of who answered
  unsigned version_max = 0;  ///< protocol; 0: no answer
  // HTTP, where the ports are open.
  std::optional<int> ready_status;      ///< of GET /readyz
  std::string not_ready_because;        ///< its body, when not 200
  std::optional<Duration> clock_ahead;  ///< of the clock here; to a second, by the Date header
  std::string build;                    ///< version and revision, of /metrics
  std::optional<bool> reads_datagrams;  ///< it has a socket for them, by /metrics
  bool port_missing = false;            ///< it wants one, and something else has its port
  std::string ring_key;                 ///< the key's id, or "none", by /metrics; empty: not told
  std::vector<LinkFacts> links;         ///< of /ring
};

struct Facts {
  std::vector<std::string> service_links;  ///< variables
  std::vector<std::string> warnings;       ///< of the configuration, sentences
  std::optional<NameFacts> names;          ///< nullopt: no --service
  std::size_t listed = 0;                  ///< addresses, of the name service or --peers
  bool self_listed = false;
  bool self_runs = false;        ///< a peer answers at --address, so this is a ring pod
  PeerFacts self;                ///< --address, whoever is there
  std::vector<PeerFacts> peers;  ///< without oneself; at most kPeersMax of those listed
};

/// A look costs a thread for some seconds.
constexpr std::size_t kPeersMax = 64;

[[nodiscard]] NameFacts probe_names(const Config& config);

/// Blocks for up to 3 s.
[[nodiscard]] DatagramFacts probe_datagrams(Address peer, std::uint16_t port);

/// Looks at each of `addresses` and at oneself, all at a time, and fills the peers' part of
/// `facts`.
void probe_peers(const Config& config, std::vector<Address> addresses, Facts& facts);

}  // namespace podring::doctor
