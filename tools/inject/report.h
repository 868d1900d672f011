// The summary of a run: for people, and as one JSON object for programs.
#pragma once

#include <string>

#include "inject/options.h"
#include "inject/tally.h"

namespace podring::inject {

struct RunFacts {
  Duration took{};
  bool interrupted = false;
  std::string
      gave_up{};  ///< why nothing could be seeded; empty: something was, or nothing was tried
};

[[nodiscard]] Exit exit_of(const Options& options, const Tally& tally, const RunFacts& facts);
/// With its line break. One message that waited for `completed`: its whole trace as a table.
[[nodiscard]] std::string report_text(const Options& options, const Tally& tally,
                                      const RunFacts& facts, bool colour);
[[nodiscard]] std::string report_json(const Options& options, const Tally& tally,
                                      const RunFacts& facts);

}  // namespace podring::inject
