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
#include "terminal/command_line.h"
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
  if (!terminal::print("inject", report)) return static_cast<int>(Exit::not_all);
  if (!facts.gave_up.empty() && !facts.interrupted && !options.json)
    std::fprintf(
        stderr, "inject: nothing was seeded: %s; %s\n", terminal::printable(facts.gave_up).c_str(),
        std::holds_alternative<UrlTarget>(options.target)
            ? "--url must lead to a peer's front end (--http-port), or to an ingress before it"
            : "--peer, --service or --url say where else to seed, --ring into which ring");
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
    if (stop->code != Exit::done) std::fputs(stop->text.c_str(), stderr);
    const bool told = stop->code != Exit::done || terminal::print("inject", stop->text);
    return static_cast<int>(told ? stop->code : Exit::not_all);
  }
  try {
    return run(std::get<Options>(parsed));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inject: %s\n", error.what());
    return static_cast<int>(Exit::unreachable);
  }
}
