// Turns the bytes of a connection into one Request, or into the answer that says why not. Knows no
// socket and no clock. One request per connection: what follows it is ignored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"

namespace podring::http {

class RequestParser {
 public:
  struct Limits {
    std::size_t head_max = 32 * 1024;  ///< bytes of request line and headers; beyond it 431
    std::size_t body_max = 4 * 1024;   ///< bytes of the body; beyond it 413, known before reading
  };
  enum class State : std::uint8_t { head, body, done, failed };

  explicit RequestParser(Limits limits) : limits_{limits} {}

  /// Takes the next bytes, in pieces of any size.
  State feed(std::string_view bytes);
  [[nodiscard]] State state() const { return state_; }
  /// True until the first byte has come.
  [[nodiscard]] bool untouched() const { return untouched_; }
  /// The client waits for "100 Continue" before it sends the body. True once.
  [[nodiscard]] bool take_expects_continue();

  /// Complete in state done, except for `client`; in state failed as far as it was read (the
  /// method decides whether the answer has a body).
  [[nodiscard]] Request& request() { return request_; }
  [[nodiscard]] const Reply& failure() const { return failure_; }  ///< in state failed

 private:
  enum class Chunk : std::uint8_t { size, data, data_end, trailer };

  void read_head();
  void read_body();
  void read_chunks();
  void read_chunk_size(std::string_view line);
  State fail(int status, std::string_view error, std::string_view detail);

  const Limits limits_;
  State state_ = State::head;
  bool untouched_ = true;
  bool expects_continue_ = false;
  bool chunked_ = false;
  Chunk chunk_ = Chunk::size;
  std::size_t left_ = 0;  // of the body, or of the present chunk
  std::size_t trailer_bytes_ = 0;
  std::size_t scanned_ = 0;  // of `pending_`, without finding the head's end
  std::string pending_;      // read, not yet understood
  Request request_;
  Reply failure_;
};

}  // namespace podring::http
