// How the core reads and writes msgpack; only annotations.cc, codec_read.cc, codec_write.cc and
// peer_status.cc include it.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <msgpack.hpp>

#include "core/envelope.h"
#include "core/types.h"

namespace podring {

/// Reads msgpack items front to back. After the first mistake everything reads as zero and ok() is
/// false.
class Reader {
 public:
  static constexpr std::size_t kExtBytesMax = kExtensionBytesMax;
  static constexpr std::uint32_t kExtKeysMax = 64;

  explicit Reader(ByteView bytes) : at_(bytes.data()), begin_(at_), end_(at_ + bytes.size()) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && at_ == end_; }
  [[nodiscard]] std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  void fail() {
    ok_ = false;
    at_ = end_;
  }

  std::uint64_t uint() {
    const unsigned tag = byte();
    if (tag <= 0x7f) return tag;
    switch (tag) {
      case 0xcc:
        return big_endian<1>();
      case 0xcd:
        return big_endian<2>();
      case 0xce:
        return big_endian<4>();
      case 0xcf:
        return big_endian<8>();
      default:
        fail();
        return 0;
    }
  }
  template <typename T>
  T uint_up_to(std::uint64_t max) {
    const std::uint64_t value = uint();
    if (value > max) fail();
    return ok_ ? static_cast<T>(value) : T{};
  }
  bool boolean() {
    const unsigned tag = byte();
    if (tag != 0xc2 && tag != 0xc3) fail();
    return ok_ && tag == 0xc3;
  }
  /// Number of elements; each needs at least one byte, so a claim beyond what remains is a mistake.
  std::size_t array() { return header(0x90, 0x0f, 0xdc, 0xdd); }
  std::size_t map() { return header(0x80, 0x0f, 0xde, 0xdf); }
  ByteView str() {
    const unsigned tag = byte();
    if ((tag & 0xe0) == 0xa0) return take(tag & 0x1f);
    switch (tag) {
      case 0xd9:
        return take(big_endian<1>());
      case 0xda:
        return take(big_endian<2>());
      case 0xdb:
        return take(big_endian<4>());
      default:
        fail();
        return {};
    }
  }
  ByteView str_up_to(std::size_t max) {
    const ByteView text = str();
    if (text.size() > max) fail();
    return ok_ ? text : ByteView{};
  }
  ByteView bin() {
    switch (byte()) {
      case 0xc4:
        return take(big_endian<1>());
      case 0xc5:
        return take(big_endian<2>());
      case 0xc6:
        return take(big_endian<4>());
      default:
        fail();
        return {};
    }
  }
  Address address() {
    const ByteView bytes = bin();
    if (bytes.empty()) fail();
    return address_of(bytes);
  }
  /// An empty bin reads as none.
  std::optional<Address> optional_address() {
    const ByteView bytes = bin();
    if (bytes.empty()) return std::nullopt;
    return address_of(bytes);
  }
  /// Any one item, at most `depth` levels of arrays and maps deep. Extension types are not used
  /// here. One branch for each of msgpack's formats: they are read side by side with its table.
  void skip(int depth = 8) {
    const unsigned tag = ok_ && at_ < end_ ? static_cast<unsigned char>(*at_) : 0xc1;
    if (tag <= 0x7f || tag >= 0xe0 || tag == 0xc0 || tag == 0xc2 || tag == 0xc3) {
      byte();
      return;
    }
    if ((tag & 0xe0) == 0xa0 || (tag >= 0xd9 && tag <= 0xdb)) {
      str();
      return;
    }
    if (tag >= 0xc4 && tag <= 0xc6) {
      bin();
      return;
    }
    if (tag >= 0xca && tag <= 0xd3) {
      constexpr std::array<std::uint8_t, 10> kWidth{4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
      byte();
      take(kWidth[tag - 0xca]);
      return;
    }
    std::size_t items = 0;
    if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd) {
      items = array();
    } else if ((tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf) {
      items = 2 * map();
    } else {
      fail();
    }
    if (depth == 0) fail();
    for (std::size_t i = 0; i < items && ok_; ++i) skip(depth - 1);
  }
  /// The extension map: `take(key, value)` looks at each; what it does not know it leaves alone.
  template <typename Take>
  void ext(Take&& take) {
    const std::size_t begin = offset();
    const std::size_t keys = map();
    if (keys > kExtKeysMax) fail();
    for (std::size_t i = 0; i < keys && ok_; ++i) {
      const ByteView key = str();
      const char* const value = at_;
      skip();
      if (ok_) take(key, ByteView{value, static_cast<std::size_t>(at_ - value)});
    }
    if (ok_ && offset() - begin > kExtBytesMax) fail();
  }
  void ext() {
    ext([](ByteView, ByteView) {});
  }

 private:
  unsigned byte() {
    if (at_ == end_) {
      fail();
      return 0xc1;
    }
    return static_cast<unsigned char>(*at_++);
  }
  ByteView take(std::uint64_t count) {
    if (count > remaining()) {
      fail();
      return {};
    }
    const ByteView bytes{at_, static_cast<std::size_t>(count)};
    at_ += count;
    return bytes;
  }
  Address address_of(ByteView bytes) {
    if (bytes.size() == 4) return Address::v4(static_cast<std::uint32_t>(number<4>(bytes.data())));
    if (bytes.size() == 16) return {number<8>(bytes.data()), number<8>(bytes.data() + 8)};
    fail();
    return {};
  }
  /// Width is known to the compiler, which makes one load and a byte swap of it.
  template <std::size_t Width>
  static std::uint64_t number(const char* bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < Width; ++i)
      value = (value << 8) | static_cast<unsigned char>(bytes[i]);
    return value;
  }
  template <std::size_t Width>
  std::uint64_t big_endian() {
    const ByteView bytes = take(Width);
    return bytes.size() == Width ? number<Width>(bytes.data()) : 0;
  }
  std::size_t header(unsigned fix, unsigned mask, unsigned tag16, unsigned tag32) {
    const unsigned tag = byte();
    std::uint64_t count = 0;
    if ((tag & ~mask) == fix) {
      count = tag & mask;
    } else if (tag == tag16) {
      count = big_endian<2>();
    } else if (tag == tag32) {
      count = big_endian<4>();
    } else {
      fail();
    }
    if (count > remaining()) fail();
    return ok_ ? static_cast<std::size_t>(count) : 0;
  }

  const char* at_;
  const char* begin_;
  const char* end_;
  bool ok_ = true;
};

/// What msgpack::packer writes to.
struct Sink {
  Bytes& out;
  void write(const char* data, std::size_t size) { out.append(data, size); }
};
using Packer = msgpack::packer<Sink>;

template <typename Out>
void pack_str(Out& out, std::string_view text) {
  out.pack_str(static_cast<std::uint32_t>(text.size()));
  out.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

template <typename Out>
void pack_bin(Out& out, std::string_view bytes) {
  out.pack_bin(static_cast<std::uint32_t>(bytes.size()));
  out.pack_bin_body(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
}

template <typename Out>
void pack_address(Out& out, Address address) {
  std::array<char, 16> bytes{};
  const std::size_t size = address.is_v4() ? 4 : 16;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t from_end = size - 1 - i;
    const std::uint64_t word = from_end < 8 ? address.low : address.high;
    bytes[i] = static_cast<char>((word >> (8 * (from_end % 8))) & 0xff);
  }
  pack_bin(out, {bytes.data(), size});
}

}  // namespace podring
