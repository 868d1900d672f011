// inject: seeds messages into a podring and tells what became of them. --help says all.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <random>

#include "inject/http_run.h"
#include "inject/options.h"
#include "inject/peer_run.h"
#include "inject/progress_bar.h"
#include "inject/report.h"
#include "net/loop_clock.h"
#include "terminal/text.h"

namespace {

using namespace podring;          // NOLINT(google-build-using-namespace): main() of this program
using namespace podring::inject;  // NOLINT(google-build-using-namespace)

std::uint64_t random_bits() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

int run(const Options& options) {
  ProgressBar progress{!options.quiet && !options.json};
  std::ofstream ids;
  if (!options.ids_file.empty()) {
    ids.open(options.ids_file);
    if (!ids) {
      std::perror(("inject: --ids " + options.ids_file).c_str());
      return static_cast<int>(Exit::usage);
    }
  }
  Tally tally{options.ids_file.empty() ? nullptr : &ids};
  LoopClock clock;
  const TimePoint begun = clock.read().steady;
  RunFacts facts;
  if (std::holds_alternative<UrlTarget>(options.target)) {
    facts.gave_up = HttpRun{options, tally, progress}.run();
  } else {
    facts.gave_up = PeerRun{options, tally, progress, random_bits()}.run();
  }
  facts.took = clock.read().steady - begun;
  facts.interrupted = ProgressBar::interrupted();
  progress.clear();
  const std::string report =
      options.json ? report_json(options, tally, facts)
                   : report_text(options, tally, facts, terminal::wants_colour(STDOUT_FILENO));
  const bool written = std::fwrite(report.data(), 1, report.size(), stdout) == report.size();
  if (std::fflush(stdout) != 0 || !written) {
    std::perror("inject: the summary could not be written");
    return static_cast<int>(Exit::not_all);
  }
  if (!facts.gave_up.empty() && !facts.interrupted && !options.json)
    std::fprintf(stderr, "inject: nothing was seeded: %s\n",
                 terminal::printable(facts.gave_up).c_str());
  if (!options.ids_file.empty() && !ids.flush()) {
    std::perror(("inject: --ids " + options.ids_file).c_str());
    return static_cast<int>(Exit::not_all);
  }
  return static_cast<int>(exit_of(options, tally, facts));
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = parse_options(argc, argv);
  if (const auto* stop = std::get_if<Stop>(&parsed)) {
    std::fputs(stop->text.c_str(), stop->code == Exit::done ? stdout : stderr);
    return static_cast<int>(stop->code);
  }
  try {
    return run(std::get<Options>(parsed));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inject: %s\n", error.what());
    return static_cast<int>(Exit::unreachable);
  }
}
