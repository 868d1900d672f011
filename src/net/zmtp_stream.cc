#include "net/zmtp_stream.h"

#include <algorithm>
#include <string_view>

namespace podring {
namespace {

constexpr unsigned char kMore = 1;
constexpr unsigned char kLong = 2;
constexpr unsigned char kCommand = 4;
constexpr std::size_t kVersionAt = 10;
constexpr std::size_t kMechanismAt = 12;

bool is(const std::array<unsigned char, 20>& mechanism, std::string_view name) {
  return std::equal(name.begin(), name.end(), mechanism.begin()) &&
         std::all_of(mechanism.begin() + static_cast<std::ptrdiff_t>(name.size()), mechanism.end(),
                     [](unsigned char byte) { return byte == 0; });
}

}  // namespace

ZmtpFault ZmtpStream::feed(std::span<const unsigned char> bytes) {
  while (!bytes.empty() && fault_ == ZmtpFault::none) {
    if (in_body_) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      if (state_ == State::handshake) {
        const std::size_t named = std::min(count, name_.size() - name_bytes_);
        std::copy_n(bytes.begin(), named, name_.begin() + static_cast<std::ptrdiff_t>(name_bytes_));
        name_bytes_ += named;
      } else {
        cost_ += count;
      }
      left_ -= count;
      bytes = bytes.subspan(count);
      if (left_ == 0) end_frame();
      continue;
    }
    if (state_ == State::greeting) {
      take_greeting(bytes.front());
    } else {
      take_header(bytes.front());
    }
    bytes = bytes.subspan(1);
  }
  return fault_;
}

void ZmtpStream::take_greeting(unsigned char byte) {
  const std::size_t at = greeting_bytes_++;
  // libzmq takes anything else for version 1 or 2, whose bounds nobody keeps.
  const bool wrong =
      (at == 0 && byte != 0xff) || (at == 9 && byte != 0x7f) || (at == kVersionAt && byte < 3);
  if (wrong) fault_ = ZmtpFault::greeting;
  if (at >= kMechanismAt && at < kMechanismAt + mechanism_.size()) {
    mechanism_[at - kMechanismAt] = byte;
  }
  if (greeting_bytes_ < kGreetingBytes || fault_ != ZmtpFault::none) return;
  curve_ = is(mechanism_, "CURVE");
  if (!curve_ && !is(mechanism_, "NULL")) fault_ = ZmtpFault::greeting;
  state_ = State::handshake;
}

void ZmtpStream::take_header(unsigned char byte) {
  if (header_bytes_++ == 0) {
    flags_ = byte;
    left_ = 0;
    header_size_ = (flags_ & kLong) != 0 ? 9 : 2;
    const bool command = (flags_ & kCommand) != 0;
    if ((flags_ & ~(kMore | kLong | kCommand)) != 0) {
      fault_ = ZmtpFault::frame;
    } else if (state_ == State::handshake) {
      if (!command || (flags_ & kMore) != 0) fault_ = ZmtpFault::handshake;
    } else if (command) {
      // libzmq sends what CURVE seals as messages. A command here is a heartbeat or a subscription:
      // a PING that is read once the connection has broken ends the process.
      fault_ = ZmtpFault::command;
    }
    return;
  }
  if (header_bytes_ == 2 && header_size_ == 9 && byte != 0) {
    fault_ = ZmtpFault::frame;
    return;
  }
  left_ = (left_ << 8) | byte;
  if (header_bytes_ == header_size_) begin_frame();
}

std::uint64_t ZmtpStream::frame_max() const {
  if (state_ == State::handshake) return kCommandBytesMax;
  return frame_bytes_max_ + (curve_ ? kCurveBytes : 0);
}

void ZmtpStream::begin_frame() {
  header_bytes_ = 0;
  if (left_ > frame_max()) {
    fault_ = state_ == State::handshake ? ZmtpFault::handshake : ZmtpFault::frame;
    return;
  }
  if (state_ == State::handshake) {
    name_bytes_ = 0;
  } else {
    cost_ += kFrameCost;
    if (++parts_ > kPartsMax) {
      fault_ = ZmtpFault::parts;
      return;
    }
  }
  in_body_ = true;
  if (left_ == 0) end_frame();
}

void ZmtpStream::end_frame() {
  in_body_ = false;
  if (state_ == State::handshake) return end_command();
  if ((flags_ & kMore) != 0) return;
  parts_ = 0;
  ended_cost_ = cost_;
  ++messages_;
}

void ZmtpStream::end_command() {
  const auto named = [this](std::string_view name) {
    return name_bytes_ > name.size() && name_[0] == name.size() &&
           std::equal(name.begin(), name.end(), name_.begin() + 1);
  };
  ++commands_;
  if (named("ERROR")) return;  // libzmq ends the connection by itself
  if (!curve_) {
    if (!named("READY")) fault_ = ZmtpFault::handshake;
    state_ = State::ready;
    return;
  }
  const bool accepted = side_ == Side::accepted;
  if (commands_ == 1 && named(accepted ? "HELLO" : "WELCOME")) return;
  if (commands_ != 2 || !named(accepted ? "INITIATE" : "READY")) {
    fault_ = ZmtpFault::handshake;
    return;
  }
  state_ = State::ready;
}

}  // namespace podring
