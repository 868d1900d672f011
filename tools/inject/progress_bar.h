// What a run shows on standard error while it goes on: a bar that redraws itself.
#pragma once

#include "core/types.h"
#include "inject/watcher.h"
#include "terminal/progress_line.h"

namespace podring::inject {

/// Draws a bar on standard error, when that is a terminal, and knows of Ctrl-C.
class ProgressBar final : public Watcher {
 public:
  /// `drawn` false: no bar whatever standard error is.
  explicit ProgressBar(bool drawn);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  [[nodiscard]] bool go_on(TimePoint now, const Standing& standing) override;
  void clear();  ///< takes the bar off the screen
  [[nodiscard]] static bool interrupted();

 private:
  void draw(TimePoint now, const Standing& standing);

  terminal::ProgressLine line_;
  TimePoint begun_{};
};

}  // namespace podring::inject
