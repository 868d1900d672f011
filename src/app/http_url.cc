#include "app/http_url.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>

namespace podring {

std::optional<HttpUrl> parse_http_url(const std::string& text) {
  try {
    const Poco::URI url{text};
    if (url.getScheme() != "http" || url.getHost().empty()) return std::nullopt;
    if (!url.getQuery().empty() || !url.getFragment().empty() || !url.getUserInfo().empty())
      return std::nullopt;
    std::string path = url.getPath();
    while (!path.empty() && path.back() == '/') path.pop_back();
    return HttpUrl{url.getHost(), url.getPort(), path};
  } catch (const Poco::Exception&) {
    return std::nullopt;
  }
}

}  // namespace podring
