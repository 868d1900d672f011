// Text from anywhere into lines: always valid UTF-8, never a control character, so that no message
// or name can forge a line or drive a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace podring::observe {

/// Appends `text` as the inside of a JSON string, at most `bytes_max` bytes of it, cut between
/// characters. Bytes that are not UTF-8 become U+FFFD. Returns how many bytes of `text` went in.
std::size_t append_json(std::string& out, std::string_view text,
                        std::size_t bytes_max = std::string::npos);
/// The size that append_json() would append.
[[nodiscard]] std::size_t json_size(std::string_view text);

/// For people: control characters (C0, DEL, C1), line and paragraph separators and the marks that
/// turn the writing direction become escapes such as \n and \u001b; all else stays as it is.
std::size_t append_plain(std::string& out, std::string_view text,
                         std::size_t bytes_max = std::string::npos);
[[nodiscard]] std::size_t plain_size(std::string_view text);

}  // namespace podring::observe
