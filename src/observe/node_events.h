// What the program around the core has to tell: start, stop, name service, the loop itself. Log
// lines beside those of core/events.h; proto-docs/log-lines.md lists the fields of all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/annotations.h"
#include "core/types.h"

namespace podring::observe {

struct ConfigValue {
  std::string name;    ///< "--poll-ms"
  std::string value;   ///< cut in the line after 256 bytes
  std::string source;  ///< "flag", "environment" or "default"
};
/// The first line. Identity comes from the logger.
struct Started {
  std::string version;
  std::string ring;
  std::vector<ConfigValue> configuration;
};
struct Ready {       ///< sockets are bound and the name service has answered once
  Duration after{};  ///< since the process started
};
/// The last line.
struct Stopped {
  std::string reason;  ///< "SIGTERM", "SIGINT", or an error's words
  int exit_code = 0;
  std::uint64_t held = 0;   ///< envelopes still in custody: the grace time ended
  bool grace_over = false;  ///< the grace time ended before everything was handed on
};
/// The seeds that every pod sends to its own service on start.
struct StartSeeds {
  Address to;
  std::uint32_t count = 0;
  std::string error;  ///< why they were not taken; empty: they were
};
/// An outcome of the name service that differs from the one before.
struct NamesAnswered {
  enum class Outcome : std::uint8_t {
    answer,   ///< addresses
    empty,    ///< no ready peer but this one
    unknown,  ///< time-out, SERVFAIL, cut answer: the last view stays
  };
  Outcome outcome = Outcome::answer;
  std::string name;    ///< that was asked for
  std::string detail;  ///< for unknown: why
  std::uint32_t addresses = 0;
  std::optional<std::uint32_t> ttl_s;
  std::optional<Duration> answer_age;  ///< of the last answer that counted
};
/// The front end turned something away at one of its bounds.
struct FrontEndShed {
  std::string what;
  std::uint64_t count = 0;  ///< since the last line of this kind
};
struct LoopLagged {  ///< the loop turned later than it should have
  Duration late{};
};
struct TransportTrouble {  ///< dropped or turned away at the sockets, or could not be opened
  std::string what;
  std::string detail;
};
/// Datagrams are used for a session from here on, or not any more.
struct LaneChanged {
  Address peer;
  bool outgoing = true;  ///< the session that was dialled here
  bool open = false;
  std::optional<Duration> round_trip;
  std::uint64_t sent = 0;  ///< datagrams that wanted an ack
  std::uint64_t lost = 0;  ///< of them
  std::string detail;      ///< why it never opens; empty: it has or had
};
/// What a lane has sent and lost, each way.
struct LaneCounts {
  std::uint64_t sent = 0;      ///< packets that want an ack; segments with data of ZeroMQ's TCP
  std::uint64_t lost = 0;      ///< of them; of TCP those that were sent again
  std::uint64_t received = 0;  ///< datagrams; always 0 of TCP, which does not tell, as `expected`
  std::uint64_t expected = 0;  ///< datagrams up to the newest that came, missing ones included
};
/// What one lane of the link to a neighbour has measured since the line before.
struct LaneMeasured {
  Address peer;
  const char* link = "";  ///< "successor" or "predecessor"
  const char* lane = "";  ///< "zmq" or "udp"
  bool open = false;
  std::optional<Duration> round_trip{};
  Duration jitter{};
  std::uint64_t path_mtu = 0;  ///< bytes of payload in the largest packet
  LaneCounts counts{};
  Duration over{};  ///< since the line before
};
/// What the program beside this pod said of a visit, or that it said nothing.
struct ProgramAnswered {
  EnvelopeId id;
  VisitOutcome visit;
  std::uint32_t attempts = 0;  ///< 0: it was not asked, see `detail` and `known`
  Duration took{};
  bool known = false;  ///< it had taken this message before
  std::string detail;  ///< why it was not delivered
};
struct ProgramAway {  ///< messages pass the program at once from here on, or are brought again
  bool away = true;
  std::string target;
};
struct Warned {  ///< for the operator: what is odd and what to change
  std::string detail;
};

using NodeEvent =
    std::variant<Started, Ready, Stopped, StartSeeds, NamesAnswered, FrontEndShed, LoopLagged,
                 TransportTrouble, LaneChanged, LaneMeasured, ProgramAnswered, ProgramAway, Warned>;

}  // namespace podring::observe
