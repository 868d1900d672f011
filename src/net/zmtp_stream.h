// One direction of a ZMTP 3 connection, looked at before libzmq sees it (ZeroMQ RFC 23, 37, 26).
//
// What no peer and no client of this ring sends is a fault: old versions, heartbeats, messages of
// many parts, frames that are too large. libzmq 4.3.4 aborts on some of these and keeps memory
// without bound for others (proto-docs/security.md). Bytes come in as the kernel cuts them; nothing
// is copied but headers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace podring {

/// Why a connection is cut.
enum class ZmtpFault : std::uint8_t {
  none,
  greeting,   ///< not ZMTP 3, or a mechanism that is neither NULL nor CURVE
  handshake,  ///< a command that does not belong there, or one that is too large
  command,    ///< one after the handshake: heartbeats, subscriptions
  frame,      ///< flags that nobody knows, or too large
  parts       ///< a message of too many parts
};

class ZmtpStream {
 public:
  enum class Side : std::uint8_t { accepted, dialled };  ///< who is listened to, by our side
  static constexpr std::size_t kGreetingBytes = 64;
  static constexpr std::uint64_t kCommandBytesMax = 4096;  ///< of the handshake; libzmq's: 300
  static constexpr unsigned kPartsMax = 4;  ///< one is right; a few more are dropped and counted
  /// What CURVE adds to a frame: name, nonce, proof, flags.
  static constexpr std::uint64_t kCurveBytes = 8 + 8 + 16 + 1;
  /// libzmq's, for each frame that waits to be read.
  static constexpr std::uint64_t kFrameCost = 64;

  explicit ZmtpStream(Side side = Side::accepted, std::uint64_t frame_bytes_max = 0)
      : side_{side}, frame_bytes_max_{frame_bytes_max} {}

  /// After a fault nothing is looked at any more.
  ZmtpFault feed(std::span<const unsigned char> bytes);

  [[nodiscard]] bool curve() const { return curve_; }
  /// The handshake is over: what comes now are messages.
  [[nodiscard]] bool ready() const { return state_ == State::ready; }
  /// What libzmq keeps of all frames that have begun: their bytes so far and kFrameCost for each.
  [[nodiscard]] std::uint64_t cost() const { return cost_; }
  /// Of them, those of the message that has not ended.
  [[nodiscard]] std::uint64_t unended_cost() const { return cost_ - ended_cost_; }
  [[nodiscard]] std::uint64_t messages() const { return messages_; }

 private:
  enum class State : std::uint8_t { greeting, handshake, ready };

  void take_greeting(unsigned char byte);
  void take_header(unsigned char byte);
  void begin_frame();
  void end_frame();
  void end_command();
  [[nodiscard]] std::uint64_t frame_max() const;

  Side side_;
  std::uint64_t frame_bytes_max_;
  State state_ = State::greeting;
  ZmtpFault fault_ = ZmtpFault::none;
  bool curve_ = false;
  std::size_t greeting_bytes_ = 0;
  std::array<unsigned char, 20> mechanism_{};
  // The frame that is being read.
  unsigned header_bytes_ = 0;  ///< of flags and length that have come; 0: none has begun
  unsigned header_size_ = 0;
  unsigned char flags_ = 0;
  std::uint64_t left_ = 0;  ///< of its body
  bool in_body_ = false;
  std::array<unsigned char, 9> name_{};  ///< of a handshake command: length and letters
  std::size_t name_bytes_ = 0;
  unsigned commands_ = 0;
  unsigned parts_ = 0;
  std::uint64_t cost_ = 0;
  std::uint64_t ended_cost_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace podring
