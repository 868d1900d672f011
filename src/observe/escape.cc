#include "observe/escape.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace podring::observe {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr char kHex[] = "0123456789abcdef";

// 0: taken as it is. 1: begins a sequence to be checked, or is an error. Else: the letter after
// '\'; 'u' stands for \u00xx.
constexpr std::array<char, 256> make_table(bool json) {
  std::array<char, 256> table{};
  for (int c = 0; c < 0x20; ++c) table[static_cast<std::size_t>(c)] = 'u';
  table[0x7f] = 'u';
  for (int c = 0x80; c < 0x100; ++c) table[static_cast<std::size_t>(c)] = 1;
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  if (json) {
    table['"'] = '"';
    table['\\'] = '\\';
  }
  return table;
}
constexpr std::array<char, 256> kJson = make_table(true);
constexpr std::array<char, 256> kPlain = make_table(false);

/// Bytes of the well-formed UTF-8 sequence at `at`; 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const std::size_t left = text.size() - at;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  std::size_t length = 0;
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) second_min = 0xa0;  // no overlong form
    if (lead == 0xed) second_max = 0x9f;  // no surrogate
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) second_min = 0x90;
    if (lead == 0xf4) second_max = 0x8f;  // nothing above U+10FFFF
  }
  if (length == 0 || left < length || byte(1) < second_min || byte(1) > second_max) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::uint32_t code_point(std::string_view sequence) {
  const auto low = [&](std::size_t i) { return static_cast<std::uint32_t>(sequence[i]) & 0x3f; };
  const auto lead = static_cast<std::uint32_t>(static_cast<unsigned char>(sequence[0]));
  switch (sequence.size()) {
    case 2:
      return (lead & 0x1f) << 6 | low(1);
    case 3:
      return (lead & 0x0f) << 12 | low(1) << 6 | low(2);
    default:
      return (lead & 0x07) << 18 | low(1) << 12 | low(2) << 6 | low(3);
  }
}

/// Could end a line, or turn the order of what is shown, on some terminal or viewer.
bool is_unsafe_to_show(std::uint32_t point) {
  return (point >= 0x80 && point <= 0x9f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0x200e || point == 0x200f ||
         point == 0x061c;
}

void append_code(std::string& out, std::uint32_t point) {
  const char text[] = {'\\',
                       'u',
                       kHex[(point >> 12) & 0xf],
                       kHex[(point >> 8) & 0xf],
                       kHex[(point >> 4) & 0xf],
                       kHex[point & 0xf]};
  out.append(text, sizeof text);
}

struct Count {  // stands in for the string when only the size is asked for
  std::size_t bytes = 0;
};
void put(std::string& out, std::string_view text) { out.append(text); }
void put(Count& out, std::string_view text) { out.bytes += text.size(); }
void put_code(std::string& out, std::uint32_t point) { append_code(out, point); }
void put_code(Count& out, std::uint32_t) { out.bytes += 6; }

/// True when none of the eight bytes needs a look of its own.
template <bool kIsJson>
bool all_plain(const char* text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kHigh = 0x8080808080808080ULL;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof bytes);
  const auto has_zero = [](std::uint64_t value) { return (value - kOnes) & ~value & kHigh; };
  std::uint64_t odd = bytes & kHigh;               // not ASCII
  odd |= (bytes - kOnes * 0x20) & ~bytes & kHigh;  // control characters
  odd |= has_zero(bytes ^ (kOnes * 0x7f));
  if constexpr (kIsJson) odd |= has_zero(bytes ^ (kOnes * '"')) | has_zero(bytes ^ (kOnes * '\\'));
  return odd == 0;
}

template <bool kIsJson, typename Out>
std::size_t escape(Out& out, std::string_view text, std::size_t bytes_max) {
  const auto& table = kIsJson ? kJson : kPlain;
  const std::size_t size = text.size();
  std::size_t at = 0;
  std::size_t room = bytes_max;
  while (at < size) {
    std::size_t run = at;
    const std::size_t run_max = room < size - at ? at + room : size;
    while (run + 8 <= run_max && all_plain<kIsJson>(text.data() + run)) run += 8;
    while (run < run_max && table[static_cast<unsigned char>(text[run])] == 0) ++run;
    if (run > at) {
      put(out, text.substr(at, run - at));
      room -= run - at;
      at = run;
    }
    if (at == size || room == 0) return at;
    const char kind = table[static_cast<unsigned char>(text[at])];
    if (kind == 0) return at;  // the room is used up
    if (kind == 1) {
      const std::size_t length = sequence_length(text, at);
      const std::string_view sequence = length == 0 ? kReplacement : text.substr(at, length);
      const bool coded = !kIsJson && is_unsafe_to_show(code_point(sequence));
      const std::size_t cost = coded ? 6 : sequence.size();
      if (cost > room) return at;
      if (coded) {
        put_code(out, code_point(sequence));
      } else {
        put(out, sequence);
      }
      room -= cost;
      at += length == 0 ? 1 : length;
      continue;
    }
    const std::size_t cost = kind == 'u' ? 6 : 2;
    if (cost > room) return at;
    if (kind == 'u') {
      put_code(out, static_cast<unsigned char>(text[at]));
    } else {
      const char pair[] = {'\\', kind};
      put(out, std::string_view{pair, 2});
    }
    room -= cost;
    ++at;
  }
  return at;
}

}  // namespace

std::size_t append_json(std::string& out, std::string_view text, std::size_t bytes_max) {
  return escape<true>(out, text, bytes_max);
}

std::size_t json_size(std::string_view text) {
  Count count;
  escape<true>(count, text, std::string::npos);
  return count.bytes;
}

std::size_t append_plain(std::string& out, std::string_view text, std::size_t bytes_max) {
  return escape<false>(out, text, bytes_max);
}

std::size_t plain_size(std::string_view text) {
  Count count;
  escape<false>(count, text, std::string::npos);
  return count.bytes;
}

}  // namespace podring::observe
