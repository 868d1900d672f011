// What a terminal may be given: colours, figures for people, text without control characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace podring::terminal {

/// True for a terminal that understands escape sequences (not TERM=dumb).
[[nodiscard]] bool is_terminal(int fd);
/// The same, unless NO_COLOR is set to anything (no-color.org).
[[nodiscard]] bool wants_colour(int fd);

struct Size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
/// Of the terminal behind `fd`; 80 x 24 where it does not tell.
[[nodiscard]] Size size_of(int fd);

enum class Colour { plain, bold, dim, green, yellow, red };
/// `text` in that colour when `on`.
[[nodiscard]] std::string painted(std::string_view text, Colour colour, bool on);

/// Control characters become escapes: names and reasons come from other machines.
[[nodiscard]] std::string printable(std::string_view text);
/// Columns that `text` takes, as long as each of its characters takes one.
[[nodiscard]] std::size_t columns_of(std::string_view text);
/// With blanks up to `columns`, at the left when `right`.
[[nodiscard]] std::string padded(std::string text, std::size_t columns, bool right = false);
/// At most `columns` of it (2 or more), with ".." where something is left out: at the end, or at
/// the start when `keep_end`.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns,
                                    bool keep_end = false);
/// Lines of at most `columns` each, broken at blanks; a longer word stays whole.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t columns);
/// "12,345"
[[nodiscard]] std::string grouped(std::uint64_t number);
/// With three significant digits above 1 KiB: "512 B", "1.23 MiB".
[[nodiscard]] std::string shown_bytes(std::uint64_t bytes);
/// With three significant digits, in ms below 1 s and in s above: "0.412 ms", "12.3 s".
[[nodiscard]] std::string shown(Duration duration);
/// In whole seconds, minutes, hours or days, two or more of them: "59 s", "119 s", "2 min", "3 d".
[[nodiscard]] std::string shown_coarsely(Duration duration);

}  // namespace podring::terminal
