// A client that sends exactly the bytes it is told to, and reads until the server closes.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace podring::http {

struct RawReply {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// 127.x.y.1, picked by the test's process id, so that tests run side by side.
[[nodiscard]] Address test_address();

class RawClient {
 public:
  using Clock = std::chrono::steady_clock;

  /// Connects; throws std::runtime_error when nobody listens.
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view bytes);  ///< errors are ignored: the server may have closed
  void finish_sending();              ///< shuts down the sending side
  void limit_receive_buffer(int bytes);
  /// All until the server closes, or what has come when the time is over.
  [[nodiscard]] std::string read_all(std::chrono::milliseconds patience);
  /// Until `mark` has come; nullopt when the server closes or the time is over before it.
  [[nodiscard]] std::optional<std::string> read_until(std::string_view mark,
                                                      std::chrono::milliseconds patience);
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  bool read_some(Clock::time_point until);

  int fd_ = -1;
  bool closed_ = false;
  std::string buffer_;
};

/// nullopt for what is no HTTP answer.
[[nodiscard]] std::optional<RawReply> parse_reply(std::string_view text);

/// One request on a connection of its own. Status 0: no answer within 20 s.
[[nodiscard]] RawReply ask(std::uint16_t port, std::string_view request);
[[nodiscard]] RawReply get(std::uint16_t port, std::string_view path);
[[nodiscard]] RawReply post_json(std::uint16_t port, std::string_view body);

}  // namespace podring::http
