#include "app/config_environment.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <system_error>

#include "app/config_flags.h"
#include "app/config_parse.h"

extern char** environ;

namespace podring {
namespace {

constexpr std::string_view kPrefix = "PODRING_";

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// X_PORT=tcp://..., X_PORT_80_TCP..., X_SERVICE_HOST, X_SERVICE_PORT...: what Kubernetes sets for
/// a Service named x; `podring` itself, or `podring-http`, whose X_PORT looks like a flag's
/// variable.
bool is_service_link(std::string_view variable, std::string_view value) {
  for (const std::string_view scheme : {"tcp://", "udp://", "sctp://"}) {
    if (value.starts_with(scheme)) return true;
  }
  if (variable.ends_with("_SERVICE_HOST") ||
      variable.find("_SERVICE_PORT") != std::string_view::npos) {
    return true;
  }
  constexpr std::string_view kPort = "_PORT_";
  const auto port = variable.find(kPort);
  if (port == std::string_view::npos) return false;
  const auto number = variable.substr(port + kPort.size());
  return is_digits(number.substr(0, number.find('_')));
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string random_uid() {
  std::random_device random;
  std::array<unsigned, 4> words{};
  for (unsigned& word : words) word = random();
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%04x%08x", words[0], words[1] >> 16,
                words[1] & 0xfff, 0x8000 | (words[2] >> 18), words[2] & 0xffff, words[3]);
  return text;
}

std::optional<Address> address_of(const sockaddr* socket_address) {
  if (socket_address == nullptr) return std::nullopt;
  if (socket_address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, socket_address, sizeof v4);
    return Address::v4(ntohl(v4.sin_addr.s_addr));
  }
  if (socket_address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, socket_address, sizeof v6);
    Address address;
    for (int i = 0; i < 8; ++i) address.high = (address.high << 8) | v6.sin6_addr.s6_addr[i];
    for (int i = 8; i < 16; ++i) address.low = (address.low << 8) | v6.sin6_addr.s6_addr[i];
    return address;
  }
  return std::nullopt;
}

/// A secret is its owner's, ours or root's. The group may read it, as Kubernetes gives a Secret to
/// the group of the pod (fsGroup); nobody else may, and nobody but the owner may change it.
std::string wrong_owner(const struct stat& status) {
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return "must belong to the user that podring runs as, or to root; it belongs to user " +
           std::to_string(status.st_uid);
  }
  if ((status.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
    return "must not be open to others: chmod 600 (in Kubernetes defaultMode: 0440, with the pod's "
           "fsGroup)";
  }
  return {};
}

}  // namespace

std::vector<std::string> service_links(const std::vector<std::string>& environment) {
  std::vector<std::string> links;
  for (const std::string& entry : environment) {
    const auto equals = entry.find('=');
    if (!entry.starts_with(kPrefix) || equals == std::string::npos) continue;
    if (is_service_link(entry.substr(0, equals), entry.substr(equals + 1))) {
      links.push_back(entry.substr(0, equals));
    }
  }
  std::sort(links.begin(), links.end());
  return links;
}

EnvironmentValues select_variables(const std::vector<std::string>& environment,
                                   std::vector<std::string>& warnings) {
  std::map<std::string, std::string> flag_of;
  std::vector<std::string> known;
  for (const Flag& flag : config_flags()) {
    known.push_back(variable_of(flag.name));
    flag_of[known.back()] = flag.name;
  }
  EnvironmentValues values;
  const std::vector<std::string> links = service_links(environment);
  std::vector<std::string> unknown;
  for (const std::string& entry : environment) {
    const auto equals = entry.find('=');
    if (!entry.starts_with(kPrefix) || equals == std::string::npos) continue;
    const std::string variable = entry.substr(0, equals);
    const std::string value = entry.substr(equals + 1);
    if (is_service_link(variable, value)) continue;
    if (const auto flag = flag_of.find(variable); flag != flag_of.end()) {
      if (!value.empty()) values[flag->second] = value;
    } else {
      const auto meant = closest(variable, known);
      unknown.push_back(variable + (meant ? " (did you mean " + *meant + "?)" : ""));
    }
  }
  std::sort(unknown.begin(), unknown.end());
  if (!links.empty()) {
    warnings.push_back(
        "skipped what Kubernetes sets beside a Service whose name begins with "
        "'podring': " +
        join(links) + "; set enableServiceLinks: false in the pod's spec");
  }
  if (!unknown.empty()) {
    warnings.push_back("no flag has the variable " + join(unknown) + "; unset what is a slip");
  }
  return values;
}

std::string list_of(const std::vector<HostAddress>& addresses) {
  std::vector<std::string> names;
  for (const HostAddress& one : addresses) {
    names.push_back(to_string(one.address) + " (" + one.interface + ")");
  }
  return join(names);
}

std::string choose_address(const Host& host, Config& config, std::string& made_of) {
  std::vector<HostAddress> candidates;
  for (const bool v4 : {true, false}) {
    if (!config.peers.empty() && config.peers.front().is_v4() != v4) continue;
    for (const HostAddress& candidate : host.addresses) {
      if (candidate.address.is_v4() == v4) candidates.push_back(candidate);
    }
    if (!candidates.empty()) break;
  }
  if (candidates.size() > 1) {
    std::vector<HostAddress> listed;
    for (const HostAddress& candidate : candidates) {
      if (std::binary_search(config.peers.begin(), config.peers.end(), candidate.address)) {
        listed.push_back(candidate);
      }
    }
    if (listed.size() == 1) candidates = listed;
  }
  if (candidates.empty()) {
    return "this host has no address but loopback ones; give --address, such as --address "
           "127.0.0.1 "
           "for a ring on this machine alone";
  }
  if (candidates.size() > 1) {
    return "this host has several addresses; give the one that the other peers reach as "
           "--address: " +
           list_of(candidates);
  }
  config.address = candidates.front().address;
  made_of = "of " + candidates.front().interface;
  return {};
}

std::string read_ring_keys(const std::string& file, lane::RingKeys& keys) {
  constexpr std::size_t kReadMax = 4096;  // two keys have 130 bytes; white space around is taken
  const auto because = [](int error) {
    return "cannot be read: " + std::system_category().message(error);
  };
  // Links are followed, as Kubernetes mounts them; what is no file must not make us wait.
  const int fd = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return because(errno);
  std::string text(kReadMax + 1, '\0');
  struct stat status {};
  std::string error;
  ssize_t size = 0;
  if (::fstat(fd, &status) != 0) {
    error = because(errno);
  } else if (S_ISDIR(status.st_mode)) {
    error = because(EISDIR);
  } else if (!S_ISREG(status.st_mode)) {
    error = "must be a regular file";
  } else {
    error = wrong_owner(status);
    if (error.empty() && (size = ::read(fd, text.data(), text.size())) < 0) error = because(errno);
  }
  ::close(fd);
  if (!error.empty()) return error;
  text.resize(static_cast<std::size_t>(size));
  lane::RingKeys read = text.size() > kReadMax ? lane::RingKeys{} : lane::parse_ring_keys(text);
  if (read.empty()) {
    return "must be a file with 64 hexadecimal digits, or two such lines while the key is changed, "
           "and nothing else; openssl rand -hex 32 makes such a key";
  }
  if (std::any_of(read.begin(), read.end(), lane::is_known_to_all)) {
    return "has a key that everybody knows (zeros, or one of ZeroMQ's manual); openssl rand -hex "
           "32 makes one that nobody does";
  }
  keys = std::move(read);
  return {};
}

Host read_host() {
  Host host;
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) == 0) host.name = name;
  host.uid = random_uid();
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return host;  // then --address must be given
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner{list, &freeifaddrs};
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if ((entry->ifa_flags & IFF_UP) == 0) continue;
    const auto address = address_of(entry->ifa_addr);
    if (!address || address->is_loopback() || is_link_local(*address)) continue;
    host.addresses.push_back({entry->ifa_name, *address});
  }
  return host;
}

std::vector<std::string> read_environment() {
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    variables.emplace_back(*entry);
  }
  return variables;
}

}  // namespace podring
