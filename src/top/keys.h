// What a terminal sends for keys, as what is to be done.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace podring::top {

enum class Key { quit, suspend, up, down, page_up, page_down, home, end, troubled, redraw };

class Keys {
 public:
  /// Bytes as they are read; a sequence may come in pieces. Others are passed over.
  [[nodiscard]] std::vector<Key> take(std::string_view bytes);

 private:
  std::string sequence_;  ///< from ESC on, not yet whole
};

}  // namespace podring::top
