// What happens to an envelope here: it is accepted, visits, waits to be handed on or ends, is
// acknowledged, and is released (proto-docs/delivery.md sections 2, 3, 6, 7). In: copies that
// arrive, acks, lines that are written. Out: custody, queue places, acknowledgement levels, events.
// Joins Custody, ForwardQueue, both tables of sessions, the log gate and the clients that wait.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/custody.h"
#include "core/forward_queue.h"
#include "core/in_sessions.h"
#include "core/local.h"
#include "core/log_gate.h"
#include "core/out_sessions.h"
#include "core/relay_codec.h"
#include "core/seed_clients.h"
#include "core/turn.h"

namespace podring {

/// A receipt in custody that the ring has carried past its origin.
struct Stranded {
  EntryIndex entry = kNoEntry;
  EnvelopeId id;
};

/// On which number of which session a copy came.
struct Arrival {
  Address sender;
  SessionIndex session = kNoSession;  ///< kNoSession: a hand-over to oneself
  std::uint64_t sequence = 0;
};

class Delivery {
 public:
  Delivery(const Local& local, Turn& turn, RelayCodecs& codecs, OutSessions& out, InSessions& in);

  // ---- coming in
  /// `from_member`: what it hands over may be anybody's; else only what it has seeded itself.
  void on_relay(SessionIndex index, const RelayFrame& relay, bool from_member);
  /// The newest number that was given to a message of this peer's own.
  void set_last_counter(std::uint64_t counter) { last_counter_ = counter; }
  /// The envelope is taken, and what it is swapped for is scratch; or it is left as it is.
  void accept(const Arrival& arrival, Envelope& envelope);
  /// A message of this peer's own, with its id; there is room for it.
  void accept_seed(Envelope& envelope, Address sender);

  /// What the program beside this pod said of a visit; of an unknown one nothing comes.
  void on_delivered(const Delivered& result);

  // ---- the successor's acks
  void on_ack(OutSession& link, const AckFrame& ack);

  // ---- what becomes of it
  /// Everybody who waits is told what is true now: the replicas, or that they are enough.
  void update_level(EntryIndex index);
  /// To the front when it comes back from a dead session.
  void enqueue(EntryIndex index, bool rerouted = false);
  /// No time is left.
  void expire(EntryIndex index);
  void release(EntryIndex index, bool final);
  void on_written(LogTicket up_to);

  // ---- receipts that passed their origin
  [[nodiscard]] std::vector<Stranded> take_stranded() { return std::exchange(stranded_, {}); }
  [[nodiscard]] bool is_stranded(const Stranded& receipt) const;
  void give_up_receipt(EntryIndex index);

  [[nodiscard]] Custody& custody() { return custody_; }
  [[nodiscard]] const Custody& custody() const { return custody_; }
  [[nodiscard]] ForwardQueue& queue() { return queue_; }
  [[nodiscard]] const ForwardQueue& queue() const { return queue_; }
  [[nodiscard]] SeedClients& clients() { return clients_; }
  [[nodiscard]] bool waits_for_log() const { return gate_.is_waiting(); }
  /// nullopt: not held here.
  [[nodiscard]] std::optional<HeldStatus> status_of(EnvelopeId id) const;
  void check_invariants() const;

 private:
  struct AckEffect {
    std::optional<TimePoint> sampled;  // when that was sent which is received for the first time
    bool received_any = false;
    bool released_any = false;
  };
  // accepting
  [[nodiscard]] bool is_believable(const InSession& session, const EnvelopeHead& head,
                                   bool from_member) const;
  [[nodiscard]] bool is_acceptable(const InSession& session, const RelayFrame& relay) const;
  [[nodiscard]] bool admit(const Arrival& arrival, const Envelope& envelope,
                           const Remembered* known);
  void tie_duplicate(const Arrival& arrival, const Remembered& original);
  void wait_for_acks(EntryIndex index, const Arrival& arrival);
  void arrive(EntryIndex index);
  void ask_program(EntryIndex index);
  void proceed(EntryIndex index);
  void arrive_as_receipt(EntryIndex index);
  [[nodiscard]] Duration target_timeout() const;
  // acks
  void on_range(OutSession& link, const AckRange& range, bool stale, AckEffect& effect);
  void on_first_received(OutSession& link, SendWindow::Slot& slot, AckEffect& effect);
  void prefetch(const SendWindow& window, std::uint64_t sequence) const;
  void restart_timers(OutSession& link, const AckEffect& effect, bool had_credit);
  // ends
  void end(EntryIndex index, End how);
  void on_end_written(EntryIndex index);
  void receipt_arrived(EntryIndex index);
  void report_end(const Envelope& envelope, End how);
  void report_stage(EnvelopeId id, Stage stage, SeededFrame seeded);
  // custody
  void set_level(const CustodyEntry& entry, const AckState& state);
  void detach(CustodyEntry& entry);
  void confirm_safe(CustodyEntry& entry);
  void count_in(const CustodyEntry& entry) { queue_.count_in(turn_.steady(), entry.bytes); }
  void count_out(const CustodyEntry& entry) { queue_.count_out(turn_.steady(), entry.bytes); }

  const Local& local_;
  Turn& turn_;
  RelayCodecs& codecs_;
  OutSessions& out_;
  InSessions& in_;
  Custody custody_;
  ForwardQueue queue_;
  LogGate gate_;
  SeedClients clients_;
  std::vector<Stranded> stranded_;  // since they were last taken
  std::uint64_t last_counter_ = 0;
  std::uint32_t deliveries_ = 0;  // started; the upper half of their numbers
  Envelope scratch_;
};

}  // namespace podring
