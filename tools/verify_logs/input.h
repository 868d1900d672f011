// Lines of files and of standard input, one after another, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace podring::verify {

struct Line {
  std::string_view text;     ///< without the line break
  std::size_t capacity = 0;  ///< readable bytes from text.data() on: a JSON reader may look ahead
  std::size_t input = 0;     ///< which one, in the order given
  std::uint64_t number = 0;  ///< from 1, within its input
  bool cut = false;          ///< the input ended in it, without a line break
};

/// Throws std::system_error with the file's name when one cannot be read.
class Input {
 public:
  static constexpr std::size_t kLineBytesMax = 1024 * 1024;  ///< a longer one is no log line: cut

  /// "-" is standard input.
  explicit Input(std::vector<std::string> names);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// False at the end of the last input. The line is good until the next call.
  [[nodiscard]] bool next(Line& line);
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] bool open_next();
  [[nodiscard]] bool fill();

  std::vector<std::string> names_;
  std::size_t opened_ = 0;
  int fd_ = -1;
  bool at_end_ = false;
  std::uint64_t number_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t scanned_ = 0;  ///< no line break before here
};

}  // namespace podring::verify
