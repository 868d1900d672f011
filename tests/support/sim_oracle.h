// Watches a simulation from outside and knows what no peer can know: who truly holds what, which
// failure is still under repair, which line was written. Says which promise was broken.
//
// "The same moment" of proto-docs/delivery.md, section 1, is made exact like this. When a process
// dies holding an id, its place (boot id, or node) is a *debt* of that id. The debts of an id are
// paid when every live holder of it that had handed it to a dead one has handed it to another that
// says `received`, every live peer has noticed the death, no live holder counts a dead one, every
// ack sent while that was not so has been read or is lost, and `copies` places hold it. At every
// moment then, for every id confirmed as safe and not ended: holders' places + debts >= copies.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/ring.h"
#include "support/sim_net.h"

namespace podring::sim {

struct IdHash {
  std::size_t operator()(const EnvelopeId& id) const {
    return static_cast<std::size_t>((id.boot.value ^ id.counter) * 0x9e3779b97f4a7c15ULL);
  }
};

/// All that is known of one seeded id.
struct IdState {
  EnvelopeHead rules;         ///< as given where the seed was taken
  std::uint64_t message = 0;  ///< a hash of its text
  Pid origin = -1;
  TimePoint seeded_at;
  bool confirmed = false;  ///< SafeConfirmed was told
  bool excused = false;    ///< as many failures at the same moment as make a loss allowed
  int completed = 0;       ///< ends whose line was written
  int expired = 0;
  int ends_plain = 0;  ///< those without detours
  int receipts = 0;    ///< ReceiptArrived at its origin
  int visits = 0;
  std::vector<std::string> trace;  ///< of the first end
  bool first_end_plain = false;
  std::vector<Pid> holders;          ///< live
  std::vector<std::uint64_t> debts;  ///< places
  std::vector<BootId> dead;          ///< whose debts those are
  bool dirty = false;                ///< a live holder believes in a dead one, or in old words
  std::uint64_t dirty_before = 0;    ///< acks numbered below were sent on what was not true
  [[nodiscard]] bool ended() const { return completed + expired > 0; }
};

class Oracle {
 public:
  explicit Oracle(SimNet& net) : net_(net) {}

  void on_start(Pid pid);
  void on_gone(Pid pid);
  void on_seed(Pid pid, const SeedRequest& request, const SeedResult& result);
  void on_event(Pid pid, const Event& event);
  void on_written(Pid pid, const Event& event);
  void on_program(Pid pid, EnvelopeId id, const VisitOutcome& outcome);
  void after_turn(Pid pid);
  void after_step();

  [[nodiscard]] const std::vector<EnvelopeId>& ids() const { return order_; }
  [[nodiscard]] const IdState& id(EnvelopeId id) const { return ids_.at(id); }
  [[nodiscard]] bool under_repair() const { return !repairing_.empty(); }
  /// Ids that nobody live holds and that have not ended, though they had to.
  void check_all_ended();
  [[nodiscard]] std::size_t held_in_all() const;
  /// Laps in which a process accepted an id, in order.
  [[nodiscard]] std::vector<std::uint32_t> accepted(Pid pid, EnvelopeId id) const;
  [[nodiscard]] std::string describe(EnvelopeId id) const;

 private:
  struct Known {
    std::vector<std::uint32_t> laps;
    TimePoint forget_at;
  };
  struct Watch {
    std::uint64_t places[2] = {0, 0};
    std::vector<EnvelopeId> held;  // sorted
    std::unordered_map<EnvelopeId, Known, IdHash> known;
    std::vector<Address> view;
    std::vector<Address> passed_over;  // called down or leaving
    std::optional<Address> successor;
    Counters last;
    std::size_t queue_last = 0;
    std::size_t queue_bytes_last = 0;
  };

  void on_visit(Pid pid, const Visited& visit);
  void check_trace(Pid pid, const Envelope& envelope, Address sender);
  void check_outcomes(const Envelope& envelope, Pid last);
  void check_copies(EnvelopeId id, const IdState& state);
  void check_budgets(Pid pid, Watch& watch, const Counters& now);
  void check_step(Pid pid, const Watch& watch);
  void evaluate();
  void check_beliefs(EnvelopeId id, const IdState& state);
  [[nodiscard]] bool has_had(Pid peer, EnvelopeId id, Pid from, std::uint32_t lap) const;
  /// No live peer believes that its link to one of the dead is up.
  [[nodiscard]] bool is_noticed(const IdState& state) const;
  [[nodiscard]] bool is_dirty(EnvelopeId id, const IdState& state) const;
  [[nodiscard]] std::size_t places_of(const IdState& state, bool with_debts) const;
  /// Of an id that nobody seeded, the failure is noted and an empty one is made.
  [[nodiscard]] IdState& state_of(EnvelopeId id) {
    const auto found = ids_.find(id);
    if (found != ids_.end()) return found->second;
    net_.fail("stranger", "nobody seeded " + to_string(id));
    return ids_[id];
  }
  [[nodiscard]] const IdState& state_of(EnvelopeId id) const { return ids_.at(id); }
  [[nodiscard]] Watch& watch(Pid pid) { return watches_[static_cast<std::size_t>(pid)]; }
  [[nodiscard]] const Watch& watch(Pid pid) const {
    return watches_[static_cast<std::size_t>(pid)];
  }

  SimNet& net_;
  std::vector<Watch> watches_;
  std::unordered_map<EnvelopeId, IdState, IdHash> ids_;
  std::vector<EnvelopeId> order_;
  std::vector<EnvelopeId> repairing_;
  std::vector<EnvelopeId> to_check_;
  std::map<std::pair<Pid, EnvelopeId>, std::vector<VisitOutcome>> program_said_;
  std::vector<TraceEntry> entries_;
  TimePoint evaluate_at_{};
};

}  // namespace podring::sim
