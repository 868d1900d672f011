// What verify-logs shows on a terminal while it works.
#pragma once

#include <cstdint>
#include <optional>

#include "terminal/progress_line.h"

namespace podring::verify {

/// On standard error, when that is a terminal.
class Progress {
 public:
  /// `in_all`: bytes that will be read, when that is known.
  explicit Progress(std::optional<std::uint64_t> in_all) : in_all_{in_all} {}

  void on_read(std::uint64_t bytes, std::uint64_t lines);
  void on_checked(std::uint64_t records, std::uint64_t in_all);
  void clear() { line_.clear(); }

 private:
  std::optional<std::uint64_t> in_all_;
  terminal::ProgressLine line_;
};

}  // namespace podring::verify
