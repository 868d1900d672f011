#include "deliver/target.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include "core/types.h"

namespace podring::deliver {
namespace {

bool is_loopback_host(const std::string& host) {
  if (host == "localhost") return true;
  const auto address = parse_address(host);
  return address && address->is_loopback();
}

}  // namespace

std::variant<Target, std::string> parse_target(std::string_view url, bool other_hosts_allowed) {
  const std::string text{url};
  const std::string example = "; write it like http://127.0.0.1:8000/path";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) {
      return "'" + text + "' has blanks, control or non-ASCII characters" + example;
    }
  }
  Poco::URI uri;
  try {
    uri = Poco::URI{text};
  } catch (const Poco::Exception&) {
    return "'" + text + "' is no URL" + example;
  }
  if (uri.getScheme() != "http" && uri.getScheme() != "https") {
    return "'" + text + "' does not begin with http:// or https://" + example;
  }
  if (!uri.getUserInfo().empty()) return "'" + text + "' names a user; leave that out";
  if (!uri.getFragment().empty()) return "'" + text + "' has a fragment (#...); leave that out";
  if (uri.getHost().empty()) return "'" + text + "' names no host" + example;
  if (uri.getPort() == 0) return "'" + text + "' has port 0" + example;
  if (!other_hosts_allowed && !is_loopback_host(uri.getHost())) {
    return "'" + uri.getHost() +
           "' is not this pod (127.0.0.1, ::1 or localhost); messages go to the program beside the "
           "pod, unless --deliver-to-other-hosts is set";
  }
  Target target;
  target.host = uri.getHost();
  target.port = uri.getPort();
  const bool is_v6 = target.host.find(':') != std::string::npos;
  target.origin = uri.getScheme() + "://" + (is_v6 ? "[" + target.host + "]" : target.host) + ":" +
                  std::to_string(target.port);
  target.path = uri.getPathEtc();
  if (target.path.empty() || target.path.front() != '/') target.path.insert(0, "/");
  return target;
}

}  // namespace podring::deliver
