#include "support/sim_oracle.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace podring::sim {
namespace {

constexpr std::size_t kAnnotationGrowthMax = 300;  // a record of an outcome, a name of 253 bytes

constexpr auto kEvaluateEvery = std::chrono::milliseconds{5};

/// What counts against the queue, from what the peer says of each envelope, not of their sum: all
/// but those that the successor has.
std::size_t waiting_in(const Peer& peer) {
  const std::vector<EnvelopeId> ids = peer.held_ids();
  return static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), [&](EnvelopeId id) {
    return peer.held_status(id)->stage != HeldStatus::Stage::received;
  }));
}

template <typename T>
bool contains(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

// ---- processes come and go
// ------------------------------------------------------------------------

void Oracle::on_start(Pid pid) {
  watches_.emplace_back();
  const Identity& self = net_.peer(pid).self();
  watch(pid).places[0] = site_of(self, CopiesOn::peers);
  watch(pid).places[1] = site_of(self, CopiesOn::nodes);
  watch(pid).view = {self.address};
}

void Oracle::on_gone(Pid pid) {
  evaluate();
  Watch& gone = watch(pid);
  for (const EnvelopeId& id : gone.held) {
    IdState& state = state_of(id);
    std::erase(state.holders, pid);
    const std::uint64_t place = gone.places[static_cast<int>(state.rules.copies_on)];
    if (!contains(state.debts, place)) state.debts.push_back(place);
    state.dead.push_back(net_.peer(pid).self().boot);
    if (state.debts.size() >= state.rules.copies || !state.confirmed) state.excused = true;
    state.dirty = true;
    state.dirty_before = net_.acks_under_way().next();
    if (!contains(repairing_, id)) repairing_.push_back(id);
    check_copies(id, state);
  }
  gone.held.clear();
}

// ---- repairs
// ---------------------------------------------------------------------------------------

std::size_t Oracle::places_of(const IdState& state, bool with_debts) const {
  std::vector<std::uint64_t> places;
  const auto add = [&](std::uint64_t place) {
    if (!contains(places, place)) places.push_back(place);
  };
  for (const Pid holder : state.holders)
    add(watch(holder).places[static_cast<int>(state.rules.copies_on)]);
  if (with_debts) {
    for (const std::uint64_t place : state.debts) add(place);
  }
  return places.size();
}

/// `peer` has accepted the id in the lap in which `from` hands it over, or later.
bool Oracle::has_had(Pid peer, EnvelopeId id, Pid from, std::uint32_t lap) const {
  const auto found = watch(peer).known.find(id);
  if (found == watch(peer).known.end()) return false;
  const Address x = SimNet::address_of(net_.host(from));
  const Address y = SimNet::address_of(net_.host(peer));
  return found->second.laps.back() >= lap + (passes(x, y, state_of(id).rules.origin) ? 1 : 0);
}

bool Oracle::is_dirty(EnvelopeId id, const IdState& state) const {
  for (const Pid holder : state.holders) {
    const std::optional<HeldStatus> status = net_.peer(holder).held_status(id);
    if (!status) continue;
    using Stage = HeldStatus::Stage;
    if (status->stage == Stage::sent || status->stage == Stage::received) {
      const Pid successor = net_.pid_of(status->successor);
      if (successor < 0 || !net_.alive(successor)) return true;
      // The successor has let go, and the holder has not read so yet: it may still do on old words.
      if (!contains(state.holders, successor) && has_had(successor, id, holder, status->lap))
        return true;
    }
    if (status->attempt >= 1 && status->stage == Stage::queued) return true;
    // Somebody was told `safe` and has not read it: it will be told so again, whatever became
    // since.
    if (status->reported_safe) return true;
    // A branch that was left behind: somebody ahead has had it, let go, and will say so.
    for (const Pid other : net_.live()) {
      if (!contains(state.holders, other) && has_had(other, id, holder, status->lap)) return true;
    }
    if (status->attempt >= 2 && status->stage == Stage::sent) return true;
    for (int i = 0; i < status->replica_count; ++i) {
      const std::uint64_t named = status->replicas[i];
      if (state.rules.copies_on == CopiesOn::peers) {
        const Pid pid = net_.pid_of(BootId{named});
        if (pid < 0 || !net_.alive(pid)) return true;
      } else if (std::none_of(state.holders.begin(), state.holders.end(),
                              [&](Pid other) { return watch(other).places[1] == named; })) {
        return true;
      }
    }
  }
  return false;
}

bool Oracle::is_noticed(const IdState& state) const {
  for (const Pid pid : net_.live()) {
    for (const LinkStatus& link : net_.status(pid).links) {
      if (link.up && link.identity && contains(state.dead, link.identity->boot)) return false;
    }
  }
  return true;
}

/// When no ack is under way, what a holder believes is what its successor would say.
void Oracle::check_beliefs(EnvelopeId id, const IdState& state) {
  for (const Pid holder : state.holders) {
    const std::optional<HeldStatus> status = net_.peer(holder).held_status(id);
    if (!status || status->stage != HeldStatus::Stage::received) continue;
    const Pid successor = net_.pid_of(status->successor);
    if (successor < 0 || !net_.alive(successor) || !net_.connected(holder, successor)) continue;
    const std::optional<HeldStatus> next = net_.peer(successor).held_status(id);
    if (!next || next->stage == HeldStatus::Stage::logging) continue;
    for (int i = 0; i < status->replica_count; ++i) {
      const std::uint64_t named = status->replicas[i];
      if (named == watch(successor).places[static_cast<int>(state.rules.copies_on)] ||
          (next->replica_count > 0 && named == next->replicas[0]) ||
          (next->replica_count > 1 && named == next->replicas[1]))
        continue;
      net_.fail("belief", net_.name(holder) + " counts a copy of " + net_.name_of(id) + " that " +
                              net_.name(successor) + " does not name any more");
    }
  }
}

void Oracle::evaluate() {
  // An ack that is lost with its datagram comes back to the lane that took it, and is said again.
  const bool quiet = net_.options().lane == Lane::stream &&
                     net_.acks_under_way().oldest() == net_.acks_under_way().next() &&
                     net_.lane_frames_open() == 0;
  for (std::size_t i = 0; i < repairing_.size();) {
    const EnvelopeId id = repairing_[i];
    IdState& state = state_of(id);
    bool paid = state.ended() || state.holders.empty();
    if (!paid) {
      if (quiet) check_beliefs(id, state);
      const bool was_dirty = std::exchange(state.dirty, is_dirty(id, state));
      if (state.dirty || was_dirty) {
        state.dirty_before = net_.acks_under_way().next();
      } else if (net_.acks_under_way().oldest() >= state.dirty_before) {
        paid = places_of(state, false) >= state.rules.copies && is_noticed(state);
      }
    }
    if (paid) {
      if (!state.holders.empty()) {
        state.debts.clear();
        state.dead.clear();
      }
      repairing_[i] = repairing_.back();
      repairing_.pop_back();
    } else {
      ++i;
    }
  }
}

void Oracle::after_step() {
  if (repairing_.empty() || net_.now() < evaluate_at_) return;
  evaluate_at_ = net_.now() + kEvaluateEvery;
  evaluate();
}

void Oracle::check_copies(EnvelopeId id, const IdState& state) {
  // After as many failures at one moment as make a loss allowed, a peer that let go before them may
  // still say `safe` to a branch that was left behind: what it knew of is gone.
  if (!state.confirmed || state.ended() || state.excused) return;
  const std::size_t places = places_of(state, true);
  if (places >= state.rules.copies) return;
  net_.fail(state.holders.empty() ? "lost" : "copies",
            net_.name_of(id) + " is safe and has " + std::to_string(places) + " of " +
                std::to_string(state.rules.copies) + " copies: " + describe(id));
}

std::string Oracle::describe(EnvelopeId id) const {
  const IdState& state = state_of(id);
  std::string text = "held by";
  for (const Pid holder : state.holders) text += " " + net_.name(holder);
  if (state.holders.empty()) text += " nobody";
  text += ", debts " + std::to_string(state.debts.size()) + ", completed " +
          std::to_string(state.completed) + ", expired " + std::to_string(state.expired);
  if (!state.confirmed) text += ", not confirmed";
  return text;
}

// ---- turns
// -----------------------------------------------------------------------------------------

void Oracle::after_turn(Pid pid) {
  Watch& its = watch(pid);
  const Peer& peer = net_.peer(pid);
  std::vector<EnvelopeId> held = peer.held_ids();
  std::sort(held.begin(), held.end());
  if (const auto twice = std::adjacent_find(held.begin(), held.end()); twice != held.end()) {
    net_.fail("held_once", net_.name(pid) + " holds " + net_.name_of(*twice) + " twice");
    held.erase(std::unique(held.begin(), held.end()), held.end());
  }
  if (held != its.held) {
    auto before = its.held.begin();
    for (const EnvelopeId& id : held) {
      while (before != its.held.end() && *before < id) to_check_.push_back(*before++);
      if (before != its.held.end() && *before == id) {
        ++before;
        continue;
      }
      state_of(id).holders.push_back(pid);
    }
    to_check_.insert(to_check_.end(), before, its.held.end());
    for (const EnvelopeId& id : its.held) {
      if (std::binary_search(held.begin(), held.end(), id)) continue;
      std::erase(state_of(id).holders, pid);
    }
    std::swap(its.held, held);
  }
  for (const EnvelopeId& id : to_check_) check_copies(id, state_of(id));
  to_check_.clear();
  const Counters& now = peer.counters();
  if (net_.options().check_steps && now.hops_sent != its.last.hops_sent) check_step(pid, its);
  check_budgets(pid, its, now);
  its.last = now;
}

/// Every hand-over goes to the next one in the view of its sender, less those that the sender's log
/// calls down or leaving: so verify-logs can follow.
void Oracle::check_step(Pid pid, const Watch& its) {
  const Address self = net_.peer(pid).self().address;
  if (its.view.size() == 1) return;
  if (!its.successor) return net_.fail("step", net_.name(pid) + " hands on without a successor");
  auto at = std::upper_bound(its.view.begin(), its.view.end(), self);
  for (std::size_t i = 1; i < its.view.size(); ++i, ++at) {
    if (at == its.view.end()) at = its.view.begin();
    if (*at == *its.successor) return;
    if (!contains(its.passed_over, *at)) break;
  }
  net_.fail("step", net_.name(pid) + " hands to " + net_.name_of(*its.successor) + " though " +
                        (at == its.view.end() ? "?" : net_.name_of(*at)) +
                        " is next and not called down");
}

void Oracle::check_budgets(Pid pid, Watch& its, const Counters& now) {
  const Peer& peer = net_.peer(pid);
  const Settings& settings = net_.settings(pid);
  const std::size_t used = peer.queue_used();
  const std::size_t bytes = peer.queue_used_bytes();
  // Beyond the bound only by what came back from a dead session, and by the valve of a ring that
  // stands still; both are counted.
  const std::uint64_t grown =
      (now.detours - its.last.detours) + (now.transit_over_queue - its.last.transit_over_queue);
  if (used > std::max(settings.queue, its.queue_last) + grown) {
    net_.fail("queue_bound", net_.name(pid) + " has " + std::to_string(used) + " of " +
                                 std::to_string(settings.queue) + " in its queue");
  }
  // An envelope that comes back takes the place of the earlier one, which had fewer names. What a
  // program said, and who ended it, is added to an envelope that is in the queue already.
  const std::uint64_t annotated =
      settings.deliver ? used + 1
                       : now.completed - its.last.completed + now.expired - its.last.expired;
  if (grown == 0 && now.merges == its.last.merges &&
      bytes >
          std::max(settings.queue_bytes, its.queue_bytes_last) + annotated * kAnnotationGrowthMax) {
    net_.fail("queue_bound", net_.name(pid) + " has " + std::to_string(bytes) + " of " +
                                 std::to_string(settings.queue_bytes) + " bytes in its queue");
  }
  if (now.transit_shed_full != its.last.transit_shed_full && now.completed == its.last.completed &&
      now.expired == its.last.expired && now.let_go == its.last.let_go &&
      now.frames_received - its.last.frames_received == 1 && waiting_in(peer) < settings.queue &&
      std::max(bytes, its.queue_bytes_last) + 4096 <
          settings.queue_bytes)  // the largest, late in a lap
  {
    net_.fail("shed_with_room", net_.name(pid) + " turned an envelope away with " +
                                    std::to_string(waiting_in(peer)) + " of " +
                                    std::to_string(settings.queue) + " in its queue");
  }
  its.queue_last = used;
  its.queue_bytes_last = bytes;
}

// ---- at the end
// ------------------------------------------------------------------------------------

std::size_t Oracle::held_in_all() const {
  std::size_t held = 0;
  for (const Watch& its : watches_) held += its.held.size();
  return held;
}

void Oracle::check_all_ended() {
  for (const EnvelopeId& id : order_) {
    const IdState& state = state_of(id);
    if (state.ended() || state.excused) continue;
    net_.fail("never_ended", net_.name_of(id) + " never ended: " + describe(id));
  }
}

std::vector<std::uint32_t> Oracle::accepted(Pid pid, EnvelopeId id) const {
  const auto found = watch(pid).known.find(id);
  return found == watch(pid).known.end() ? std::vector<std::uint32_t>{} : found->second.laps;
}

}  // namespace podring::sim
