// Handing on: what is sent next, in which frames, and again (proto-docs/delivery.md section 4). In:
// the turn's end, a link's timers, lost frames and dead sessions. Out: relay frames, rerouted and
// expired envelopes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/delivery.h"
#include "core/local.h"
#include "core/out_sessions.h"
#include "core/relay_codec.h"
#include "core/turn.h"

namespace podring {

class Forwarder {
 public:
  Forwarder(const Local& local, Turn& turn, RelayCodecs& codecs, Delivery& delivery,
            OutSessions& out)
      : local_{local}, turn_{turn}, codecs_{codecs}, delivery_{delivery}, out_{out} {}

  /// Sends what waits, as far as the remote has credit; without credit one envelope now and then.
  void send_queue(OutSession& link);
  /// This entry alone, whatever waits. False: the remote has no credit for it now.
  bool send_one(OutSession& link, EntryIndex index);
  /// Alone in the view: the next peer is oneself. It adds no replica.
  void hand_to_self();
  /// The retransmission time-out: what the remote does not say it has, oldest first, a frame's
  /// worth.
  void resend(OutSession& link);
  /// A lane says that a frame did not arrive: no time-out is waited for.
  void on_lost(OutSession& link, const SendId& id) {
    resend_range(link, id.first, id.first + id.count);
  }
  /// The session is dead: everything not released on it, received or not, goes to the next healthy
  /// peer. How many envelopes that are.
  std::uint32_t reroute(OutSession& link);
  void expire_queue();
  /// When there is more to do for what waits; TimePoint::max(): nothing waits, or nobody is there.
  [[nodiscard]] TimePoint next_deadline(bool alone) const;

 private:
  /// kNoEntry: there is none.
  [[nodiscard]] EntryIndex next_queued();
  void pop(EntryIndex index);
  [[nodiscard]] bool may_send(OutSession& link, std::size_t bytes);
  void put_in_flight(OutSession& link, EntryIndex index);
  void note_cut(const CustodyEntry& entry, const HandOver& hand_over);
  void send_batch(OutSession& link, RelayCodec& codec, std::uint64_t first);
  void resend_range(OutSession& link, std::uint64_t first, std::uint64_t end);
  [[nodiscard]] HandOver hand_over_of(const CustodyEntry& entry, Address to) const;

  const Local& local_;
  Turn& turn_;
  RelayCodecs& codecs_;
  Delivery& delivery_;
  OutSessions& out_;
  Envelope scratch_;
};

}  // namespace podring
