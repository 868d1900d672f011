#include "verify_logs/verdict.h"

#include <algorithm>

namespace podring::verify {
namespace {

constexpr auto kWrong = Severity::wrong;
constexpr auto kUnproven = Severity::unproven;
constexpr auto kNote = Severity::note;

constexpr std::array<FindingKind, kFindings> kKinds{{
    {"lost", kWrong, "safe, and never ended: lost"},
    {"visit_missing", kWrong, "a visit is missing, though the log it would be in is whole"},
    {"visit_repeated", kWrong, "the same hop twice without a detour"},
    {"accepted_twice", kWrong, "accepted twice by one process in one lap"},
    {"ended_twice", kWrong, "ended twice without a detour"},
    {"end_wrong", kWrong, "ended where it should not"},
    {"order_wrong", kWrong, "handed to a pod that was not the next"},
    {"trace_wrong", kWrong, "the trace is not that of the visit before"},
    {"sender_wrong", kWrong, "sender_pod_ip is not the address of the last pod in the trace"},
    {"lap_wrong", kWrong, "the lap does not follow from the addresses"},
    {"seed_wrong", kWrong, "seeded, or called safe, in a way that cannot be"},
    {"view_wrong", kWrong, "the view lines do not add up to their digest"},
    {"line_doubled", kWrong, "a line is there twice"},
    {"lines_swapped", kWrong, "lines are not in the order they were written in"},
    {"end_unproven", kUnproven, "safe, no end found, and not all logs are whole"},
    {"visit_unproven", kUnproven, "a visit is missing, and so is a part of the log it would be in"},
    {"order_unproven", kUnproven, "who was next is not known: a part of that log is missing"},
    {"seq_gap", kUnproven, "lines are missing within a log"},
    {"begin_missing", kUnproven, "a log does not begin with its first line"},
    {"log_cut", kUnproven, "a file ends within a line"},
    {"line_damaged", kUnproven, "a line cannot be read"},
    {"log_missing", kUnproven, "a process is named by others, and its log is not here"},
    {"never_safe", kNote, "seeded, never confirmed as safe, no end: nothing was promised"},
    {"held_at_exit", kNote, "still held when a process exited"},
    {"expired", kNote, "ended because their time was over"},
    {"repeated_with_detours", kNote, "visits repeated, with detours (around failures)"},
    {"ended_again_with_detours", kNote, "ends told again, with detours (around failures)"},
    {"repeated_after_forgetting", kNote, "visits repeated after ids were forgotten at the bound"},
    {"lines_dropped", kNote, "received lines dropped: standard output took nothing"},
    {"no_stopped", kNote, "logs without a last line (running, or killed)"},
}};

}  // namespace

const FindingKind& kind_of(Finding finding) { return kKinds[static_cast<std::size_t>(finding)]; }

Example* Verdict::add(Finding finding, std::uint64_t count) {
  Found& found = found_[static_cast<std::size_t>(finding)];
  found.count += count;
  if (found.examples.size() >= examples_max_) return nullptr;
  return &found.examples.emplace_back();
}

void Verdict::tell(Finding finding, std::string what) {
  if (Example* example = add(finding); example != nullptr) example->what = std::move(what);
}

Severity Verdict::worst() const {
  Severity worst = Severity::note;
  for (std::size_t i = 0; i < kFindings; ++i) {
    if (found_[i].count > 0) worst = std::max(worst, kKinds[i].severity);
  }
  return worst;
}

}  // namespace podring::verify
