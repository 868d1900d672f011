#include "verify_logs/judge.h"

#include <algorithm>
#include <tuple>

#include "core/ring.h"
#include "verify_logs/log_line.h"

namespace podring::verify {
namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string hop_text(const Record& record) { return "hop " + number(record.hop); }

/// What keeps a log from being the whole of what its process wrote; empty: nothing.
std::string why_not_whole(const ProcessLog& log, bool logs_whole) {
  if (log.lines == 0) return "there is no log of " + describe(log);
  if (log.first_seq > 0) return "the log of " + describe(log) + " has no beginning";
  if (!log.gaps.empty()) return "the log of " + describe(log) + " has gaps";
  if (log.cut) return "the log of " + describe(log) + " is cut";
  if (!log.info_logged) return "the log of " + describe(log) + " has no ends (--log-level)";
  if (!log.stopped && !logs_whole)
    return "the log of " + describe(log) + " has no end (no stopped)";
  return {};
}

}  // namespace

Judge::Judge(Logs& logs, Verdict& verdict, JudgeOptions options)
    : logs_{logs}, verdict_{verdict}, options_{std::move(options)} {
  constexpr std::size_t kNamedMax = 3;
  std::size_t not_whole = 0;
  for (const auto& log : logs_.processes()) {
    name_of_.push_back(logs_.texts().number_of(log->pod));
    address_of_.push_back(logs_.texts().number_of(log->address ? to_string(*log->address) : ""));
    if (log->lines > 0 && !(log->hops_logged && log->info_logged)) visits_logged_ = false;
    const std::string why = why_not_whole(*log, options_.logs_whole);
    if (why.empty() || ++not_whole > kNamedMax) continue;
    not_whole_ += (not_whole_.empty() ? "" : "; ") + why;
  }
  if (not_whole > kNamedMax) not_whole_ += "; and " + number(not_whole - kNamedMax) + " more";
}

std::vector<std::string> Judge::not_checked() const {
  std::vector<std::string> sentences;
  if (logs_.totals().words > 0) {
    sentences.push_back(number(logs_.totals().words) +
                        " lines are of --log-format text, made for people: run the pods with "
                        "--log-format json");
  }
  if (!visits_logged_) {
    sentences.push_back(
        "some pods ran with --log-hops false (or a --log-level above info): where they were "
        "visited, "
        "order, completeness of the visits, traces and a second acceptance in one lap are not "
        "checked; ends and losses are");
  }
  return sentences;
}

void Judge::take(std::span<const Record> records) {
  sort_out(records);
  ++totals_.ids;
  totals_.seeded += seeds_.empty() ? 0 : 1;
  totals_.safe += safes_.empty() ? 0 : 1;
  totals_.visits += visits_.size();
  check_seed();
  check_visits();
  check_repeats();
  check_ends();
  if (ends_.empty()) check_lost();
  if (!helds_.empty()) {
    find(Finding::held_at_exit, writer(*helds_.front()).pod + " still held it when it exited",
         helds_.front());
  }
  if (!options_.shown.empty() && options_.shown.contains(id_)) shown_.push_back(story(nullptr));
}

void Judge::sort_out(std::span<const Record> records) {
  all_ = records;
  for (Records* list : {&seeds_, &visits_, &ends_, &safes_, &helds_}) list->clear();
  for (const Record& record : records) {
    switch (record.kind) {
      case RecordKind::seeded:
        seeds_.push_back(&record);
        break;
      case RecordKind::visit:
        visits_.push_back(&record);
        totals_.hop_max = std::max(totals_.hop_max, record.hop);
        totals_.lap_max = std::max(totals_.lap_max, record.lap);
        break;
      case RecordKind::completed:
      case RecordKind::expired:
        ends_.push_back(&record);
        break;
      case RecordKind::safe:
        safes_.push_back(&record);
        break;
      case RecordKind::held:
        helds_.push_back(&record);
        break;
      case RecordKind::detour:
        break;
    }
  }
  if (options_.shown.empty()) {
    id_.clear();  // made when it is needed
  } else {
    id_ = to_string(EnvelopeId{process(records.front().origin).boot, records.front().counter});
  }
}

// ---- the seed
// -----------------------------------------------------------------------------------------

void Judge::check_seed() {
  const ProcessLog& origin = process(all_.front().origin);
  if (seeds_.size() > 1) find(Finding::seed_wrong, "seeded twice", seeds_[1]);
  if (safes_.size() > 1) find(Finding::seed_wrong, "called safe twice", safes_[1]);
  for (const Records* list : {&seeds_, &safes_}) {
    if (!list->empty() && list->front()->process != list->front()->origin) {
      find(Finding::seed_wrong, writer(*list->front()).pod + " is not its origin", list->front());
    }
  }
  const auto earliest = std::min_element(
      all_.begin(), all_.end(), [](const Record& a, const Record& b) { return a.ts < b.ts; });
  if (seeds_.empty() && origin.info_logged && excuse(origin, earliest->ts).empty()) {
    find(Finding::seed_wrong, "its origin " + origin.pod + " tells of no such seed");
  }
}

// ---- visits
// -------------------------------------------------------------------------------------------

bool Judge::trace_goes_on(const Record& from, const Record& to) const {
  if (from.trace_is_cut || to.trace_is_cut) return true;  // nothing to compare
  TraceHash trace{from.trace};
  trace.append(writer(from).pod);
  return trace.value == to.trace;
}

void Judge::check_visits() {
  std::size_t before = 0;  // visits_[before .. before_end) are those of the hop before
  std::size_t begin = 0;
  std::size_t before_end = 0;
  while (begin < visits_.size()) {
    std::size_t end = begin + 1;
    const std::uint32_t hop = visits_[begin]->hop;
    while (end < visits_.size() && visits_[end]->hop == hop) ++end;
    const bool adjacent = before_end > before && visits_[before]->hop + 1 == hop;
    const std::span<const Record* const> previous{visits_.data() + before,
                                                  adjacent ? before_end - before : 0};
    for (std::size_t i = begin; i < end; ++i) check_step(*visits_[i], previous);
    before = begin;
    before_end = end;
    begin = end;
  }
}

void Judge::check_step(const Record& visit, std::span<const Record* const> before) {
  if (!visit.trace_fits_hop) {
    find(Finding::trace_wrong, hop_text(visit) + ": the trace has another number of names", &visit);
    return;
  }
  if (visit.hop == 0) {
    if (visit.process != visit.origin) {
      find(Finding::seed_wrong, writer(visit).pod + " has its hop 0 and is not its origin", &visit);
    }
    return;
  }
  const Record* fits = nullptr;
  const Record* same_pod = nullptr;
  const Record* same_trace = nullptr;
  const Record* same_address = nullptr;
  for (const Record* from : before) {
    const bool name = names_match(*from, visit);
    const bool address = address_matches(*from, visit);
    const bool trace = trace_goes_on(*from, visit);
    // Two lives of a pod may both have had it; the one that was right to hand it on did so.
    if (name && address && trace && (fits == nullptr || order(*fits, visit) < order(*from, visit)))
      fits = from;
    if (name && address) same_pod = from;
    if (name && trace) same_trace = from;
    if (address) same_address = from;
  }
  if (fits != nullptr) return check_hand_over(*fits, visit);
  const std::string& last = logs_.texts().text(visit.last_name);
  if (same_pod != nullptr) {
    find(Finding::trace_wrong,
         hop_text(visit) + ": the trace is not the one that " + last + " had, and " + last, &visit);
  } else if (same_trace != nullptr) {
    find(Finding::sender_wrong,
         hop_text(visit) + ": sender_pod_ip is " + logs_.texts().text(visit.sender) + ", and " +
             last + " has the address " + logs_.texts().text(address_of_[same_trace->process]),
         &visit);
  } else if (same_address != nullptr && writer(*same_address).address) {
    find(Finding::trace_wrong,
         hop_text(visit) + ": the last name in the trace is " + last + ", and the sender " +
             logs_.texts().text(visit.sender) + " is " + writer(*same_address).pod,
         &visit);
  } else {
    miss_visit(visit);
  }
}

/// Whom the trace names has no line of the hop before.
void Judge::miss_visit(const Record& visit) {
  const std::string& last = logs_.texts().text(visit.last_name);
  bool known_name = false;
  bool logs_hops = true;
  std::string excuse_told;
  const ProcessLog* owner = nullptr;  // of the sender's address, under whatever name
  for (std::size_t i = 0; i < name_of_.size(); ++i) {
    const ProcessLog& log = *logs_.processes()[i];
    if (log.address && address_of_[i] == visit.sender) owner = &log;
    if (name_of_[i] != visit.last_name) continue;
    if (log.address && address_of_[i] != visit.sender) continue;
    known_name = true;
    logs_hops &= log.lines == 0 || (log.hops_logged && log.info_logged);
    if (excuse_told.empty()) excuse_told = excuse(log, visit.ts);
  }
  const std::string before = "hop " + number(visit.hop - 1);
  if (known_name && !logs_hops) return;
  if (known_name && excuse_told.empty()) {
    find(Finding::visit_missing,
         last + " handed on " + hop_text(visit) + ", and its log has no " + before, &visit);
  } else if (known_name) {
    find(Finding::visit_unproven, before + " at " + last + " is missing: " + excuse_told, &visit);
  } else if (owner != nullptr) {
    find(Finding::trace_wrong,
         hop_text(visit) + ": the last name in the trace is " + last + ", and the sender " +
             logs_.texts().text(visit.sender) + " is " + owner->pod,
         &visit);
  } else {
    find(Finding::visit_unproven,
         before + " at " + last + " (" + logs_.texts().text(visit.sender) +
             ") is missing: there is no log of it",
         &visit);
  }
}

std::string Judge::excuse(const ProcessLog& log, std::int64_t ts) const {
  if (log.lines == 0) return "there is no log of " + describe(log);
  if (log.first_seq > 0) return "that log has no beginning";
  if (!log.gaps.empty()) return "that log has gaps";
  if (log.cut) return "that log is cut";
  if (log.dropped > 0) return "that pod dropped lines";
  if (ends_before(log, ts)) return "that log ends there, without a stopped line";
  return {};
}

/// What the process wrote about `ts` may be behind the end of its log.
bool Judge::ends_before(const ProcessLog& log, std::int64_t ts) const {
  return !log.stopped && !options_.logs_whole && log.last_ts.micros <= ts + options_.clock_skew_us;
}

Judge::Order Judge::order(const Record& from, const Record& to) const {
  const ProcessLog& sender = writer(from);
  const std::optional<Address>& receiver = writer(to).address;
  if (!sender.address || !receiver) return Order::unproven;
  if (sender.was_next(*receiver, from.seq, WallTime{to.ts + options_.clock_skew_us}))
    return Order::right;
  return sender.view_is_sure && !ends_before(sender, to.ts) ? Order::wrong : Order::unproven;
}

void Judge::check_hand_over(const Record& from, const Record& to) {
  const ProcessLog& sender = writer(from);
  const ProcessLog& receiver = writer(to);
  const ProcessLog& origin = process(to.origin);
  if (!sender.address || !receiver.address) return;  // told as a missing beginning
  ++totals_.hand_overs_checked;
  const Order found = order(from, to);
  if (found == Order::unproven) {
    find(Finding::order_unproven,
         hop_text(to) + ": " + sender.pod + "'s view at that time is not known", &to);
  } else if (found == Order::wrong) {
    const auto next = sender.next_at(from.seq);
    find(Finding::order_wrong,
         hop_text(to) + ": " + sender.pod + " handed it to " + to_string(*receiver.address) +
             ", and its next was " + (next ? to_string(*next) : "nobody") + " at its line " +
             number(from.seq),
         &to);
  }
  const bool by_laps = !seeds_.empty() && seeds_.front()->hop > 0 && seeds_.front()->lap != 0;
  if (by_laps && from.lap >= seeds_.front()->hop) {
    find(Finding::end_wrong, "it went on after lap " + number(from.lap), &to);
  }
  if (!origin.address) return;
  const std::uint32_t lap =
      from.lap + (passes(*sender.address, *receiver.address, *origin.address) ? 1 : 0);
  if (to.lap != lap) {
    find(Finding::lap_wrong,
         hop_text(to) + " is of lap " + number(to.lap) + ", by the addresses of lap " + number(lap),
         &to);
  }
}

void Judge::check_repeats() {
  if (visits_.size() < 2) return;
  const Record* plain = nullptr;  // of this hop, without detours
  for (std::size_t i = 0; i < visits_.size(); ++i) {
    const Record& visit = *visits_[i];
    const bool again = i > 0 && visits_[i - 1]->hop == visit.hop;
    if (!again) plain = nullptr;
    const bool repeated = plain != nullptr && !visit.has_detours;
    if (again) {
      const Record& before = repeated ? *plain : *visits_[i - 1];
      find(repeated ? Finding::visit_repeated : Finding::repeated_with_detours,
           hop_text(visit) + " at " + writer(before).pod + " and at " + writer(visit).pod, &visit);
    }
    if (!visit.has_detours) plain = &visit;
  }
  scratch_ = visits_;
  std::sort(scratch_.begin(), scratch_.end(), [](const Record* a, const Record* b) {
    return std::tie(a->process, a->lap, a->seq) < std::tie(b->process, b->lap, b->seq);
  });
  for (std::size_t i = 1; i < scratch_.size(); ++i) {
    const Record& before = *scratch_[i - 1];
    const Record& visit = *scratch_[i];
    if (before.process != visit.process || before.lap != visit.lap) continue;
    find(writer(visit).forgot_ids ? Finding::repeated_after_forgetting : Finding::accepted_twice,
         writer(visit).pod + " accepted it twice in lap " + number(visit.lap), &visit);
  }
}

// ---- ends
// ---------------------------------------------------------------------------------------------

void Judge::check_ends() {
  const bool completed = std::any_of(ends_.begin(), ends_.end(), [](const Record* end) {
    return end->kind == RecordKind::completed;
  });
  totals_.completed += completed ? 1 : 0;
  totals_.expired += !completed && !ends_.empty() ? 1 : 0;
  totals_.not_ended += ends_.empty() ? 1 : 0;
  if (!completed && !ends_.empty()) {
    find(Finding::expired, "at " + writer(*ends_.front()).pod + ", " + hop_text(*ends_.front()),
         ends_.front());
  }
  for (const Record* end : ends_) check_end(*end);
  if (ends_.size() > 1) {
    const auto plain = std::count_if(ends_.begin(), ends_.end(),
                                     [](const Record* end) { return !end->has_detours; });
    const std::string what = "at " + writer(*ends_[0]).pod + " and at " + writer(*ends_[1]).pod;
    find(plain > 1 ? Finding::ended_twice : Finding::ended_again_with_detours, what, ends_[1]);
  }
  if (seeds_.empty() || seeds_.front()->hop == 0 || seeds_.front()->lap != 0) return;
  const std::uint32_t hops = seeds_.front()->hop;
  const auto beyond = std::find_if(visits_.begin(), visits_.end(),
                                   [&](const Record* visit) { return visit->hop > hops; });
  if (beyond != visits_.end()) {
    find(Finding::end_wrong, "it went on after hop " + number(hops), *beyond);
  }
}

void Judge::check_end(const Record& end) {
  const ProcessLog& log = writer(end);
  if (!end.trace_fits_hop) {
    find(Finding::trace_wrong, "the end's trace has another number of names than hops", &end);
  }
  if (log.hops_logged && log.info_logged) {
    const auto visit = std::find_if(visits_.begin(), visits_.end(), [&](const Record* one) {
      return one->process == end.process && one->hop == end.hop && one->lap == end.lap;
    });
    if (visit == visits_.end()) {
      const std::string why = excuse(log, end.ts);
      find(why.empty() ? Finding::visit_missing : Finding::visit_unproven,
           "it ended at " + log.pod + ", and its log has no visit of " + hop_text(end) +
               (why.empty() ? "" : ": " + why),
           &end);
    } else if (!end.trace_is_cut && !(*visit)->trace_is_cut && (*visit)->trace != end.trace) {
      find(Finding::trace_wrong, "the end's trace is not that of its visit", &end);
    }
  }
  if (end.kind != RecordKind::completed || seeds_.empty() || seeds_.front()->hop == 0) return;
  const std::uint32_t limit = seeds_.front()->hop;
  const bool by_laps = seeds_.front()->lap != 0;
  if ((by_laps ? end.lap : end.hop) != limit) {
    find(Finding::end_wrong,
         "completed at " + hop_text(end) + ", lap " + number(end.lap) + "; it was seeded with " +
             number(limit) + (by_laps ? " laps" : " hops"),
         &end);
  }
}

void Judge::check_lost() {
  if (safes_.empty()) {
    find(Finding::never_safe, "seeded at " + process(all_.front().origin).pod);
  } else if (not_whole_.empty()) {
    find(Finding::lost, "safe at " + writer(*safes_.front()).pod + ", and no log has its end",
         visits_.empty() ? nullptr : visits_.back());
  } else {
    find(Finding::end_unproven, not_whole_, visits_.empty() ? nullptr : visits_.back());
  }
}

// ---- telling
// ------------------------------------------------------------------------------------------

void Judge::find(Finding finding, std::string what, const Record* marked) {
  Example* const example = verdict_.add(finding);
  if (example == nullptr) return;
  *example = story(marked);
  example->what = std::move(what);
}

/// All that the logs have of the id, in the order of time.
Example Judge::story(const Record* marked) const {
  constexpr std::string_view kWhat[] = {"seeded", "received", "completed",   "expired",
                                        "safe",   "detour",   "held_at_exit"};
  Example example;
  example.id = to_string(EnvelopeId{process(all_.front().origin).boot, all_.front().counter});
  for (const Record& record : all_) {
    const ProcessLog& log = writer(record);
    Row row;
    row.what = kWhat[static_cast<std::size_t>(record.kind)];
    const bool has_place = record.kind != RecordKind::seeded && record.kind != RecordKind::safe &&
                           record.kind != RecordKind::held;
    if (has_place) row.hop = record.hop;
    if (has_place && record.kind != RecordKind::detour) row.lap = record.lap;
    if (record.kind == RecordKind::visit) row.from = logs_.texts().text(record.sender);
    row.ts = {record.ts};
    row.pod = log.pod;
    row.address = log.address ? to_string(*log.address) : "";
    row.seq = record.seq;
    if (record.kind == RecordKind::seeded && record.hop > 0) {
      row.note = number(record.hop) + (record.lap != 0 ? " laps" : " hops");
    }
    if (record.has_detours) row.note = "after detours";
    row.marked = &record == marked;
    example.rows.push_back(std::move(row));
  }
  std::stable_sort(example.rows.begin(), example.rows.end(), [](const Row& a, const Row& b) {
    return std::tie(a.ts.micros, a.hop) < std::tie(b.ts.micros, b.hop);
  });
  return example;
}

}  // namespace podring::verify
