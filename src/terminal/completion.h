// Scripts that complete command lines in bash, zsh and fish, made of what CLI11 knows of the flags;
// so they cannot say anything else than --help.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace podring::terminal {

/// A flag as CLI11 has it.
struct CompletedFlag {
  std::vector<std::string> names;  ///< with their dashes, as "-h" and "--help"
  std::string about;
  bool takes_value = false;
  bool takes_file = false;           ///< the value is a file's name
  std::vector<std::string> choices;  ///< all values that there are; empty: any
};

struct CompletedCommand {
  std::string name;  ///< of the program or the subcommand
  std::string about;
  std::vector<CompletedFlag> flags;
  bool takes_files = false;  ///< as arguments that belong to no flag
};

/// A value whose placeholder in --help is FILE is a file's name; `{a,b}` there are the choices.
[[nodiscard]] CompletedCommand completed_command(const CLI::App& app);

/// Adds --completion to `app`; `shell` is empty unless it was given, then known.
void add_completion_flag(CLI::App& app, std::string& shell, const std::string& group = "Options");

/// The script for `shell`: bash, zsh or fish. A subcommand is the first argument of `program`.
[[nodiscard]] std::string completion_script(std::string_view shell, const CompletedCommand& program,
                                            const std::vector<CompletedCommand>& subcommands = {});

}  // namespace podring::terminal
