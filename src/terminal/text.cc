#include "terminal/text.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "observe/escape.h"

namespace podring::terminal {

bool is_terminal(int fd) {
  const char* term = std::getenv("TERM");
  return ::isatty(fd) == 1 && term != nullptr && std::string_view{term} != "dumb";
}

bool wants_colour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(fd) && (no_colour == nullptr || *no_colour == '\0');
}

Size size_of(int fd) {
  winsize told{};
  Size size;
  if (::ioctl(fd, TIOCGWINSZ, &told) != 0) return size;
  if (told.ws_col > 0) size.columns = told.ws_col;
  if (told.ws_row > 0) size.rows = told.ws_row;
  return size;
}

std::string painted(std::string_view text, Colour colour, bool on) {
  constexpr std::array<const char*, 6> kCodes{"0", "1", "2", "32", "33", "31"};
  if (!on || colour == Colour::plain || text.empty()) return std::string{text};
  return std::string{"\x1b["} + kCodes[static_cast<std::size_t>(colour)] + "m" + std::string{text} +
         "\x1b[0m";
}

std::string printable(std::string_view text) {
  std::string out;
  observe::append_plain(out, text);
  return out;
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string padded(std::string text, std::size_t columns, bool right) {
  const std::size_t taken = columns_of(text);
  const std::string blanks(columns > taken ? columns - taken : 0, ' ');
  return right ? blanks + text : text + blanks;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string shown(Duration duration) {
  double value = std::chrono::duration<double, std::milli>(duration).count();
  const char* unit = "ms";
  if (value >= 1'000) {
    value /= 1000;
    unit = "s";
  }
  const int digits = value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.*f %s", digits, value, unit);
  return text.data();
}

}  // namespace podring::terminal
