// One peer of the ring as a state machine with no I/O: views, frames, seeds and time go in; frames,
// dials and events come out. Same seed + same inputs = same outputs.
//
// Inputs only change state. flush() ends a turn: it forms the batches and returns everything that
// is to be done, in order. Events that carry a LogTicket must be written before on_logged() is
// called; what depends on them comes out of the next flush().
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/counters.h"
#include "core/outputs.h"
#include "core/peer_report.h"
#include "core/seed_request.h"
#include "core/settings.h"
#include "core/types.h"

namespace podring {

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
  void on_link_frame_lost(Now now, LinkId link, const SendId& id);
  void on_route_frame_lost(Now now, RouteId route, const SendId& id);
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
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace podring
