#include "inject/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "terminal/text.h"

namespace podring::inject {
namespace {

using terminal::Colour, terminal::grouped, terminal::painted;

// A run that is over sooner needs no bar.
constexpr auto kShownAfter = std::chrono::milliseconds{500};
constexpr std::size_t kBarWidthMax = 30;

volatile std::sig_atomic_t interrupted_by_user = 0;

void on_interrupt(int) {
  if (interrupted_by_user != 0) std::_Exit(130);  // the second Ctrl-C: at once
  interrupted_by_user = 1;
}

void write_error(std::string_view text) {
  // Nothing can be done when standard error is gone.
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

}  // namespace

ProgressBar::ProgressBar(bool drawn, bool colour) : drawn_{drawn}, colour_{colour} {
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // no SA_RESTART: waiting ends at once
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

ProgressBar::~ProgressBar() { clear(); }

bool ProgressBar::interrupted() { return interrupted_by_user != 0; }

bool ProgressBar::go_on(TimePoint now, const Standing& standing) {
  if (begun_ == TimePoint{}) begun_ = now;
  if (drawn_ && now - begun_ >= kShownAfter) draw(now, standing);
  return !interrupted();
}

void ProgressBar::clear() {
  if (on_screen_) write_error("\r\x1b[K");
  on_screen_ = false;
}

void ProgressBar::draw(TimePoint now, const Standing& standing) {
  const double part = standing.count == 0 ? 1
                                          : static_cast<double>(standing.ended) /
                                                static_cast<double>(standing.count);
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  std::string text =
      " " + grouped(standing.ended) + " of " + grouped(standing.count) + "  " +
      std::to_string(static_cast<int>(part * 100)) + " %  " +
      grouped(static_cast<std::uint64_t>(static_cast<double>(standing.ended) / seconds)) +
      " a second";
  if (standing.in_flight > 0) text += "  " + grouped(standing.in_flight) + " under way";
  std::string failed;
  if (standing.failed > 0) failed = "  " + grouped(standing.failed) + " failed";
  const std::size_t columns = terminal::size_of(STDERR_FILENO).columns;
  std::string bar;
  if (columns > text.size() + failed.size() + 10) {
    const std::size_t width = std::min(kBarWidthMax, columns - text.size() - failed.size() - 4);
    const auto full = static_cast<std::size_t>(part * static_cast<double>(width));
    bar = "[" + painted(std::string(full, '#'), Colour::green, colour_) +
          std::string(width - full, '.') + "]";
  } else {
    text = text.substr(0, columns > failed.size() + 1 ? columns - failed.size() - 1 : 0);
  }
  write_error("\r\x1b[K" + bar + text + painted(failed, Colour::red, colour_));
  on_screen_ = true;
}

}  // namespace podring::inject
