// How much a log line matters.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace podring::observe {

enum class Level : std::uint8_t { debug, info, warn, error };

[[nodiscard]] constexpr std::string_view to_string(Level level) {
  constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<int>(level)];
}
[[nodiscard]] constexpr std::optional<Level> parse_level(std::string_view text) {
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error}) {
    if (text == to_string(level)) return level;
  }
  return std::nullopt;
}

}  // namespace podring::observe
