#include "verify_logs/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <stdexcept>
#include <system_error>

namespace podring::verify {
namespace {

/// A file given twice would have each of its lines twice.
void refuse_twins(const std::vector<std::string>& names) {
  std::map<std::pair<dev_t, ino_t>, const std::string*> seen;
  for (const std::string& name : names) {
    struct stat told {};
    if (name == "-" || stat(name.c_str(), &told) != 0 || !S_ISREG(told.st_mode)) continue;
    const auto [first, fresh] = seen.emplace(std::pair{told.st_dev, told.st_ino}, &name);
    if (fresh) continue;
    throw std::runtime_error{name + " is given twice" +
                             (*first->second == name ? "" : ", also as " + *first->second) +
                             "; give each log once"};
  }
}

constexpr std::size_t kReadBytes = 2 * 1024 * 1024;
constexpr std::size_t kLookAhead = 64;  // beyond the last line

}  // namespace

Input::Input(std::vector<std::string> names)
    : names_{std::move(names)}, buffer_(kReadBytes + kLineBytesMax + kLookAhead) {
  refuse_twins(names_);
}

Input::~Input() {
  if (fd_ > STDIN_FILENO) close(fd_);
}

std::optional<std::uint64_t> Input::bytes_in_all() const {
  std::uint64_t sum = 0;
  for (const std::string& name : names_) {
    struct stat told {};
    const int failed = name == "-" ? fstat(STDIN_FILENO, &told) : stat(name.c_str(), &told);
    if (failed != 0 || !S_ISREG(told.st_mode)) return std::nullopt;
    sum += static_cast<std::uint64_t>(told.st_size);
  }
  return sum;
}

bool Input::open_next() {
  if (fd_ > STDIN_FILENO) close(fd_);
  fd_ = -1;
  if (opened_ == names_.size()) return false;
  const std::string& name = names_[opened_++];
  fd_ = name == "-" ? STDIN_FILENO : open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw std::system_error{errno, std::generic_category(), name};
  at_end_ = false;
  number_ = 0;
  begin_ = end_ = scanned_ = 0;
  return true;
}

/// Reads more behind what is there; false at the end of this input.
bool Input::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  const std::size_t room = buffer_.size() - kLookAhead - end_;
  ssize_t got = 0;
  do {
    got = read(fd_, buffer_.data() + end_, room);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    const std::string& name = names_[opened_ - 1];
    throw std::system_error{errno, std::generic_category(), name == "-" ? "standard input" : name};
  }
  at_end_ = got == 0;
  end_ += static_cast<std::size_t>(got);
  bytes_ += static_cast<std::uint64_t>(got);
  if (told_) told_();
  return !at_end_;
}

bool Input::next(Line& line) {
  while (true) {
    if (fd_ < 0 && !open_next()) return false;
    const char* const from = buffer_.data() + scanned_;
    const auto* const found = static_cast<const char*>(std::memchr(from, '\n', end_ - scanned_));
    const std::size_t size =
        (found != nullptr ? static_cast<std::size_t>(found - buffer_.data()) : end_) - begin_;
    const bool too_long = found == nullptr && size >= kLineBytesMax;
    if (found == nullptr && !at_end_ && !too_long) {
      scanned_ = end_;
      if (fill()) continue;
    }
    if (found == nullptr && size == 0) {
      fd_ > STDIN_FILENO ? static_cast<void>(close(fd_)) : static_cast<void>(0);
      fd_ = -1;
      continue;
    }
    line.text = {buffer_.data() + begin_, size};
    line.capacity = buffer_.size() - begin_;
    line.input = opened_ - 1;
    line.number = ++number_;
    line.cut = found == nullptr;
    begin_ = scanned_ = begin_ + size + (found != nullptr ? 1 : 0);
    if (!line.text.empty() && line.text.back() == '\r') line.text.remove_suffix(1);
    return true;
  }
}

}  // namespace podring::verify
