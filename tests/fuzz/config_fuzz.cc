// Any command line and any variables: the first line is one argument, and so on; lines that begin
// with PODRING_ are variables. A configuration that was taken can be given again as it is shown.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "app/config.h"
#include "core/check.h"

namespace {

using podring::ConfigEntry, podring::LoadedConfig;

LoadedConfig load(const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment) {
  const podring::Host host{"host-1", "uid-1", {{"eth0", podring::Address::v4(0x0a2a0009)}}};
  return podring::load_config(arguments, environment, host);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string line;
  const auto take = [&] {
    (line.rfind("PODRING_", 0) == 0 ? environment : arguments).push_back(line);
    line.clear();
  };
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n') {
      take();
    } else if (data[i] != 0) {  // no argument and no variable has a zero byte
      line += static_cast<char>(data[i]);
    }
  }
  if (!line.empty()) take();

  const LoadedConfig first = load(arguments, environment);
  for (const std::string& error : first.errors) PODRING_CHECK(!error.empty());
  if (first.print || !first.errors.empty()) return 0;
  const podring::Config& config = first.config;
  PODRING_CHECK(!config.address.is_unspecified());
  PODRING_CHECK(config.port != config.http_port && config.port != config.admin_port);
  PODRING_CHECK(config.http_port != config.admin_port);
  PODRING_CHECK(config.copies >= 1 && config.copies <= 3);
  PODRING_CHECK(config.drain_linger <= config.grace);
  PODRING_CHECK(config.service.empty() || config.peers.empty());

  std::vector<std::string> shown;
  for (const ConfigEntry& entry : first.entries) {
    if (!entry.value.empty()) shown.push_back(entry.name + "=" + entry.value);
  }
  const LoadedConfig second = load(shown, {});
  PODRING_CHECK(second.errors.empty());
  PODRING_CHECK(second.entries.size() == first.entries.size());
  for (std::size_t i = 0; i < first.entries.size(); ++i) {
    PODRING_CHECK(second.entries[i].value == first.entries[i].value);
  }
  return 0;
}
