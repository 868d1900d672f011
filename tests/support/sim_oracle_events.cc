// What the oracle makes of the core's events: visits, ends, words to clients, views.
#include <algorithm>

#include "support/sim_oracle.h"

namespace podring::sim {

void Oracle::on_seed(Pid pid, const SeedRequest& request, const SeedResult& result) {
  if (result.error != SeedError::none) return;
  const Settings& settings = net_.settings(pid);
  if (net_.peer(pid).queue_used() + 1 > settings.queue) {
    net_.fail("bubble", net_.name(pid) + " took a seed into the last free slot");
  }
  for (std::uint32_t i = 0; i < request.count; ++i) {
    const EnvelopeId id{result.first.boot, result.first.counter + i};
    IdState& state = ids_[id];
    state.rules.id = id;
    state.rules.origin = net_.peer(pid).self().address;
    state.rules.copies = settings.copies;
    state.rules.copies_on = settings.copies_on;
    state.rules.limit_kind = request.laps ? LimitKind::laps : LimitKind::hops;
    state.rules.limit = request.laps ? *request.laps : request.hops.value_or(settings.hops);
    state.rules.receipt = request.receipt;
    state.rules.time_left_ms = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(request.ttl.value_or(settings.ttl))
            .count());
    state.message = fnv1a(request.message);
    state.origin = pid;
    state.seeded_at = net_.now();
    order_.push_back(id);
  }
}

void Oracle::on_event(Pid pid, const Event& event) {
  Watch& its = watch(pid);
  if (const auto* visit = std::get_if<Visited>(&event)) {
    on_visit(pid, *visit);
  } else if (const auto* safe = std::get_if<SafeConfirmed>(&event)) {
    IdState& state = state_of(safe->id);
    if (state.confirmed)
      net_.fail("safe_twice", net_.name_of(safe->id) + " is confirmed a second time");
    if (state.origin != pid)
      net_.fail("safe_elsewhere", net_.name(pid) + " confirms " + net_.name_of(safe->id));
    state.confirmed = true;
    to_check_.push_back(safe->id);
  } else if (const auto* receipt = std::get_if<ReceiptArrived>(&event)) {
    IdState& state = state_of(receipt->envelope.head.id);
    ++state.receipts;
    const bool told = receipt->end == End::completed ? state.completed > 0 : state.expired > 0;
    const auto last = annotations_of(receipt->envelope).last_visit;
    check_outcomes(receipt->envelope, last ? net_.pid_of(last->first) : pid);
    if (!told) {
      net_.fail("receipt_before_end", net_.name(pid) + " knows of an end of " +
                                          net_.name_of(receipt->envelope.head.id) +
                                          " that no log has");
    }
  } else if (const auto* change = std::get_if<ViewChanged>(&event)) {
    for (const Address& gone : change->removed) {
      std::erase(its.view, gone);
      std::erase(its.passed_over, gone);
    }
    its.view.insert(its.view.end(), change->added.begin(), change->added.end());
    std::sort(its.view.begin(), its.view.end());
    if (its.view.size() != change->size)
      net_.fail("view", net_.name(pid) + " says that its view has " + std::to_string(change->size) +
                            ", its changes add up to " + std::to_string(its.view.size()));
  } else if (const auto* health = std::get_if<PeerHealth>(&event)) {
    std::erase(its.passed_over, health->peer);
    if (health->state != PeerHealth::State::up) its.passed_over.push_back(health->peer);
  } else if (const auto* successor = std::get_if<SuccessorChanged>(&event)) {
    its.successor = successor->successor;
  }
}

void Oracle::on_visit(Pid pid, const Visited& visit) {
  const EnvelopeHead& head = visit.envelope.head;
  const auto found = ids_.find(head.id);
  if (found == ids_.end()) return net_.fail("stranger", "nobody seeded " + to_string(head.id));
  IdState& state = found->second;
  ++state.visits;
  Watch& its = watch(pid);
  Known& known = its.known[head.id];
  if (!known.laps.empty() && head.lap <= known.laps.back()) {
    const Counters& counters = net_.peer(pid).counters();
    const bool held_all_along = counters.let_go == its.last.let_go &&
                                std::binary_search(its.held.begin(), its.held.end(), head.id);
    const bool forgotten =
        !held_all_along && (net_.now() >= known.forget_at || counters.forgotten_early > 0);
    if (!forgotten) {
      net_.fail("twice_in_lap", net_.name(pid) + " accepts " + net_.name_of(head.id) +
                                    " again in lap " + std::to_string(head.lap) + " after lap " +
                                    std::to_string(known.laps.back()));
    }
  }
  known.laps.push_back(head.lap);
  known.forget_at =
      net_.now() + std::chrono::milliseconds{head.time_left_ms} + net_.settings(pid).memory_grace;
  EnvelopeHead rules = state.rules;
  rules.hop = head.hop;
  rules.lap = head.lap;
  rules.time_left_ms = head.time_left_ms;
  if (rules != head || state.message != fnv1a(visit.envelope.message())) {
    net_.fail("rules", net_.name_of(head.id) + " came to " + net_.name(pid) +
                           " with other rules or another text than it was given");
  }
  if (head.time_left_ms > state.rules.time_left_ms ||
      (head.limit_kind == LimitKind::hops ? head.hop : head.lap) > head.limit) {
    net_.fail("rules", net_.name_of(head.id) + " goes on beyond its limit");
  }
  if (net_.options().check_traces) check_trace(pid, visit.envelope, visit.sender);
}

/// The names before this peer, in order; the lap recounted from their addresses.
void Oracle::check_trace(Pid pid, const Envelope& envelope, Address sender) {
  const EnvelopeHead& head = envelope.head;
  if (envelope.trace_count + envelope.trace_omitted != head.hop) {
    return net_.fail("trace", net_.name_of(head.id) + " at hop " + std::to_string(head.hop) +
                                  " has " + std::to_string(envelope.trace_count) +
                                  " names in its trace");
  }
  if (head.hop == 0 || envelope.trace_omitted > 0) return;
  trace_into(envelope, entries_);
  std::uint32_t lap = 0;
  Address before = head.origin;
  for (std::size_t i = 1; i <= entries_.size(); ++i) {
    const Pid next = i == entries_.size() ? pid : net_.pid_of(std::string{entries_[i].pod});
    if (next < 0) return net_.fail("trace", "an unknown name in " + net_.name_of(head.id));
    const Address at = net_.peer(next).self().address;
    lap += passes(before, at, head.origin) ? 1 : 0;
    before = at;
  }
  const Pid last = net_.pid_of(std::string{entries_.back().pod});
  const Pid first = net_.pid_of(std::string{entries_.front().pod});
  if (last < 0 || net_.peer(last).self().address != sender || first < 0 ||
      net_.peer(first).self().address != head.origin) {
    return net_.fail("trace", net_.name_of(head.id) + " at " + net_.name(pid) +
                                  " does not name its origin first and its sender last");
  }
  if (lap != head.lap) {
    net_.fail("lap", net_.name_of(head.id) + " at " + net_.name(pid) + " says lap " +
                         std::to_string(head.lap) + ", its trace makes " + std::to_string(lap));
  }
}

void Oracle::on_written(Pid pid, const Event& event) {
  const auto* ended = std::get_if<Ended>(&event);
  if (ended == nullptr) return;
  const EnvelopeHead& head = ended->envelope.head;
  IdState& state = state_of(head.id);
  check_outcomes(ended->envelope, pid);
  const bool plain = ended->envelope.detours.empty();
  if (!state.ended()) {
    for (const TraceEntry& entry : trace_of(ended->envelope)) state.trace.emplace_back(entry.pod);
    state.first_end_plain = plain;
  }
  ++(ended->end == End::completed ? state.completed : state.expired);
  state.ends_plain += plain ? 1 : 0;
  if (state.ends_plain > 1) {
    net_.fail("second_end", net_.name_of(head.id) + " ends again at " + net_.name(pid) +
                                " and neither line tells of a detour");
  }
  if (ended->end == End::expired &&
      net_.now() - state.seeded_at < std::chrono::milliseconds{state.rules.time_left_ms}) {
    net_.fail("expired_early",
              net_.name_of(head.id) + " expires at " + net_.name(pid) + " with time left");
  }
}

}  // namespace podring::sim
