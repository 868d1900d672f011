// The command line of `podring top`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/http_url.h"
#include "terminal/completion.h"

namespace podring::top {

constexpr int kExitDone = 0;
constexpr int kExitUsage = 2;        ///< bad flags, or no terminal
constexpr int kExitUnreachable = 3;  ///< no peer told anything

struct Options {
  HttpUrl server;
  bool once = false;
};

struct Parsed {
  Options options;
  std::optional<std::string> print;  ///< --help: this to standard output, and exit with 0
  std::string error;                 ///< a sentence; empty: none
};

/// `arguments` without "podring top"; PODRING_ADDRESS and PODRING_HTTP_PORT lead to the peer where
/// no flag does.
[[nodiscard]] Parsed parse_options(std::vector<std::string> arguments);

/// Its flags, for completion.
[[nodiscard]] terminal::CompletedCommand command();

}  // namespace podring::top
