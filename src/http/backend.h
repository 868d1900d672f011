// What the front end needs from the rest of the program: plain values, and one interface that the
// node implements. Every call comes from an HTTP thread, many at once; none may wait for the loop
// unless it says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/annotations.h"
#include "core/envelope.h"
#include "core/peer_status.h"
#include "core/types.h"
#include "http/seed_ticket.h"

namespace podring::http {

/// A seed as a client asked for it. The fields are inside the bounds of the design's table; what
/// only the core can know (room, size with the trace to come) it refuses through the ticket.
struct SeedOrder {
  std::string message;                ///< UTF-8, below kEnvelopeBytesMax
  std::uint32_t count = 1;            ///< 1..1000, all or none
  std::optional<std::uint32_t> hops;  ///< 1..kHopsMax; neither: the peer's default hops
  std::optional<std::uint32_t> laps;  ///< 1..kLapsMax; never together with hops
  bool receipt = false;               ///< somebody waits for `completed`
  SenderAnnotations annotations;
  Address sender;  ///< the client's address
};

/// One lane of a link, as this side has measured it.
struct LaneView {
  std::string state;                                    ///< "probing", "open" or "failed"
  std::optional<std::chrono::microseconds> round_trip;  ///< smoothed
  std::optional<std::chrono::microseconds> jitter;      ///< mean deviation of that
  std::uint64_t path_mtu = 0;                           ///< bytes of payload in the largest packet
  std::uint64_t sent = 0;                               ///< packets that wanted an ack
  std::uint64_t lost = 0;                               ///< of them
  std::optional<std::uint64_t> received;                ///< datagrams; TCP does not tell
  std::optional<std::uint64_t> missing;                 ///< numbers that have not come
};

/// What a peer told of itself, by way of its neighbours.
struct StatusView {
  PeerStatus status;
  std::chrono::milliseconds age{};          ///< since it told that
  std::chrono::milliseconds details_age{};  ///< of the figures, where there are some
  bool has_details = false;                 ///< else only `leaving` and the suspects are known
};

/// Another peer: one of the view, or one that this peer has a link with or has heard of.
struct PeerView {
  Address address;
  std::string pod;   ///< empty while no hello was answered
  std::string node;  ///< empty: unknown
  std::string uid;   ///< empty: unknown
  std::string boot;  ///< 16 hex digits, or empty
  std::string
      state;  ///< "up", "connecting", "suspected", "leaving", "stale" or "listed" (openapi.yaml)
  bool outgoing = false;                                ///< this peer dials it
  bool incoming = false;                                ///< it has said hello here
  std::optional<std::chrono::microseconds> round_trip;  ///< smoothed
  std::optional<std::chrono::milliseconds> heard_ago;
  std::uint64_t in_flight = 0;       ///< sent, not received yet
  std::uint64_t unsafe = 0;          ///< received there, held here
  std::optional<LaneView> zmq_to;    ///< of the session that was dialled here
  std::optional<LaneView> udp_to;    ///< the same session's datagrams
  std::optional<LaneView> zmq_from;  ///< of the session that it has dialled
  std::optional<LaneView> udp_from;
  std::optional<StatusView> status;   ///< what it told of itself; none: never heard
  std::vector<Address> suspected_by;  ///< who passes it over, as they told
  std::optional<std::chrono::milliseconds> suspected_for;  ///< since this peer heard of it
};

/// Outcome and age of name service answers.
struct DnsView {
  std::string mode;     ///< "service" or "fixed" (--peers)
  std::string name;     ///< what is asked for; empty when fixed
  std::string outcome;  ///< of the last query: "answer", "empty", "unknown", or "none" so far
  std::string detail;   ///< for "unknown": why
  std::optional<std::chrono::milliseconds> answer_age;  ///< of the last answer that counted
  std::optional<std::uint32_t> ttl_s;
  std::uint32_t addresses = 0;  ///< in the last answer that counted
};

/// GET /ring, and the ring part of the page. Published by the loop as a whole, never changed.
struct RingView {
  std::uint64_t version = 0;  ///< grows when view, neighbours or a peer's state change
  Identity self;
  std::string ring;
  std::vector<Address> view;  ///< ring order: ascending
  std::uint64_t digest = 0;
  bool ring_key = false;  ///< only holders of the ring's key are heard
  std::optional<Address> successor;
  std::optional<Address> predecessor;
  std::vector<PeerView> peers;
  DnsView dns;
  std::uint64_t queue_used = 0;
  std::uint64_t queue_max = 0;
  std::uint64_t held = 0;
  bool leaving = false;
  std::optional<StatusView> status;                        ///< this peer's own, as it tells it
  std::vector<Address> suspected_by;                       ///< who passes this peer over
  std::optional<std::chrono::milliseconds> suspected_for;  ///< since this peer heard of it
};

/// What this pod knows of one message.
struct MessageView {
  EnvelopeId id;
  std::string message;
  std::uint64_t message_bytes = 0;  ///< of the whole text, when `message` was cut
  bool seeded_here = false;
  bool safe = false;
  End ended = End::none;  ///< as far as this pod heard
  std::uint32_t hop = 0;  ///< of the latest visit, as are the fields below
  std::uint32_t lap = 0;
  std::uint64_t visits = 0;  ///< here
  Address sender;
  std::vector<VisitRecord> trace;         ///< the visits before the latest one
  std::optional<VisitRecord> last_visit;  ///< where it ended, as far as this pod heard
  std::uint64_t trace_omitted = 0;
  std::vector<DetourEntry> detours;
  WallTime since;  ///< first heard of here
  WallTime last;   ///< latest news
};

/// One event of the live feed. Numbers grow by one, from 1, per process.
struct FeedItem {
  std::uint64_t number = 0;
  std::string type;  ///< the log line's `event`: received, completed, view, link_down, ...
  std::string json;  ///< one JSON object without line breaks: the log line's fields
};
struct FeedBatch {
  bool gap = false;  ///< what followed `after` is no longer kept, or `after` was never given out
  std::vector<FeedItem> items;  ///< in order, without holes
};
struct FeedSnapshot {
  std::uint64_t number = 0;  ///< all events up to this one are in the values below
  std::shared_ptr<const RingView> ring;
  std::vector<MessageView> messages;  ///< newest first
};

struct Health {
  std::chrono::milliseconds loop_idle{};  ///< since the loop last turned; from an atomic
};
struct Readiness {
  bool ready = false;
  std::string detail;  ///< what is missing; depends on no other peer
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// Posts the seed to the loop and returns at once. The loop calls `ticket->begin()` and, if that
  /// says true, seeds and tells the ticket what becomes of it. It keeps the ticket weakly once
  /// accepted: when the client and the key table have let go, nobody is told any more.
  virtual void seed(const SeedOrder& order, std::shared_ptr<SeedTicket> ticket) = 0;

  [[nodiscard]] virtual std::shared_ptr<const RingView> ring() const = 0;  ///< never null
  /// The latest, newest first, at most `limit`.
  [[nodiscard]] virtual std::vector<MessageView> messages(std::size_t limit) const = 0;
  [[nodiscard]] virtual std::optional<MessageView> message(EnvelopeId id) const = 0;

  [[nodiscard]] virtual FeedSnapshot feed_snapshot() const = 0;
  /// Events after number `after`, at most `max`; waits up to `wait` for the first one.
  [[nodiscard]] virtual FeedBatch feed_after(std::uint64_t after, std::size_t max,
                                             std::chrono::milliseconds wait) const = 0;

  [[nodiscard]] virtual Health health() const = 0;        ///< never waits for anything
  [[nodiscard]] virtual Readiness readiness() const = 0;  ///< never waits for anything
  /// Prometheus text; the front end appends its own `podring_http_*` families.
  [[nodiscard]] virtual std::string metrics_text() const = 0;

  /// The front end turned something away at one of its bounds: a line for the log (`shed`). Comes
  /// at most once a second for each `what`; `count` is since the last time.
  virtual void http_shed(std::string_view what, std::uint64_t count) = 0;
};

}  // namespace podring::http
