// The one table of flags: name, what it means, bounds, how its text becomes part of a Config.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"

namespace podring {

struct Flag {
  std::string name;   ///< without the dashes
  std::string value;  ///< placeholder in --help, with the unit
  std::string group;  ///< heading in --help
  std::string help;
  std::string default_text;   ///< for --help: a value, or in brackets what it is made of
  bool may_be_empty = false;  ///< an empty value is the same as not given
  /// Sets the field. Returns what the value must be ("must be ...") when it cannot, else nothing.
  std::function<std::string(std::string_view text, Config& config)> parse;
  /// As it could be given again; "" for none.
  std::function<std::string(const Config& config)> show;
  bool repeatable = false;  ///< given several times, `parse` gets all, with commas between
};

[[nodiscard]] const std::vector<Flag>& config_flags();

/// "poll-ms" -> "PODRING_POLL_MS".
[[nodiscard]] std::string variable_of(std::string_view flag);

}  // namespace podring
