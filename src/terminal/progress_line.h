// One line on standard error that redraws itself while something goes on.
#pragma once

#include <optional>
#include <string>

#include "core/types.h"

namespace podring::terminal {

/// Shows nothing where standard error is no terminal, and before half a second is over.
class ProgressLine {
 public:
  /// `wanted` false: shows nothing at all.
  explicit ProgressLine(bool wanted = true);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// True when show() is to be called; at most ten times a second, however often this is asked.
  [[nodiscard]] bool is_due(TimePoint now);
  /// A bar when `part` (0 to 1) is known, and the texts as far as there is room; `bad` in red.
  void show(std::optional<double> part, const std::string& text, const std::string& bad = {});
  void clear();  ///< takes it off the screen

 private:
  bool drawn_;
  bool colour_;
  bool on_screen_ = false;
  std::optional<TimePoint> due_;  ///< when it is drawn next
};

}  // namespace podring::terminal
