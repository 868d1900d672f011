// `podring doctor`: looks at what usually goes wrong, from where a pod runs.
//
// It takes podring's own flags and variables, so what it looks at is what a pod with this
// configuration meets. It seeds nothing and is no member of the ring: a client that says hello.
#pragma once

#include <string>
#include <vector>

#include "app/config.h"
#include "terminal/completion.h"

namespace podring::doctor {

constexpr int kExitWell = 0;
constexpr int kExitFindings = 1;
constexpr int kExitUsage = 2;  ///< bad flags, or it could not run

/// Its flags, for completion.
[[nodiscard]] terminal::CompletedCommand command();

/// `arguments` without "podring doctor". Prints the report and returns the exit code.
[[nodiscard]] int run(std::vector<std::string> arguments,
                      const std::vector<std::string>& environment, const Host& host);

}  // namespace podring::doctor
