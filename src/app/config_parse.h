// Text -> the values that flags take, and back. Nothing here knows a flag's name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"

namespace podring {

/// Digits only, within the bounds, both included.
[[nodiscard]] std::optional<std::uint64_t> parse_whole_number(std::string_view text,
                                                              std::uint64_t min, std::uint64_t max);
/// "must be a whole number from 1 to 3".
[[nodiscard]] std::string whole_number_wanted(std::uint64_t min, std::uint64_t max);

/// Bytes, or with KiB, MiB or GiB after the number.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string show_size(std::uint64_t bytes);  ///< in the largest unit that fits evenly

/// `ip`, `ipv4:port` or `[ip]:port`; port 53 when none is given.
[[nodiscard]] std::optional<DnsServer> parse_dns_server(std::string_view text);
[[nodiscard]] std::string show_dns_server(const DnsServer& server);

inline constexpr std::size_t kPeersMax = 10'000;
/// `ip,ip,...` -> sorted without duplicates. Returns "must ..." when a part is no address.
[[nodiscard]] std::string parse_address_list(std::string_view text, std::vector<Address>& list);

/// 1..bytes_max visible ASCII characters, so no blanks: traces in text put blanks between names.
[[nodiscard]] bool is_name(std::string_view text, std::size_t bytes_max);
/// Labels of 1..63 letters, digits, `-` and `_`, at most 253 bytes, a dot at the end or not.
[[nodiscard]] bool is_dns_name(std::string_view text);
[[nodiscard]] bool is_multicast(Address address);  ///< or IPv4 broadcast
[[nodiscard]] bool is_link_local(Address address);

/// The closest of `candidates`, when it is close enough to be what was meant.
[[nodiscard]] std::optional<std::string> closest(std::string_view text,
                                                 const std::vector<std::string>& candidates);

}  // namespace podring
