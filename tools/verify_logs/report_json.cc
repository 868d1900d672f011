#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <ostream>

#include "verify_logs/report.h"

namespace podring::verify {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

Array rows_of(const std::vector<Row>& rows) {
  Array out;
  for (const Row& row : rows) {
    Object one;
    one.set("event", row.what);
    if (row.hop) one.set("hop", *row.hop);
    if (row.lap) one.set("lap", *row.lap);
    one.set("ts", time_text(row.ts));
    one.set("pod", row.pod);
    one.set("address", row.address);
    if (!row.from.empty()) one.set("sender_pod_ip", row.from);
    one.set("seq", row.seq);
    if (!row.note.empty()) one.set("note", row.note);
    if (row.marked) one.set("marked", true);
    out.add(one);
  }
  return out;
}

Array logs_of(const Logs& logs) {
  Array out;
  for (const auto& log : logs.processes()) {
    Object one;
    one.set("pod", log->pod);
    one.set("boot", to_string(log->boot));
    if (log->address) one.set("address", to_string(*log->address));
    one.set("lines", log->lines);
    if (log->lines > 0) {
      one.set("first_seq", log->first_seq);
      one.set("last_seq", log->next_seq - 1);
    }
    Array gaps;
    for (const SeqGap& gap : log->gaps) {
      Array both;
      both.add(gap.first);
      both.add(gap.last);
      gaps.add(both);
    }
    one.set("gaps", gaps);
    one.set("stopped", log->stopped);
    one.set("cut", log->cut);
    one.set("dropped", log->dropped);
    out.add(one);
  }
  return out;
}

Array findings_of(const Verdict& verdict) {
  constexpr const char* kSeverities[] = {"note", "unproven", "wrong"};
  Array out;
  for (std::size_t i = 0; i < kFindings; ++i) {
    const auto finding = static_cast<Finding>(i);
    if (verdict.count(finding) == 0) continue;
    const FindingKind& kind = kind_of(finding);
    Object one;
    one.set("finding", std::string{kind.name});
    one.set("severity", kSeverities[static_cast<int>(kind.severity)]);
    one.set("title", std::string{kind.title});
    one.set("count", verdict.count(finding));
    Array examples;
    for (const Example& example : verdict.examples(finding)) {
      Object told;
      if (!example.id.empty()) told.set("id", example.id);
      told.set("what", example.what);
      if (!example.rows.empty()) told.set("lines", rows_of(example.rows));
      examples.add(told);
    }
    one.set("examples", examples);
    out.add(one);
  }
  return out;
}

}  // namespace

void write_json(std::ostream& out, const Report& report) {
  constexpr const char* kVerdicts[] = {"right", "wrong", "unproven"};
  const IdTotals& ids = report.judge.totals();
  const LineTotals& lines = report.logs.totals();
  Object totals;
  totals.set("lines", lines.lines);
  totals.set("foreign_lines", lines.foreign);
  totals.set("messages", ids.ids);
  totals.set("seeded", ids.seeded);
  totals.set("safe", ids.safe);
  totals.set("completed", ids.completed);
  totals.set("expired", ids.expired);
  totals.set("not_ended", ids.not_ended);
  totals.set("lost", report.verdict.count(Finding::lost));
  totals.set("visits", ids.visits);
  totals.set("visits_repeated", report.verdict.count(Finding::repeated_with_detours));
  totals.set("hand_overs_checked", ids.hand_overs_checked);
  totals.set("hop_max", ids.hop_max);
  totals.set("lap_max", ids.lap_max);
  totals.set("detours", lines.detours);
  totals.set("duplicates", lines.duplicates);

  Object told;
  const int code = exit_code_of(report);
  told.set("verdict", kVerdicts[code]);
  told.set("exit_code", code);
  told.set("totals", totals);
  told.set("findings", findings_of(report.verdict));
  Array not_checked;
  for (const std::string& sentence : report.judge.not_checked()) not_checked.add(sentence);
  told.set("not_checked", not_checked);
  told.set("logs", logs_of(report.logs));
  Array shown;
  for (const Example& example : report.judge.shown()) {
    Object one;
    one.set("id", example.id);
    one.set("lines", rows_of(example.rows));
    shown.add(one);
  }
  if (shown.size() > 0) told.set("shown", shown);
  told.stringify(out);
  out << '\n';
}

}  // namespace podring::verify
