// The findings for people and for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "doctor/judge.h"

namespace podring::doctor {

struct Look {
  std::optional<std::size_t> width;  ///< columns, at least 40; nullopt: lines are not broken
  bool colour = false;
};
[[nodiscard]] std::string as_text(const Config& config, const Facts& facts,
                                  const std::vector<Finding>& findings, const Look& look);
/// One object: "findings", each as in judge.h, and "looked_at".
[[nodiscard]] std::string as_json(const Config& config, const Facts& facts,
                                  const std::vector<Finding>& findings);

}  // namespace podring::doctor
