// What the kernel knows of a TCP connection that somebody else owns, and may close at any moment:
// libzmq, whose connections these are, has a thread of its own.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "core/types.h"

namespace podring {

/// Since the connection was made.
struct TcpFigures {
  std::uint64_t sent = 0;         ///< segments with data, those sent again included
  std::uint64_t sent_again = 0;   ///< because they, or their acks, were lost
  std::uint32_t segment_max = 0;  ///< bytes of payload
  std::uint64_t received = 0;     ///< bytes, read by their owner or not
};

class TcpConnection {
 public:
  /// nullopt: it is closed already, or no TCP connection.
  [[nodiscard]] static std::optional<TcpConnection> of(int fd);
  /// nullopt: it is closed. Never another connection's, though descriptors are used again.
  [[nodiscard]] std::optional<TcpFigures> look() const;

  /// Ends it in both directions; its owner, who still has to close it, sees it end.
  void cut() const;

  [[nodiscard]] Address remote() const;

 private:
  struct Ends {
    sockaddr_storage local{};
    sockaddr_storage remote{};
  };
  [[nodiscard]] static std::optional<Ends> ends_of(int fd);

  int fd_ = -1;
  Ends ends_;
};

}  // namespace podring
