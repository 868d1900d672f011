// Reading and writing a connected socket with deadlines, looking at a stop flag meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/message.h"

namespace podring::http {

enum class ReadOutcome : std::uint8_t { bytes, closed, timed_out, stopped };
struct ReadResult {
  ReadOutcome outcome = ReadOutcome::closed;
  std::size_t count = 0;
};

class SocketIo : public Outlet {
 public:
  using Clock = std::chrono::steady_clock;

  /// `write_timeout`: how long the reader may take nothing. Once the stop flag is set, what is
  /// being written has kStopGrace to go out.
  SocketIo(int fd, const std::atomic<bool>& stop, std::chrono::milliseconds write_timeout)
      : fd_{fd}, stop_{stop}, write_timeout_{write_timeout} {}

  [[nodiscard]] ReadResult read(std::span<char> into, Clock::time_point until);
  bool write(std::string_view bytes) override;
  bool open() override;
  /// The reader took nothing for the time-out.
  [[nodiscard]] bool cut() const { return cut_; }

 private:
  const int fd_;
  const std::atomic<bool>& stop_;
  const std::chrono::milliseconds write_timeout_;
  bool gone_ = false;
  bool cut_ = false;
};

}  // namespace podring::http
