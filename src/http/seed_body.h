// The body of POST /messages: from JSON to a SeedOrder that is inside every bound.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "http/backend.h"

namespace podring::http {

inline constexpr std::uint32_t kCountMax = 1000;
inline constexpr std::uint32_t kWaitMsMax = 60'000;
inline constexpr std::uint32_t kWaitMsDefault = 5'000;

struct SeedBody {
  SeedOrder order;
  std::optional<std::string> key;
  SeedStage wait = SeedStage::safe;
  std::chrono::milliseconds wait_for{kWaitMsDefault};
};

/// What is wrong, with the field and the bound it broke. `too_large`: a 413, else a 400.
struct BodyError {
  std::string detail;
  bool too_large = false;
};

enum class BodyKind : std::uint8_t {
  seed,      ///< POST /messages
  broadcast  ///< POST /broadcast: one lap, whose end is waited for; `wait_for` is its timeout_ms
};

/// One JSON object: no unknown field, no field twice, nothing after it. Never throws.
[[nodiscard]] std::variant<SeedBody, BodyError> read_seed_body(const std::string& json,
                                                               BodyKind kind = BodyKind::seed);

[[nodiscard]] bool is_media_type(std::string_view text);   ///< 1 to kContentTypeBytesMax, visible
[[nodiscard]] bool is_traceparent(std::string_view text);  ///< W3C Trace Context, version 00

}  // namespace podring::http
