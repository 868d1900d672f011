// One peer of the ring as a state machine with no I/O: views, frames, seeds and time go in; frames,
// dials and events come out. Same seed + same inputs = same outputs.
//
// Inputs only change state. flush() ends a turn: it forms the batches and returns everything that
// is to be done, in order. Events that carry a LogTicket must be written before on_logged() is
// called; what depends on them comes out of the next flush().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/annotations.h"
#include "core/counters.h"
#include "core/events.h"
#include "core/types.h"

namespace podring {

using LinkId = std::uint32_t;   ///< an outgoing connection; chosen by the core, never used twice
using RouteId = std::uint32_t;  ///< an incoming connection; chosen by the transport

struct Dial {  ///< open a connection to the ring port of `to`; report on_link_connected /
               ///< on_link_broken
  LinkId link = 0;
  Address to;
};
struct HangUp {  ///< close it and drop what is unsent. Nothing about this link is to be reported
                 ///< any more.
  LinkId link = 0;
};
struct SendLink {  ///< a failed send needs no report: it is one more lost frame
  LinkId link = 0;
  Bytes frame;
};
struct SendRoute {
  RouteId route = 0;
  Bytes frame;
};
using Action = std::variant<Dial, HangUp, SendLink, SendRoute>;

/// What a neighbour's `status` frame carried. Opaque here; core/peer_status.h reads it.
struct StatusHeard {
  BootId from;
  Bytes told;
};

/// A visit that the program beside this pod is to be asked about; answer with on_delivered().
/// `waits`: the envelope goes on only then. A seed goes on at once (its client waits for `safe`),
/// and the program is asked beside that.
struct Deliver {
  DeliveryNumber number;
  Envelope envelope;
  bool waits = true;
};
struct Delivered {
  DeliveryNumber number;
  Outcome outcome = Outcome::visited;
  std::uint16_t status = 0;  ///< HTTP status; 0: none
  std::string answer;        ///< for the receipt, where the sender wants answers
};

struct Outputs {  ///< events before actions: log first, then send
  std::vector<Event> events;
  std::vector<Action> actions;
  std::vector<StatusHeard> statuses;
  std::vector<Deliver> deliveries;
  [[nodiscard]] bool empty() const {
    return events.empty() && actions.empty() && statuses.empty() && deliveries.empty();
  }
};

/// A neighbour that `status` frames may be sent to. One process is listed once.
struct StatusNeighbour {
  BootId boot;
  std::uint64_t session = 0;
  bool successor = false;  ///< over its link; else over its route
  std::uint32_t over = 0;  ///< LinkId or RouteId
};

/// What a deliberate mutation of the protocol breaks; for the simulator's own test only.
enum class Mutation : std::uint8_t {
  none,
  duplicate_acked_as_safe,
  release_one_step_early,  ///< let go at `received`
  self_hand_over_counts,   ///< a hand-over to oneself adds a copy
  no_merge,                ///< an id that comes back does not take the held one's place
  wrong_lap_boundary,      ///< [x, y) in place of (x, y]
  accept_equal_lap,        ///< >= for >
  no_reack,                ///< a repeated sequence number is not answered
  full_peer_acks,          ///< says received and drops
  custody_gates_sending,   ///< held envelopes count against the queue
  bubble_rule_off,
  held_ids_forgotten,
  never_resend,
  no_reroute_of_received,  ///< a dead session hands back only what was not received
  end_acked_before_logged,
  stale_session_acks,  ///< an ack for a dead session is believed
  places_never_shrink,
  program_not_waited_for,  ///< an envelope goes on before its program has answered
  every_answer_is_yes,     ///< what the program did not take is called delivered
};

struct Settings {
  std::string ring = "podring";
  std::uint8_t version_min = 1;
  std::uint8_t version_max = 1;
  // Rules given to seeds taken here.
  std::uint8_t copies = 2;  ///< 1..3
  CopiesOn copies_on = CopiesOn::peers;
  std::uint32_t hops = 10;                          ///< 1..kHopsMax
  Duration ttl = std::chrono::minutes{10};          ///< 1 ms .. 49 days
  Duration receipt_ttl = std::chrono::seconds{60};  ///< an end's own time on its way to the origin
  // Bounds.
  std::size_t queue = 1024;  ///< envelopes the successor has not got yet; >= 2
  std::size_t queue_bytes = 16 * 1024 * 1024;
  std::size_t memory_max = 1'000'000;   ///< ids remembered
  std::size_t sessions_max = 4096;      ///< inbound sessions
  std::size_t frame_bytes = 64 * 1024;  ///< a relay batch stops growing here
  // Timers (proto-docs/delivery.md gives the reasons).
  Duration rto_min = std::chrono::milliseconds{200};
  Duration rto_max = std::chrono::seconds{5};
  Duration ping_every = std::chrono::milliseconds{500};
  Duration silent_after = std::chrono::seconds{2};
  Duration hello_timeout = std::chrono::milliseconds{700};
  Duration probe_every = std::chrono::seconds{1};
  /// Between two acks of a session that nobody waits for, at least; zero: one each turn.
  Duration ack_every = std::chrono::milliseconds{1};
  Duration memory_grace = std::chrono::seconds{10};  ///< remembered longer than its time left
  Duration drain_linger = std::chrono::seconds{5};
  bool report_visits = true;
  bool deliver = false;      ///< each visit is a Deliver in the Outputs
  bool takes_status = true;  ///< false: as a release that has no `status` frames
  Mutation mutation = Mutation::none;
};

/// Whom a seed's progress is for: a number of the caller's; comes back in SeedTold. 0: nobody.
struct SeedRequest {
  std::string message;
  std::uint32_t count = 1;  ///< 1..1000, all or none
  std::optional<std::uint32_t> hops;
  std::optional<std::uint32_t> laps;  ///< not together with hops
  std::optional<Duration> ttl;
  bool receipt = false;  ///< somebody waits for `completed`
  SenderAnnotations annotations;
  Address sender;  ///< who seeded; the own address for start-up seeds
};
enum class SeedError : std::uint8_t { none, ring_full, leaving, too_large, bad_request };
struct SeedResult {
  SeedError error = SeedError::none;
  std::string reason;  ///< a sentence for the client when refused
  EnvelopeId first;    ///< ids first.counter .. first.counter + count - 1
};

/// A link or a neighbour as `/ring` shows it.
struct LinkStatus {
  LinkId link = 0;  ///< 0: there is none, but something is known of the address
  Address address;
  std::optional<Identity> identity;
  bool up = false;  ///< hello was answered, not suspected
  bool suspected = false;
  bool leaving = false;
  bool successor = false;
  std::uint64_t session = 0;
  std::optional<Duration> round_trip;       ///< smoothed
  std::optional<Duration> ping_round_trip;  ///< of pings alone, smoothed
  Duration ping_variation{};                ///< of that: its jitter
  std::size_t in_flight = 0;                ///< not received yet
  std::size_t unsafe = 0;                   ///< received, not let go
  std::optional<Duration> heard_ago;
};
struct InboundStatus {
  RouteId route = 0;
  Identity identity;
  bool client = false;
  std::uint64_t session = 0;
  bool leaving = false;
  bool up = false;  ///< heard of within the suspicion time
  Duration heard_ago{};
};
struct Status {
  std::vector<Address> view;  ///< ring order: ascending
  std::uint64_t digest = 0;
  std::optional<Address> successor;
  std::optional<Address> predecessor;
  std::vector<LinkStatus> links;
  std::vector<InboundStatus> inbound;
  std::size_t queue_used = 0;
  std::size_t queue_used_bytes = 0;
  std::size_t held = 0;
  std::size_t remembered = 0;
  bool leaving = false;
};

/// Where a held envelope stands, for those who look at one id.
struct HeldStatus {
  enum class Stage : std::uint8_t {
    delivering,  ///< the program beside this pod is asked
    queued,      ///< waits to be sent
    sent,        ///< the successor has not said that it holds it
    received,    ///< the successor holds it; not let go yet
    logging,     ///< has ended here, its line is not written yet
  };
  Stage stage = Stage::queued;
  std::uint32_t lap = 0;
  std::uint32_t attempt = 0;  ///< sessions in which this hand-over was tried
  BootId successor;           ///< sent, received: whom it was handed to
  std::uint8_t named_count = 0;
  std::uint64_t named[2] = {0, 0};  ///< places other than one's own that are counted
  bool said_safe = false;           ///< to a dialler that has not let go yet: that word stays
};

class Peer {
 public:
  Peer(Identity self, Settings settings, std::uint64_t jitter_seed);
  ~Peer();
  Peer(Peer&&) noexcept;
  Peer& operator=(Peer&&) noexcept;

  // Membership. An answer of the name service (any order, duplicates allowed, own address or not);
  // an empty one means "no ready peer but me". Unknown (time-out, SERVFAIL) is no input at all.
  void on_names(Now now, std::span<const Address> addresses);
  /// A fixed list in place of a name: taken as it is, at once.
  void set_fixed_view(Now now, std::span<const Address> addresses);

  // Transport.
  void on_link_connected(Now now, LinkId link);
  void on_link_broken(Now now, LinkId link);  ///< could not connect, or the connection is gone
  void on_link_frame(Now now, LinkId link, ByteView frame);
  void on_route_frame(Now now, RouteId route, Address from, ByteView frame);
  // Frames of one session may come in any order, and by more than one lane. These two say that one
  // that was sent did not arrive; what is true by now of what it carried is then said at once.
  void on_link_frame_lost(Now now, LinkId link, ByteView frame);
  void on_route_frame_lost(Now now, RouteId route, ByteView frame);
  /// Batches to this link are to be no larger, where an envelope is not; nullopt: as Settings say.
  void on_link_frame_max(Now now, LinkId link, std::optional<std::size_t> bytes);

  // Seeds, log, time, end.
  [[nodiscard]] SeedResult seed(Now now, const SeedRequest& request);
  void on_delivered(Now now, const Delivered& result);  ///< of a Deliver; unknown ones are ignored
  void on_logged(Now now, LogTicket up_to);  ///< all lines with tickets up to this one are written
  void on_tick(Now now);
  void leave(Now now);

  // What peers tell one another about themselves. Nothing in here is decided by it.
  /// The successor, and the nearest at most four that hand on to this peer.
  [[nodiscard]] std::vector<StatusNeighbour> status_neighbours(Now now) const;
  /// `told`: at most kStatusBytesMax. A neighbour that is gone by now gets nothing.
  void send_status(Now now, const StatusNeighbour& neighbour, ByteView told);

  /// Ends the turn. The reference is good until the next call of flush().
  [[nodiscard]] Outputs& flush(Now now);

  /// When on_tick() next has work.
  [[nodiscard]] TimePoint next_deadline() const;
  /// After leave(): nothing is held, nobody waits for an ack from here, and the linger time is
  /// over.
  [[nodiscard]] bool may_exit(Now now) const;
  /// Start-up seeds may go: the view has been stable for 2 s with another healthy peer.
  [[nodiscard]] bool settled(Now now) const;
  [[nodiscard]] std::vector<EnvelopeId> held_ids() const;
  /// nullopt: not held here.
  [[nodiscard]] std::optional<HeldStatus> held_status(EnvelopeId id) const;
  /// What counts against Settings::queue and queue_bytes.
  [[nodiscard]] std::size_t queue_used() const;
  [[nodiscard]] std::size_t queue_used_bytes() const;

  [[nodiscard]] const Counters& counters() const;
  [[nodiscard]] Status status(Now now) const;
  [[nodiscard]] const Identity& self() const;
  /// For the simulator: aborts when an invariant does not hold.
  void check_invariants() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace podring
