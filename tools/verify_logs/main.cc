// verify-logs: reads the logs of all pods and says whether every message visited the right pods in
// the right order and none was lost, or prints the counterexample.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>
#include <system_error>

#include "app/version.h"
#include "terminal/command_line.h"
#include "terminal/completion.h"
#include "terminal/text.h"
#include "verify_logs/input.h"
#include "verify_logs/judge.h"
#include "verify_logs/logs.h"
#include "verify_logs/progress.h"
#include "verify_logs/report.h"

namespace {

constexpr const char* kName = "verify-logs";
constexpr const char* kAbout =
    "Reads the logs of all pods of a ring and says whether every message visited the right pods "
    "in\n"
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
  using podring::terminal::print, podring::terminal::take_only,
      podring::terminal::take_whole_number;
  std::vector<std::string> names;
  std::vector<std::string> shown;
  JudgeOptions options;
  bool json = false;
  std::size_t examples = 3;
  std::int64_t clock_skew_ms = 2000;
  std::size_t memory_mib = 256;
  std::string colour = "auto";
  std::string completion;

  CLI::App app{kAbout, kName};
  app.footer(kFooter);
  app.get_formatter()->column_width(30);
  app.set_help_flag("-h,--help", "this text");
  app.add_option("FILES", names, "log files; - or none: standard input")->type_name("FILE");
  app.add_flag("--json", json, "the verdict as one JSON object");
  take_whole_number(*app.add_option("--examples", examples, "counterexamples of each kind (3)"), 0,
                    1000);
  app.add_option("--show", shown,
                 "an id whose lines are to be shown, right or wrong; may be repeated")
      ->type_name("ID")
      ->allow_extra_args(false);
  app.add_flag("--logs-whole", options.logs_whole,
               "logs without a `stopped` line are complete: their processes were killed");
  take_whole_number(*app.add_option("--clock-skew-ms", clock_skew_ms,
                                    "how far the pods' clocks may be apart (2000)"),
                    0, 3'600'000, "MS");
  take_whole_number(
      *app.add_option(
          "--memory-mib", memory_mib,
          "memory for what is to be compared; beyond it a temporary file is used (256)"),
      1, 1'000'000, "MIB");
  take_only(
      *app.add_option("--color", colour, "auto: on a terminal, unless NO_COLOR is set (auto)"),
      {"auto", "always", "never"});
  app.set_version_flag("-V,--version", podring::version_text(kName), "version and revision");
  podring::terminal::add_completion_flag(app, completion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return print(kName, app.help()) ? kRight : kUnproven;
  } catch (const CLI::CallForVersion&) {
    return print(kName, podring::version_text(kName) + "\n") ? kRight : kUnproven;
  } catch (const CLI::Error& error) {
    std::cerr << kName << ": " << podring::terminal::mistake(app, error, kName) << '\n';
    return kUnproven;
  }
  if (!completion.empty()) {
    const auto command = podring::terminal::completed_command(app);
    return print(kName, podring::terminal::completion_script(completion, command)) ? kRight
                                                                                   : kUnproven;
  }
  if (names.empty()) {
    if (isatty(STDIN_FILENO) == 1) {
      std::cerr << "verify-logs: give log files, or pipe a log in; verify-logs --help tells more\n";
      return kUnproven;
    }
    names.emplace_back("-");
  }
  options.clock_skew_us = clock_skew_ms * 1000;
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
    std::ostringstream told;
    if (json) {
      write_json(told, report);
    } else {
      const bool wanted = podring::terminal::wants_colour(STDOUT_FILENO);
      write_text(told, report, colour == "always" || (colour == "auto" && wanted));
    }
    return print(kName, told.view()) ? exit_code_of(report) : kUnproven;
  } catch (const std::runtime_error& error) {  // of the system as well
    std::cerr << "verify-logs: " << error.what() << '\n';
    return kUnproven;
  }
}
