// The page's files, embedded at build time by EmbedAssets.cmake from src/http/assets.
#pragma once

#include <string_view>

namespace podring::http {

struct Asset {
  std::string_view path;  ///< as requested: "/" for index.html, "/assets/<file>" for the others
  std::string_view content_type;
  std::string_view content;
};

/// nullptr: no such file.
[[nodiscard]] const Asset* find_asset(std::string_view path);

}  // namespace podring::http
