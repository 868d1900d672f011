// verify-logs: reads the logs of all pods and says whether every message visited the right pods in
// the right order and none was lost, or prints the counterexample.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <system_error>

#include "app/version.h"
#include "terminal/completion.h"
#include "terminal/text.h"
#include "verify_logs/input.h"
#include "verify_logs/judge.h"
#include "verify_logs/logs.h"
#include "verify_logs/progress.h"
#include "verify_logs/report.h"

namespace {

constexpr const char* kAbout =
    "Reads the logs of all pods of a ring and says whether every message visited the right pods in "
    "the right order, and that none was lost, or prints the counterexample.";

constexpr const char* kFooter =
    R"(Give the logs of all pods, whole: one file per pod or all in one, as podring writes them
(--log-format json), with or without the prefixes of `kubectl logs --prefix`, `docker compose logs` or
containerd's files. tools/collect-logs follows the pods of a cluster, those that come and go included.

  kubectl logs -n podring -l app.kubernetes.io/name=podring --prefix --tail=-1 | verify-logs
  verify-logs pod-*.log --json

A safe message without an end is lost only when every log is whole up to its `stopped` line; otherwise
it is unproven, and the log that is missing is named. Of a killed process (kill -9) the log ends without
that line: say --logs-whole when you know that nothing of it is missing.

Exit code: 0  right
           1  wrong: something is lost, out of order, repeated without a detour, or a log was changed
           2  unproven: parts of the logs are missing; also wrong usage and unreadable input)";

}  // namespace

int main(int argc, char** argv) {
  using namespace podring::verify;  // NOLINT(google-build-using-namespace)
  std::vector<std::string> names;
  std::vector<std::string> shown;
  JudgeOptions options;
  bool json = false;
  std::size_t examples = 3;
  double clock_skew_ms = 2000;
  std::size_t memory_mib = 256;
  std::string colour = "auto";
  std::string completion;

  CLI::App app{kAbout, "verify-logs"};
  app.footer(kFooter);
  app.add_option("FILES", names, "log files; - or none: standard input")->type_name("FILE");
  app.add_flag("--json", json, "the verdict as one JSON object");
  app.add_option("--examples", examples, "counterexamples of each kind (default 3)")
      ->check(CLI::Range(0, 1000));
  app.add_option("--show", shown,
                 "an id whose lines are to be shown, right or wrong; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--logs-whole", options.logs_whole,
               "logs without a `stopped` line are complete: their processes were killed");
  app.add_option("--clock-skew-ms", clock_skew_ms,
                 "how far the pods' clocks may be apart (default 2000)")
      ->check(CLI::Range(0.0, 3'600'000.0));
  app.add_option("--memory-mib", memory_mib,
                 "memory for what is to be compared; beyond it a temporary file is used (default "
                 "256)")
      ->check(CLI::Range(1, 1'000'000));
  podring::terminal::take_only(
      *app.add_option("--color", colour,
                      "auto (the default): on a terminal, unless NO_COLOR is set"),
      {"auto", "always", "never"});
  app.set_version_flag("-V,--version", podring::version_text("verify-logs"),
                       "version and revision");
  podring::terminal::add_completion_flag(app, completion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kRight : kUnproven;
  }
  if (!completion.empty()) {
    std::cout << podring::terminal::completion_script(completion,
                                                      podring::terminal::completed_command(app))
              << std::flush;
    return std::cout ? kRight : kUnproven;
  }
  if (names.empty()) {
    if (isatty(STDIN_FILENO) == 1) {
      std::cerr << "verify-logs: give log files, or pipe a log in (--help tells more)\n";
      return kUnproven;
    }
    names.emplace_back("-");
  }
  options.clock_skew_us = static_cast<std::int64_t>(clock_skew_ms * 1000);
  options.shown = {shown.begin(), shown.end()};

  try {
    Input input{names};
    RecordStore store{memory_mib * 1024 * 1024};
    Verdict verdict{examples};
    Logs logs{store, verdict};
    Progress progress{input.bytes_in_all()};
    input.on_read([&] { progress.on_read(input.bytes(), logs.totals().lines); });
    logs.read(input);
    Judge judge{logs, verdict, options};
    std::uint64_t checked = 0;
    store.for_each_id([&](std::span<const Record> records) {
      judge.take(records);
      progress.on_checked(checked += records.size(), store.added());
    });
    progress.clear();
    const Report report{logs, judge, verdict, logs.totals().lines == 0};
    if (json) {
      write_json(std::cout, report);
    } else {
      const bool wanted = podring::terminal::wants_colour(STDOUT_FILENO);
      write_text(std::cout, report, colour == "always" || (colour == "auto" && wanted));
    }
    std::cout.flush();
    return exit_code_of(report);
  } catch (const std::system_error& error) {
    std::cerr << "verify-logs: " << error.what() << '\n';
    return kUnproven;
  }
}
