#include "top/keys.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace podring::top {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::size_t kSequenceMax = 16;

std::optional<Key> key_of(char c) {
  switch (c) {
    case 'q':
    case 'Q':
    case '\x03':  // Ctrl-C
      return Key::quit;
    case '\x1a':  // Ctrl-Z
      return Key::suspend;
    case '\x0c':  // Ctrl-L
      return Key::redraw;
    case 'k':
      return Key::up;
    case 'j':
      return Key::down;
    case ' ':
      return Key::page_down;
    case 'g':
      return Key::home;
    case 'G':
      return Key::end;
    case 'p':
      return Key::troubled;
    default:
      return std::nullopt;
  }
}

/// What follows ESC: "[A" in normal mode, "OA" in application mode.
std::optional<Key> key_of_sequence(std::string_view sequence) {
  struct Named {
    std::string_view sequence;
    Key key;
  };
  static constexpr Named kNamed[] = {
      {"[A", Key::up},       {"OA", Key::up},         {"[B", Key::down}, {"OB", Key::down},
      {"[5~", Key::page_up}, {"[6~", Key::page_down}, {"[H", Key::home}, {"OH", Key::home},
      {"[1~", Key::home},    {"[7~", Key::home},      {"[F", Key::end},  {"OF", Key::end},
      {"[4~", Key::end},     {"[8~", Key::end}};
  const auto* const found =
      std::find_if(std::begin(kNamed), std::end(kNamed),
                   [&](const Named& one) { return one.sequence == sequence; });
  return found == std::end(kNamed) ? std::nullopt : std::optional{found->key};
}

/// A CSI sequence ends at its first letter or '~', an SS3 sequence has one letter.
bool is_whole(std::string_view sequence) {
  return sequence.size() > 1 && sequence.back() >= '@' && sequence.back() <= '~';
}

}  // namespace

std::vector<Key> Keys::take(std::string_view bytes) {
  std::vector<Key> keys;
  const auto add = [&](std::optional<Key> key) {
    if (key) keys.push_back(*key);
  };
  for (const char c : bytes) {
    if (c == kEscape) {
      sequence_ = c;
    } else if (sequence_.empty() || static_cast<unsigned char>(c) < ' ' ||
               (sequence_.size() == 1 && c != '[' && c != 'O')) {  // ESC by itself, then a key
      sequence_.clear();
      add(key_of(c));
    } else {
      sequence_ += c;
      const std::string_view after = std::string_view{sequence_}.substr(1);
      if (is_whole(after)) {
        add(key_of_sequence(after));
        sequence_.clear();
      } else if (sequence_.size() > kSequenceMax) {
        sequence_.clear();
      }
    }
  }
  return keys;
}

}  // namespace podring::top
