// The parts of core::Peer, and the turn that joins them: inputs to the part that they are for, then
// what is to be sent, then the outputs. Only peer.cc and peer_parts.cc include it.
#pragma once

#include "core/codec.h"
#include "core/delivery.h"
#include "core/forwarder.h"
#include "core/in_sessions.h"
#include "core/links.h"
#include "core/local.h"
#include "core/out_sessions.h"
#include "core/peer.h"
#include "core/relay_codec.h"
#include "core/returns.h"
#include "core/seeds.h"
#include "core/turn.h"

namespace podring {

struct Peer::Parts {
  Parts(Identity identity, Settings settings, std::uint64_t jitter_seed);

  /// Every input begins with it: the clocks, and suspecting oneself first.
  void begin(Now at);
  Outputs& flush();
  void tick();
  void leave();
  void on_link_frame(OutSession& link);
  void on_route_frame(RouteId route);
  void on_session_frame(SessionIndex index);
  void on_status(BootId from);
  void forget_ids();
  [[nodiscard]] TimePoint deadline() const;
  /// How much later than it had asked for this peer is called at `at`; zero: not worth mentioning.
  [[nodiscard]] Duration lateness(Now at) const;
  /// For what was heard when: `at` without the time that this peer itself was late.
  [[nodiscard]] TimePoint fair(Now at) const { return at.steady - lateness(at); }

  Local local;
  Turn turn;
  RelayCodecs codecs;
  OutSessions out;
  InSessions in;
  Delivery delivery;
  Forwarder forwarder;
  Returns returns;
  Seeds seeds;
  Links links;
  TimePoint tick_at;    // whatever comes in until then
  TimePoint expiry_at;  // looked at in ticks: of what waits, and of what is remembered
  TimePoint deadline_asked = TimePoint::max();  // nothing was asked for
  Outputs handed_out;
  AnyFrame frame;  // scratch of the frame being read
};

}  // namespace podring
