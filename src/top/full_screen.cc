#include "top/full_screen.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

namespace podring::top {
namespace {

// The other screen, no cursor, lines are cut at the edge; and all that taken back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kEraseLine = "\x1b[K";
constexpr std::string_view kEraseBelow = "\x1b[J";

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

FullScreen::FullScreen() {
  if (::tcgetattr(STDIN_FILENO, &before_) != 0) {
    throw std::system_error{errno, std::generic_category(), "the terminal tells no modes"};
  }
  enter();
}

FullScreen::~FullScreen() { leave(); }

void FullScreen::enter() {
  termios raw = before_;
  ::cfmakeraw(&raw);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
  (void)write_all(kEnter);
}

void FullScreen::leave() {
  (void)write_all(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
}

bool FullScreen::show(const std::vector<std::string>& lines) {
  std::string text{kHome};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += (i == 0 ? "" : "\r\n") + lines[i];
    text += kEraseLine;
  }
  return write_all(text += kEraseBelow);
}

void FullScreen::suspend() {
  leave();
  ::kill(0, SIGTSTP);  // the whole job, as the terminal would
  enter();
}

}  // namespace podring::top
