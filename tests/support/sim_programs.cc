// Programs beside the peers: when and how they answer, and what the oracle holds against what is
// told of that.
#include <algorithm>
#include <utility>

#include "core/annotations.h"
#include "support/sim_net.h"
#include "support/sim_oracle.h"

namespace podring::sim {
namespace {

std::string text_of(EnvelopeId id, const VisitOutcome& visit) {
  return to_string(id) + " at hop " + std::to_string(visit.hop) + ": " +
         std::string{to_string(visit.outcome)} + " " + std::to_string(visit.status);
}

}  // namespace

void SimNet::ask_program(Pid pid, Deliver& question) {
  const ProgramOptions& program = *process(pid).options.program;
  const std::uint64_t draw = program_random_.below(1000);
  const auto spread = static_cast<std::uint64_t>((program.answer_max - program.answer_min).count());
  Duration takes =
      program.answer_min + Duration{static_cast<Duration::rep>(program_random_.below(spread + 1))};
  Delivered answer{question.number, Outcome::delivered, 204, {}};
  if (program.away) {
    answer.outcome = Outcome::no_program;
    answer.status = 0;
  } else if (program.hung || draw < program.ignore_pm) {
    answer.outcome = Outcome::timed_out;
    answer.status = 0;
    takes = program.timeout;
  } else if (draw < program.ignore_pm + program.refuse_pm) {
    answer.outcome = Outcome::refused;
    answer.status = 404;
  }
  const EnvelopeHead head = question.envelope.head;
  if (tracing()) say(name(pid) + " asks its program about " + name_of(head.id));
  at(now_ + takes, [this, pid, answer, head] {
    if (!alive(pid)) return;
    const VisitOutcome visit{head.hop, answer.outcome, answer.status};
    if (tracing()) say("the program of " + name(pid) + " answers " + text_of(head.id, visit));
    oracle_->on_program(pid, head.id, visit);
    process(pid).answers.push_back(answer);
    catch_up(pid);
  });
}

void Oracle::on_program(Pid pid, EnvelopeId id, const VisitOutcome& outcome) {
  program_said_[{pid, id}].push_back(outcome);
}

/// What is told of each visit is what that pod's program said, and no visit of a pod that delivers
/// is left out. At hop 0 the envelope does not wait for the program.
void Oracle::check_outcomes(const Envelope& envelope, Pid last) {
  const EnvelopeHead& head = envelope.head;
  if (envelope.trace_omitted > 0) return;
  const Annotations notes = annotations_of(envelope);
  trace_into(envelope, entries_);
  for (std::uint32_t hop = 0; hop <= head.hop; ++hop) {
    const Pid pid = hop < entries_.size() ? net_.pid_of(std::string{entries_[hop].pod}) : last;
    const auto told = std::find_if(notes.outcomes.begin(), notes.outcomes.end(),
                                   [&](const VisitOutcome& visit) { return visit.hop == hop; });
    if (told == notes.outcomes.end()) {
      // One that came with no time left expires without a question.
      const bool asked = pid >= 0 && program_said_.contains({pid, head.id});
      if (hop > 0 && asked && hop < head.hop) {
        net_.fail("outcome_missing", net_.name(pid) + " asked its program about " +
                                         net_.name_of(head.id) + " and handed it on untold");
      }
      continue;
    }
    const auto said = program_said_.find({pid, head.id});
    if (said == program_said_.end() ||
        std::find(said->second.begin(), said->second.end(), *told) == said->second.end()) {
      net_.fail("outcome_untrue", "no program said what is told of " + text_of(head.id, *told));
    }
  }
}

}  // namespace podring::sim
