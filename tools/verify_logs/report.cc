#include "verify_logs/report.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <ostream>

#include "terminal/text.h"
#include "verify_logs/log_line.h"

namespace podring::verify {
namespace {

using terminal::columns_of, terminal::grouped, terminal::printable;

constexpr std::size_t kRowsShown = 40;

class Painter {
 public:
  Painter(std::ostream& out, bool colours) : out_{out}, colours_{colours} {}
  [[nodiscard]] std::ostream& out() { return out_; }
  void paint(std::string_view code, std::string_view text) {
    if (colours_) out_ << "\x1b[" << code << 'm';
    out_ << text;
    if (colours_) out_ << "\x1b[0m";
  }

 private:
  std::ostream& out_;
  bool colours_;
};

std::string_view colour_of(Severity severity) {
  return severity == Severity::wrong ? "1;31" : severity == Severity::unproven ? "1;33" : "2";
}

void write_rows(Painter& paint, const std::vector<Row>& all) {
  constexpr std::size_t kColumns = 9;
  std::vector<std::array<std::string, kColumns>> cells{
      {"", "hop", "lap", "time", "line", "pod", "address", "from", ""}};
  std::vector<bool> marked{false};
  const auto mark =
      std::find_if(all.begin(), all.end(), [](const Row& row) { return row.marked; }) - all.begin();
  const auto distance_shown = static_cast<std::ptrdiff_t>(kRowsShown / 2);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Row& row = all[i];
    const std::ptrdiff_t off = std::abs(static_cast<std::ptrdiff_t>(i) - mark);
    if (all.size() > kRowsShown && i >= 5 && i + 5 < all.size() && off > distance_shown - 5) {
      if (cells.back()[0] != "...") {
        cells.push_back({"...", "", "", "", "", "", "", "", ""});
        marked.push_back(false);
      }
      continue;
    }
    const std::string ts = time_text(row.ts);
    cells.push_back({row.what, row.hop ? std::to_string(*row.hop) : "",
                     row.lap ? std::to_string(*row.lap) : "",
                     ts.size() > 12 ? ts.substr(11, ts.size() - 12) : ts, std::to_string(row.seq),
                     printable(row.pod), row.address, printable(row.from), row.note});
    marked.push_back(row.marked);
  }
  std::array<std::size_t, kColumns> widths{};
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  for (std::size_t line = 0; line < cells.size(); ++line) {
    std::string text;
    for (std::size_t i = 0; i < kColumns; ++i) {
      const std::string& cell = cells[line][i];
      const std::string pad(widths[i] - columns_of(cell), ' ');
      const bool right = i == 1 || i == 2 || i == 4;
      text += (right ? pad + cell : cell + pad) + "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    paint.out() << (marked[line] ? "    > " : "      ");
    marked[line] ? paint.paint("1", text) : static_cast<void>(paint.out() << text);
    paint.out() << '\n';
  }
}

void write_findings(Painter& paint, const Verdict& verdict, Severity severity) {
  for (std::size_t i = 0; i < kFindings; ++i) {
    const auto finding = static_cast<Finding>(i);
    const FindingKind& kind = kind_of(finding);
    if (kind.severity != severity || verdict.count(finding) == 0) continue;
    paint.out() << "  ";
    paint.paint(colour_of(severity), grouped(verdict.count(finding)));
    paint.out() << "  " << kind.title << "  [" << kind.name << "]\n";
    for (const Example& example : verdict.examples(finding)) {
      paint.out() << "    " << (example.id.empty() ? "" : example.id + ": ")
                  << printable(example.what) << '\n';
      if (severity != Severity::note && !example.rows.empty()) write_rows(paint, example.rows);
    }
  }
}

void write_totals(std::ostream& out, const Report& report) {
  const IdTotals& ids = report.judge.totals();
  const LineTotals& lines = report.logs.totals();
  std::size_t logs = 0;
  std::map<std::string, int> pods;
  WallTime first{INT64_MAX};
  WallTime last{INT64_MIN};
  for (const auto& log : report.logs.processes()) {
    if (log->lines == 0) continue;
    ++logs;
    ++pods[log->pod];
    first = std::min(first, log->first_ts);
    last = std::max(last, log->last_ts);
  }
  out << grouped(lines.lines) << " lines of " << logs << " processes, " << pods.size() << " pods";
  if (logs > 0) out << ", from " << time_text(first) << " to " << time_text(last);
  out << '\n';
  if (lines.foreign > 0) out << grouped(lines.foreign) << " other lines were passed over\n";
  out << "  messages     " << grouped(ids.ids) << ": seeded " << grouped(ids.seeded) << ", safe "
      << grouped(ids.safe) << '\n'
      << "  ends         completed " << grouped(ids.completed) << ", expired "
      << grouped(ids.expired) << ", none " << grouped(ids.not_ended) << '\n'
      << "  visits       " << grouped(ids.visits) << ", up to hop " << ids.hop_max << " and lap "
      << ids.lap_max << "; " << grouped(ids.hand_overs_checked) << " hand-overs checked\n"
      << "  failures     " << grouped(lines.detours) << " detours, " << grouped(lines.duplicates)
      << " duplicates dropped, " << grouped(report.verdict.count(Finding::repeated_with_detours))
      << " visits repeated\n";
}

}  // namespace

std::string time_text(WallTime time) {
  std::int64_t micros = time.micros % 1'000'000;
  std::time_t second = time.micros / 1'000'000;
  if (micros < 0) {
    micros += 1'000'000;
    --second;
  }
  std::tm parts{};
  gmtime_r(&second, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &parts);
  const std::string digits = std::to_string(1'000'000 + micros);
  return std::string{text.data()} + digits.substr(1) + "Z";
}

int exit_code_of(const Report& report) {
  if (report.verdict.worst() == Severity::wrong) return kWrong;
  return report.nothing_read || report.verdict.worst() == Severity::unproven ? kUnproven : kRight;
}

void write_text(std::ostream& out, const Report& report, bool colours) {
  Painter paint{out, colours};
  write_totals(out, report);
  write_findings(paint, report.verdict, Severity::note);
  for (const std::string& sentence : report.judge.not_checked()) {
    paint.paint("33", "  not checked  ");
    out << sentence << '\n';
  }
  for (const Example& example : report.judge.shown()) {
    out << "  " << example.id << '\n';
    write_rows(paint, example.rows);
  }
  const int code = exit_code_of(report);
  if (code == kRight) {
    paint.paint("1;32", "right");
    out << ": every message that was safe has ended, and each went to the right pods in the right "
           "order\n";
    return;
  }
  if (code == kWrong) {
    paint.paint("1;31", "wrong");
    out << ":\n";
    write_findings(paint, report.verdict, Severity::wrong);
  }
  if (report.verdict.worst() != Severity::note && code == kUnproven) {
    paint.paint("1;33", "unproven");
    out << ": nothing wrong was found, and parts are missing:\n";
  } else if (report.nothing_read) {
    paint.paint("1;33", "unproven");
    out << ": there is no line of podring's JSON log in this input"
        << (report.logs.totals().foreign > 0 ? "; it is written with --log-format json" : "")
        << '\n';
  }
  write_findings(paint, report.verdict, Severity::unproven);
}

}  // namespace podring::verify
