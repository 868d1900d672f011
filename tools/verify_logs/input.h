// Lines of files and of standard input, one after another, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace podring::verify {

struct Line {
  std::string_view text;     ///< without the line break
  std::size_t capacity = 0;  ///< readable bytes from text.data() on: a JSON reader may look ahead
  std::size_t input = 0;     ///< which one, in the order given
  std::uint64_t number = 0;  ///< from 1, within its input
  bool cut = false;          ///< the input ended in it, without a line break
};

/// Throws std::runtime_error that names the file when one cannot be read or is given twice.
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
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }  ///< read so far
  /// Of all inputs as they are now; nullopt when one is no regular file, so that nobody knows.
  [[nodiscard]] std::optional<std::uint64_t> bytes_in_all() const;
  /// Called now and then while something is read.
  void on_read(std::function<void()> told) { told_ = std::move(told); }

 private:
  [[nodiscard]] bool open_next();
  [[nodiscard]] bool fill();

  std::vector<std::string> names_;
  std::size_t opened_ = 0;
  int fd_ = -1;
  bool at_end_ = false;
  std::uint64_t number_ = 0;
  std::uint64_t bytes_ = 0;
  std::function<void()> told_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t scanned_ = 0;  ///< no line break before here
};

}  // namespace podring::verify
