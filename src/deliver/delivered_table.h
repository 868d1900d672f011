// What the program beside this pod has taken, so that it is not asked again: keys, and ids of
// messages without one. Bounded in number and time: beyond either the oldest are forgotten, and the
// program may be asked a second time.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "core/types.h"

namespace podring::deliver {

class DeliveredTable {
 public:
  static constexpr std::size_t kEntriesMax = 65'536;
  static constexpr Duration kKept = std::chrono::minutes{10};

  struct Yes {
    std::uint16_t status = 0;
    std::string answer;
  };
  /// nullptr: not taken, or forgotten. Good until the next call of any member.
  [[nodiscard]] const Yes* find(TimePoint now, const std::string& name);
  void add(TimePoint now, const std::string& name, Yes yes);
  [[nodiscard]] std::uint64_t forgotten_early() const { return forgotten_early_; }

 private:
  struct Kept {
    std::string name;
    TimePoint until;
  };
  std::deque<Kept> oldest_first_;
  std::unordered_map<std::string, Yes> by_name_;
  std::uint64_t forgotten_early_ = 0;
};

}  // namespace podring::deliver
