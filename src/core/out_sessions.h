// The sessions that this peer opens: one link to each peer that it dials. In: dials, hello answers,
// frames heard, sends. Out: Dial and HangUp actions, hello and ping frames, time-outs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/codec.h"
#include "core/local.h"
#include "core/round_trip.h"
#include "core/send_window.h"
#include "core/timer_table.h"
#include "core/turn.h"

namespace podring {

enum class LinkTimer : std::uint8_t {
  hello_timeout,  ///< dialling, greeting: given up then
  hello_again,    ///< greeting
  ping,           ///< up
  silence,        ///< up: lost then
  resend,         ///< something was sent that the remote does not say it has
  ask,            ///< something is received and not released
  count
};

/// How often in a row a link's timers fired, and what is offered to a remote without credit.
struct Retries {
  static constexpr std::size_t kOfferMax = 64;
  unsigned resends = 0;
  unsigned asks = 0;
  /// When one envelope more is offered to a remote without credit. No timer of the table: it counts
  /// only while something waits for this very link.
  TimePoint offer_at = TimePoint::max();
  std::size_t offered = 1;  ///< at once: doubles while the remote takes them
};

/// The ping that is under way, and what pings alone measure: no other lane carries them.
struct Pings {
  RoundTrip round_trip;
  std::uint64_t token = 0;  ///< 0: none is under way
  TimePoint sent_at;
};

struct OutSession {
  enum class Phase : std::uint8_t { dialling, greeting, up };
  LinkId id = 0;
  Address to;
  Phase phase = Phase::dialling;
  std::uint8_t version = 1;
  std::uint64_t session = 0;
  Identity remote;
  bool takes_status = false;
  std::uint64_t sites[2] = {0, 0};  ///< the remote's, by CopiesOn
  SendWindow window;
  TimerTable<LinkTimer> timers;
  Retries retries;
  RoundTrip round_trip;
  Pings pings;
  std::optional<std::size_t> frame_max;  ///< the transport's wish for batches
  TimePoint last_heard;
  TimePoint idle_since;

  [[nodiscard]] bool is_up() const { return phase == Phase::up; }
  [[nodiscard]] FrameHeader header() const { return {version, session}; }
};

class OutSessions {
 public:
  static constexpr std::uint64_t kWindowMax = 1 << 20;  ///< numbers between floor and newest

  OutSessions(const Local& local, Turn& turn);

  [[nodiscard]] OutSession* find(LinkId id);
  [[nodiscard]] const OutSession* find(LinkId id) const;
  [[nodiscard]] OutSession* find(Address to);
  [[nodiscard]] const OutSession* find(Address to) const;
  [[nodiscard]] const std::vector<std::unique_ptr<OutSession>>& all() const { return links_; }
  /// The link to the successor; nullptr: nobody to hand on to.
  [[nodiscard]] OutSession* target() { return target_ == 0 ? nullptr : find(target_); }
  [[nodiscard]] const OutSession* target() const { return target_ == 0 ? nullptr : find(target_); }
  /// True: it is another one than before.
  bool set_target(std::optional<Address> successor);

  void dial(Address to);
  /// Its envelopes must have been rerouted.
  void hang_up(LinkId id);
  void on_connected(OutSession& link, Credit credit);
  void say_hello(OutSession& link, Credit credit);
  void on_up(OutSession& link, const HelloFrame& hello, std::uint8_t version);
  /// Any frame of the remote.
  void on_heard(OutSession& link);
  void on_pong(OutSession& link, const PongFrame& pong);
  /// With numbers whose present level is asked for.
  void ping(OutSession& link, std::vector<SequenceRange> asks);
  void ask(OutSession& link);
  void send(const OutSession& link, Bytes frame, std::optional<SendId> id = std::nullopt) {
    turn_.send_link(link.id, std::move(frame), id);
  }
  /// The remote has credit again: what was turned away is sent again at once.
  void use_credit(OutSession& link, bool had_credit);

  /// The retransmission time-out, +-10 % so that many peers do not resend in step.
  [[nodiscard]] Duration timeout(const OutSession& link, unsigned expiries);
  /// Batches stop growing here.
  [[nodiscard]] std::size_t frame_max(const OutSession& link) const;
  /// This process was late by itself: nobody is to be blamed for the silence in between.
  void put_off(Duration late);
  [[nodiscard]] TimePoint next_deadline() const;
  void check_invariants() const;

 private:
  const Local& local_;
  Turn& turn_;
  std::vector<std::unique_ptr<OutSession>> links_;
  LinkId next_link_ = 1;
  std::uint64_t next_session_;
  std::uint64_t next_token_ = 1;
  LinkId target_ = 0;  // 0: nobody
};

}  // namespace podring
