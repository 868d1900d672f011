// What a terminal may be given: colours, a bar that redraws itself, text without control
// characters.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/types.h"
#include "inject/watcher.h"

namespace podring::inject {

/// True for a terminal that understands escape sequences (not TERM=dumb).
[[nodiscard]] bool is_terminal(int fd);
/// The same, unless NO_COLOR is set to anything (no-color.org).
[[nodiscard]] bool wants_colour(int fd);

enum class Colour { plain, bold, dim, green, yellow, red };
/// `text` in that colour when `on`.
[[nodiscard]] std::string painted(std::string_view text, Colour colour, bool on);

/// Control characters become escapes: names and reasons come from other machines.
[[nodiscard]] std::string printable(std::string_view text);
/// "12,345"
[[nodiscard]] std::string grouped(std::uint64_t number);
/// With three significant digits, in ms below 1 s and in s above: "0.412 ms", "12.3 s".
[[nodiscard]] std::string shown(Duration duration);

/// Draws a bar on standard error, when that is a terminal, and knows of Ctrl-C.
class ProgressBar final : public Watcher {
 public:
  /// `drawn` false: no bar whatever standard error is.
  ProgressBar(bool drawn, bool colour);
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  [[nodiscard]] bool go_on(TimePoint now, const Standing& standing) override;
  void clear();  ///< takes the bar off the screen
  [[nodiscard]] static bool interrupted();

 private:
  void draw(TimePoint now, const Standing& standing);

  bool drawn_;
  bool colour_;
  bool on_screen_ = false;
  TimePoint begun_{};
};

}  // namespace podring::inject
