#include "terminal/progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "terminal/text.h"

namespace podring::terminal {
namespace {

// What is over sooner needs no line.
constexpr auto kShownAfter = std::chrono::milliseconds{500};
constexpr auto kDrawnEvery = std::chrono::milliseconds{100};
constexpr std::size_t kBarMin = 6;
constexpr std::size_t kBarMax = 30;

void write_error(std::string_view text) {
  // Nothing can be done when standard error is gone.
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

}  // namespace

ProgressLine::ProgressLine(bool wanted)
    : drawn_{wanted && is_terminal(STDERR_FILENO)}, colour_{wants_colour(STDERR_FILENO)} {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::clear() {
  if (on_screen_) write_error("\r\x1b[K");
  on_screen_ = false;
}

bool ProgressLine::is_due(TimePoint now) {
  if (!due_) due_ = now + kShownAfter;
  if (!drawn_ || now < *due_) return false;
  due_ = now + kDrawnEvery;
  return true;
}

void ProgressLine::show(std::optional<double> part, const std::string& text,
                        const std::string& bad) {
  const std::size_t columns = size_of(STDERR_FILENO).columns;
  const std::size_t gap = bad.empty() ? 0 : 2;
  const std::size_t taken = columns_of(text) + gap + columns_of(bad);
  std::string line = "\r\x1b[K";
  if (part && columns > taken + kBarMin + 4) {  // its brackets, a blank, and the last column
    const std::size_t width = std::min(kBarMax, columns - taken - 4);
    const auto full =
        static_cast<std::size_t>(std::clamp(*part, 0.0, 1.0) * static_cast<double>(width));
    line += "[" + painted(std::string(full, '#'), Colour::green, colour_) +
            std::string(width - full, '.') + "] ";
    line += text;
  } else {
    const std::size_t room =
        columns > gap + columns_of(bad) + 3 ? columns - gap - columns_of(bad) - 1 : 2;
    line += shortened(text, room);
  }
  write_error(line + std::string(gap, ' ') + painted(bad, Colour::red, colour_));
  on_screen_ = true;
}

}  // namespace podring::terminal
