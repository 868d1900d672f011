// The parts of the configuration that come from around the process: variables and the host.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"

namespace podring {

/// Flag name (without dashes) -> value, for the PODRING_* variables that are flags. Empty variables
/// count as not set. Unknown ones, and those that Kubernetes sets beside a Service, become
/// warnings.
using EnvironmentValues = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] EnvironmentValues select_variables(const std::vector<std::string>& environment,
                                                 std::vector<std::string>& warnings);

/// The PODRING_* variables that Kubernetes sets beside a Service whose name begins with `podring`.
[[nodiscard]] std::vector<std::string> service_links(const std::vector<std::string>& environment);

/// Sets `keys` to those that the file holds. Returns what is wrong with it, to go after "but ".
[[nodiscard]] std::string read_ring_keys(const std::string& file, lane::RingKeys& keys);

/// "10.42.0.9 (eth0), fd00::9 (eth0)".
[[nodiscard]] std::string list_of(const std::vector<HostAddress>& addresses);

/// Sets config.address to the one address of the host that it can be, and `made_of` to what made it
/// that one. Returns a sentence when there is none or more than one.
///
/// IPv4 goes before IPv6: a host commonly has one IPv4 and several IPv6 addresses. Among several
/// the one that --peers lists is taken.
[[nodiscard]] std::string choose_address(const Host& host, Config& config, std::string& made_of);

}  // namespace podring
