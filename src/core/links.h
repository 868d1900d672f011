// Sessions with other peers, from the first dial to the last frame: who is greeted, who is refused,
// who is lost and what follows from it. In: connections, hellos, refusals, `leaving`, time. Out:
// sessions, the successor, rerouted envelopes. Joins Membership, both tables of sessions and the
// Forwarder.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/forwarder.h"
#include "core/in_sessions.h"
#include "core/local.h"
#include "core/membership.h"
#include "core/out_sessions.h"
#include "core/peer_report.h"
#include "core/turn.h"

namespace podring {

class Links {
 public:
  Links(const Local& local, Turn& turn, OutSessions& out, InSessions& in, Delivery& delivery,
        Forwarder& forwarder);

  // ---- names
  void take_names(std::span<const Address> addresses);
  void set_fixed(std::span<const Address> addresses);

  // ---- outgoing
  void on_connected(LinkId id);
  void on_broken(LinkId id);
  void on_hello_answer(OutSession& link, const HelloFrame& hello);
  void on_refused(OutSession& link, const RefuseFrame& refusal);

  // ---- incoming
  void on_hello(RouteId route, Address source, std::uint64_t session, const HelloFrame& hello);

  // ---- both
  void on_peer_leaving(Address address, BootId boot);
  void say_leaving();
  /// Time has passed.
  void tick();
  /// A hello has shown that a suspected peer may be probed now.
  [[nodiscard]] bool take_tick_wanted() { return std::exchange(tick_wanted_, false); }

  [[nodiscard]] const Membership& membership() const { return membership_; }
  [[nodiscard]] std::vector<StatusNeighbour> status_neighbours(TimePoint now) const;
  void send_status(const StatusNeighbour& neighbour, ByteView status);
  /// Links, and what is known of addresses without one.
  [[nodiscard]] std::vector<LinkStatus> link_statuses(TimePoint now) const;
  [[nodiscard]] std::vector<InboundStatus> inbound_statuses(TimePoint now) const;

 private:
  struct Refusal {
    RefuseCode code;
    std::string reason;
  };
  [[nodiscard]] Contacts contacts() const;
  [[nodiscard]] Credit credit() const;
  void refresh();
  void lose(OutSession& link, LinkDownReason reason, const std::string& detail = {});
  void restart_session(OutSession& link);
  void tick_link(LinkId id);
  void tick_greeting(OutSession& link);
  [[nodiscard]] bool is_idle(OutSession& link);
  [[nodiscard]] std::optional<Refusal> fault_of(Address source, const HelloFrame& hello) const;
  void refuse_hello(RouteId route, std::uint64_t session, const HelloFrame& hello,
                    const Refusal& refusal);
  void heard_of(const HelloFrame& hello);

  const Local& local_;
  Turn& turn_;
  OutSessions& out_;
  InSessions& in_;
  Delivery& delivery_;
  Forwarder& forwarder_;
  Membership membership_;
  bool tick_wanted_ = false;
  std::optional<TimePoint> refusal_logged_at_;  // one line a second at most
};

}  // namespace podring
