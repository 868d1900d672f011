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
namespace {

/// Three significant digits, as far as decimals give them.
std::string with_digits(double value, const char* unit) {
  const int digits = value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f %s", digits, value, unit);
  return text.data();
}

}  // namespace

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

std::string shortened(std::string_view text, std::size_t columns, bool keep_end) {
  const std::size_t taken = columns_of(text);
  if (taken <= columns) return std::string{text};
  const auto starts_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  };
  std::size_t pass = keep_end ? taken - columns + 2 : columns - 2;  // characters before the cut
  std::size_t at = 0;
  while (at < text.size() && (pass > 0 || !starts_character(text[at]))) {
    if (starts_character(text[at])) --pass;
    ++at;
  }
  return keep_end ? ".." + std::string{text.substr(at)} : std::string{text.substr(0, at)} + "..";
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  while (true) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) > columns) {
      lines.push_back(std::move(line));
      line.clear();
    } else if (!line.empty()) {
      line += ' ';
    }
    line += word;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  lines.push_back(std::move(line));
  return lines;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string shown_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return with_digits(value, kUnits[unit]);
}

std::string shown(Duration duration) {
  const double value = std::chrono::duration<double, std::milli>(duration).count();
  return value >= 1'000 ? with_digits(value / 1000, "s") : with_digits(value, "ms");
}

std::string shown_coarsely(Duration duration) {
  struct Unit {
    std::chrono::seconds length;
    const char* name;
  };
  constexpr std::array<Unit, 3> kUnits{{{std::chrono::hours{24}, " d"},
                                        {std::chrono::hours{1}, " h"},
                                        {std::chrono::minutes{1}, " min"}}};
  for (const auto& [length, name] : kUnits) {
    if (duration >= 2 * length) return std::to_string(duration / length) + name;
  }
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace podring::terminal
