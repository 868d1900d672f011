// What happened and what was shed, counted in the core and read when somebody asks.
#pragma once

#include <cstdint>

namespace podring {

/// All since start. Every name is the metric's too (proto-docs/metrics.md). `shed` lines have words
/// of their own (proto-docs/log-lines.md).
struct Counters {
  std::uint64_t seeds_accepted = 0;
  std::uint64_t seeds_refused_full = 0;  ///< bubble rule or byte budget: `ring_full`
  std::uint64_t seeds_refused_leaving = 0;
  std::uint64_t seeds_refused_bad = 0;      ///< a bound of the request was broken
  std::uint64_t seeds_refused_waiting = 0;  ///< requests: too many wait over ZeroMQ, `too_many`
  std::uint64_t visits = 0;                 ///< envelopes accepted here, hop 0 included
  std::uint64_t hops_sent = 0;        ///< hand-overs put on a wire for the first time in a session
  std::uint64_t hops_resent = 0;      ///< the same sequence number again
  std::uint64_t detours = 0;          ///< handed over again in another session
  std::uint64_t asks = 0;             ///< sequence numbers asked for in `ping`
  std::uint64_t duplicates_held = 0;  ///< tied to a copy that is held here
  std::uint64_t duplicates_let_go = 0;  ///< tied to a copy that was let go here
  std::uint64_t sequence_repeats = 0;   ///< a sequence number that had come before
  std::uint64_t merges = 0;             ///< an id that came back while it was still held
  std::uint64_t completed = 0;
  std::uint64_t expired = 0;
  std::uint64_t receipts_home = 0;    ///< receipts that reached their origin
  std::uint64_t receipts_passed = 0;  ///< receipts that ended past an absent origin, or in time-out
  std::uint64_t receipts_direct = 0;  ///< handed to an origin that the ring had passed
  std::uint64_t safe = 0;             ///< seeds of this peer confirmed as safe
  std::uint64_t let_go = 0;           ///< custody ended
  std::uint64_t transit_shed_full =
      0;  ///< not acked because the queue was full; the sender keeps it
  std::uint64_t transit_over_queue = 0;  ///< taken beyond the bound because nothing had moved
  std::uint64_t forgotten_early = 0;     ///< ids forgotten at the bound, before their time
  std::uint64_t trace_trimmed = 0;       ///< envelopes whose trace was cut to stay below the bound
  std::uint64_t frames_bad = 0;          ///< could not be parsed, wrong magic, broke a bound
  std::uint64_t envelopes_refused = 0;   ///< cannot be what they say, or a stranger's
  std::uint64_t frames_no_session = 0;   ///< data on a session unknown here
  std::uint64_t hellos_accepted = 0;
  std::uint64_t hellos_refused = 0;
  std::uint64_t sessions_evicted = 0;  ///< silent inbound sessions dropped at the bound
  std::uint64_t sessions_lost = 0;     ///< outbound sessions that died
  std::uint64_t suspicions = 0;
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
};

}  // namespace podring
