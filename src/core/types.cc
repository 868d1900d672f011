#include "core/types.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>

namespace podring {
namespace {

void append_hex(std::string& out, std::uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back(kDigits[(value >> shift) & 0xf]);
}

std::uint64_t big_endian(const unsigned char* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8) | bytes[i];
  return value;
}

void put_big_endian(std::uint64_t value, unsigned char* bytes) {
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = static_cast<unsigned char>(value & 0xff);
}

}  // namespace

// inet_pton and inet_ntop are plain text conversions; they touch no socket.
std::optional<Address> parse_address(std::string_view text) {
  const std::string copy{text};
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) {
    return Address::v4(static_cast<std::uint32_t>(big_endian(bytes.data()) >> 32));
  }
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1 && copy.size() == text.size()) {
    return Address{big_endian(bytes.data()), big_endian(bytes.data() + 8)};
  }
  return std::nullopt;
}

std::string to_string(Address address) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.is_v4()) {
    put_big_endian(address.low << 32, bytes.data());
    inet_ntop(AF_INET, bytes.data(), text.data(), text.size());
  } else {
    put_big_endian(address.high, bytes.data());
    put_big_endian(address.low, bytes.data() + 8);
    inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  }
  return text.data();
}

std::string to_string(BootId boot) {
  std::string text;
  append_hex(text, boot.value);
  return text;
}

std::string to_string(EnvelopeId id) {
  std::string text;
  append_hex(text, id.boot.value);
  text.push_back('-');
  return text + std::to_string(id.counter);
}

std::optional<EnvelopeId> parse_envelope_id(std::string_view text) {
  if (text.size() < 18 || text[16] != '-') return std::nullopt;
  EnvelopeId id;
  const char* const end = text.data() + text.size();
  const auto boot = std::from_chars(text.data(), text.data() + 16, id.boot.value, 16);
  const auto counter = std::from_chars(text.data() + 17, end, id.counter);
  if (boot.ec != std::errc{} || boot.ptr != text.data() + 16) return std::nullopt;
  if (counter.ec != std::errc{} || counter.ptr != end) return std::nullopt;
  if (to_string(id) != text) return std::nullopt;  // one spelling for one id
  return id;
}

std::uint64_t site_of(const Identity& identity, CopiesOn copies_on) {
  if (copies_on == CopiesOn::peers) return identity.boot.value;
  if (!identity.node.empty()) return fnv1a(identity.node);
  std::array<unsigned char, 8> bytes{};
  put_big_endian(identity.boot.value, bytes.data());
  return fnv1a({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace podring
