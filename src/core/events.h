// What the core tells the world happened: the source of log lines, metrics and the live feed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/envelope.h"
#include "core/types.h"

namespace podring {

/// Numbers the lines that must be written before anybody is told of what they say. Growing from 1.
/// The core goes on with what waits for them in on_logged().
using LogTicket = std::uint64_t;

/// A visit: the envelope was accepted here (or seeded, at hop 0). Only with
/// Settings::report_visits.
struct Visited {
  Envelope envelope;  ///< trace: the names before this pod
  Address sender;     ///< who handed it over; at hop 0 the address that seeded
};
struct Seeded {  ///< count ids from `first` on
  EnvelopeId first;
  std::uint32_t count = 1;
  Address sender;
  LimitKind limit_kind = LimitKind::hops;
  std::uint32_t limit = 0;  ///< verify-logs holds the ends against it
};
struct SafeConfirmed {  ///< at the origin. The seed's client is told after on_logged(ticket).
  EnvelopeId id;
  LogTicket ticket = 0;
};
struct Ended {        ///< completed or expired here. Acked as final after on_logged(ticket).
  Envelope envelope;  ///< trace: the names before this pod, as at its visit
  End end = End::completed;
  LogTicket ticket = 0;
};
struct ReceiptArrived {  ///< at the origin: an own id has ended somewhere
  Envelope envelope;
  End end = End::completed;
};
struct DetourTaken {  ///< these envelopes are handed over again
  EnvelopeId id;
  std::uint32_t hop = 0;
  std::uint32_t attempt = 2;
  Address from_successor;  ///< the one that did not take it, or did not say safe
};
struct DuplicateDropped {
  EnvelopeId id;
  std::uint32_t lap = 0;
  Address sender;
  bool held = false;  ///< tied to a copy held here; else to one that was let go
};
enum class LinkDownReason : std::uint8_t {
  broken,      ///< the connection broke, or could not be made
  silent,      ///< no frame within the suspicion time, or no answer to hello
  no_session,  ///< the other side does not know our session: it restarted or dropped it
  refused,     ///< hello was refused
  idle,        ///< no longer needed; not a failure
};
struct LinkUp {
  Address peer;
  Identity identity;
  std::uint64_t session = 0;
  std::uint8_t version = 1;
};
struct LinkDown {
  Address peer;
  LinkDownReason reason = LinkDownReason::broken;
  std::string detail;             ///< the refusal's words, or what else is known; may be empty
  std::uint32_t handed_back = 0;  ///< envelopes to be handed over again
};
struct SuccessorChanged {
  std::optional<Address> successor;  ///< nullopt: nobody to hand to
};
struct PeerHealth {  ///< verify-logs follows these: the peer is passed over from here on, or not
                     ///< any more
  enum class State : std::uint8_t { up, down, leaving };
  Address peer;
  State state = State::up;
};
struct ViewChanged {
  std::vector<Address> added;
  std::vector<Address> removed;
  std::uint64_t digest = 0;
  std::uint32_t size = 1;
};
struct HelloRefused {  ///< somebody else's hello was refused here
  Identity identity;
  std::string ring;
  std::string reason;
};
struct Shed {
  enum class What : std::uint8_t {
    transit_full,
    transit_over_queue,
    ids_forgotten,
    session_evicted,
    trace_trimmed,
    seeds_waiting,
    envelopes_refused
  };
  What what = What::transit_full;
  std::uint64_t count =
      0;  ///< since the last line of this kind; at most one line a second and kind
};
inline constexpr std::size_t kShedKinds = 7;  ///< values of Shed::What
struct LeavingStarted {};
struct HeldAtExit {  ///< one per id, when the grace time ends with custody left
  EnvelopeId id;
};

using Event = std::variant<Visited, Seeded, SafeConfirmed, Ended, ReceiptArrived, DetourTaken,
                           DuplicateDropped, LinkUp, LinkDown, SuccessorChanged, PeerHealth,
                           ViewChanged, HelloRefused, Shed, LeavingStarted, HeldAtExit>;

}  // namespace podring
