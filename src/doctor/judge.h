// What the facts mean, and what is to be changed. No I/O.
#pragma once

#include <string>
#include <vector>

#include "doctor/facts.h"

namespace podring::doctor {

struct Finding {
  std::string id;         ///< for programs; the same for the same mistake
  std::string seen;       ///< a sentence with what was asked and answered
  std::string means;      ///< what follows for the ring
  std::string change;     ///< the line to change, and where
  bool may_pass = false;  ///< also seen for some seconds while pods come and go
};

/// Nothing: all that was looked at is well. Causes go before what follows from them.
[[nodiscard]] std::vector<Finding> judge(const Config& config, const Facts& facts);

}  // namespace podring::doctor
