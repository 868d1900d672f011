#include "terminal/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace podring::terminal {

void take_only(CLI::Option& option, const std::vector<std::string>& choices) {
  const std::string list = CLI::detail::join(choices, ",");
  option.type_name("{" + list + "}");
  const auto one_of = [choices](std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return std::string{};
    std::string all = choices.front();
    for (std::size_t i = 1; i < choices.size(); ++i) {
      all += (i + 1 == choices.size() ? " or " : ", ") + choices[i];
    }
    return "must be " + all + ", not '" + text + "'";
  };
  option.check(CLI::Validator(one_of, ""));  // described, they would be in --help twice
}

void take_whole_number(CLI::Option& option, std::uint64_t min, std::uint64_t max,
                       const std::string& unit) {
  option.type_name(unit);
  const auto within = [min, max](std::string& text) {
    const bool digits =
        !text.empty() && text.size() <= 19 &&
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    const std::uint64_t value = digits ? std::stoull(text) : 0;
    if (digits && value >= min && value <= max) return std::string{};
    return "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max) +
           ", not '" + text + "'";
  };
  option.check(CLI::Validator(within, ""));
}

std::string mistake(const CLI::App& app, const CLI::Error& error, std::string_view program) {
  std::string what = error.what();
  const std::vector<std::string> extras = app.remaining();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !extras.empty()) {
    const std::string& first = extras.front();
    what = first.starts_with('-')
               ? "there is no flag " + first
               : "'" + first + "' is one word too many (quotes make one of several)";
  }
  return what + "; " + std::string{program} + " --help lists the flags";
}

bool print(std::string_view program, std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (std::fflush(stdout) == 0 && written) return true;
  if (errno == EPIPE) return false;  // as with `| head`: the reader has had enough
  std::fprintf(stderr, "%.*s: standard output takes nothing: %s\n",
               static_cast<int>(program.size()), program.data(), std::strerror(errno));
  return false;
}

}  // namespace podring::terminal
