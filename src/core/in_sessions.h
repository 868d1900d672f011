// The sessions that others open to this peer: predecessors and clients. In: hellos that were found
// acceptable, numbers that came, acknowledgement levels. Out: acks, each when it is due.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/codec.h"
#include "core/local.h"
#include "core/receive_window.h"
#include "core/turn.h"

namespace podring {

using SessionIndex = std::uint32_t;
inline constexpr SessionIndex kNoSession = UINT32_MAX;

struct InSession {
  bool used = false;
  bool leaving = false;
  bool takes_status = false;
  /// The dialler was last told that there is no credit.
  bool advertised_none = false;
  Role role = Role::peer;
  std::uint8_t version = 1;
  std::uint32_t generation = 0;  ///< of this place in the table
  RouteId route = 0;
  std::uint64_t session = 0;
  Identity remote;
  Address source;  ///< where its connection comes from
  TimePoint last_heard;
  ReceiveWindow window;

  [[nodiscard]] FrameHeader header() const { return {version, session}; }
  [[nodiscard]] bool is_peer() const { return used && role == Role::peer; }
};

class InSessions {
 public:
  InSessions(const Local& local, Turn& turn) : local_{local}, turn_{turn} {}

  [[nodiscard]] InSession& operator[](SessionIndex index) { return sessions_[index]; }
  [[nodiscard]] const InSession& operator[](SessionIndex index) const { return sessions_[index]; }
  /// In the order of the table, free places included.
  [[nodiscard]] const std::vector<InSession>& all() const { return sessions_; }
  /// kNoSession: nobody has said hello on this route with this number.
  [[nodiscard]] SessionIndex find(RouteId route, std::uint64_t session) const;
  /// Whatever its number.
  [[nodiscard]] SessionIndex find(RouteId route) const;
  [[nodiscard]] bool is_waiting(const Waiter& waiter) const {
    const InSession& session = sessions_[waiter.session];
    return session.used && session.generation == waiter.generation;
  }

  enum class Opening : std::uint8_t { taken, late, elsewhere, foreign, too_many };
  struct Opened {
    Opening how = Opening::taken;
    SessionIndex index = kNoSession;
  };
  /// A hello that nothing speaks against. A higher number of the same process, or anything new on
  /// the same route, takes the place of what was there; but a hello from another source than that
  /// of a live session of this process does not (`foreign`).
  [[nodiscard]] Opened open(RouteId route, Address source, std::uint64_t session,
                            const HelloFrame& hello, std::uint8_t version);
  void answer(SessionIndex index, const HelloFrame& hello, Credit credit);
  /// Sessions silent for long are forgotten.
  void forget_silent();
  void refuse(RouteId route, FrameHeader to, RefuseCode code, const std::string& reason,
              std::uint64_t request = 0);
  void send(const InSession& session, Bytes frame, std::optional<SendId> id = std::nullopt) {
    turn_.send_route(session.route, std::move(frame), id);
  }

  /// Whoever waits there is told.
  void set(const Waiter& waiter, const AckState& state);
  void repeat(SessionIndex index, std::uint64_t sequence);
  void on_ping(SessionIndex index, const PingFrame& ping, Credit credit);
  /// An ack did not arrive: what is true by now of what it carried, and the credit, again.
  void on_ack_lost(SessionIndex index, const SendId& id);
  void write_acks(Credit credit);
  [[nodiscard]] bool has_unreported() const { return !with_unreported_.empty(); }
  /// A dialler was told that the entry is safe, and waits still.
  [[nodiscard]] bool has_reported_safe(EntryIndex entry) const;
  [[nodiscard]] TimePoint next_ack() const;
  /// Nobody is left without the last ack: a dialler raises its floor once it has read it.
  [[nodiscard]] bool all_done(TimePoint now) const;
  void put_off(Duration late);

 private:
  void drop(SessionIndex index);
  [[nodiscard]] bool evict();
  [[nodiscard]] SessionIndex take_place();
  void write(InSession& session, Credit credit);
  /// True: nothing is left to be told there.
  bool write_ack(SessionIndex index, Credit credit);
  void note_advertised(InSession& session, Credit credit);
  template <typename Change>
  void change(SessionIndex index, const Change& of_window);

  const Local& local_;
  Turn& turn_;
  std::vector<InSession> sessions_;
  std::vector<SessionIndex> free_;
  std::unordered_map<RouteId, SessionIndex> by_route_;
  std::map<BootId, SessionIndex> by_boot_;
  std::vector<SessionIndex> with_unreported_;
  std::size_t advertised_none_ = 0;  // sessions
  AckFrame ack_;                     // scratch
};

}  // namespace podring
