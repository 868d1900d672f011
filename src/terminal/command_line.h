// Command lines as every program reads them: values with bounds, and one line that says what to
// change.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Error;
class Option;
}  // namespace CLI

namespace podring::terminal {

/// The value of `option` is one of `choices`, in --help as well.
void take_only(CLI::Option& option, const std::vector<std::string>& choices);

/// The value of `option` is a whole number in these bounds; `unit` stands for it in --help.
void take_whole_number(CLI::Option& option, std::uint64_t min, std::uint64_t max,
                       const std::string& unit = "N");

/// What is wrong with a command line, and where to look; without `program: ` before it.
[[nodiscard]] std::string mistake(const CLI::App& app, const CLI::Error& error,
                                  std::string_view program);

/// Writes to standard output; when that fails, says so on standard error as `program`,
/// unless a reader went away.
[[nodiscard]] bool print(std::string_view program, std::string_view text);

}  // namespace podring::terminal
