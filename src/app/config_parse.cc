#include "app/config_parse.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>

namespace podring {
namespace {

constexpr std::uint64_t kKibibyte = 1024;
struct SizeUnit {
  std::string_view suffix;
  std::uint64_t bytes;
};
constexpr SizeUnit kSizeUnits[] = {
    {"GiB", kKibibyte* kKibibyte* kKibibyte}, {"MiB", kKibibyte* kKibibyte}, {"KiB", kKibibyte}};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::uint64_t> parse_whole_number(std::string_view text, std::uint64_t min,
                                                std::uint64_t max) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < min || value > max) return std::nullopt;
  return value;
}

std::string whole_number_wanted(std::uint64_t min, std::uint64_t max) {
  return "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t unit = 1;
  for (const auto& [suffix, bytes] : kSizeUnits) {
    if (text.ends_with(suffix)) {
      unit = bytes;
      text.remove_suffix(suffix.size());
      break;
    }
  }
  const auto value = parse_whole_number(text, 0, std::numeric_limits<std::uint64_t>::max() / unit);
  if (!value) return std::nullopt;
  return *value * unit;
}

std::string show_size(std::uint64_t bytes) {
  for (const auto& [suffix, unit] : kSizeUnits) {
    if (bytes >= unit && bytes % unit == 0) {
      return std::to_string(bytes / unit) + std::string{suffix};
    }
  }
  return std::to_string(bytes);
}

std::optional<DnsServer> parse_dns_server(std::string_view text) {
  DnsServer server;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
    text = text.substr(1, end - 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    has_port = true;
    port = text.substr(text.find(':') + 1);
    text = text.substr(0, text.find(':'));
  }
  const auto address = parse_address(text);
  if (!address || address->is_unspecified() || is_multicast(*address)) return std::nullopt;
  server.address = *address;
  if (has_port) {
    const auto number = parse_whole_number(port, 1, 65535);
    if (!number) return std::nullopt;
    server.port = static_cast<std::uint16_t>(*number);
  }
  return server;
}

std::string show_dns_server(const DnsServer& server) {
  const std::string address = to_string(server.address);
  return (server.address.is_v4() ? address : "[" + address + "]") + ":" +
         std::to_string(server.port);
}

std::string parse_address_list(std::string_view text, std::vector<Address>& list) {
  list.clear();
  while (true) {
    const auto comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const auto address = parse_address(part);
    if (!address || address->is_unspecified() || is_multicast(*address)) {
      std::string wanted = "must be addresses with commas between them, without blanks and ports";
      if (!part.empty()) wanted += "; '" + std::string{part} + "' is none that can be dialled";
      if (parse_dns_server(part)) wanted += " (the port of all peers is --port)";
      return wanted;
    }
    list.push_back(*address);
    if (list.size() > kPeersMax) return "must be at most " + std::to_string(kPeersMax) + " peers";
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return {};
}

bool is_name(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_dns_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (is_letter_or_digit(c) || c == '-' || c == '_') {
      if (++label > 63) return false;
    } else {
      return false;
    }
  }
  return label > 0;
}

bool is_multicast(Address address) {
  if (!address.is_v4()) return (address.high >> 56) == 0xff;
  const auto first = (address.low >> 24) & 0xff;
  return (first >= 224 && first < 240) || (address.low & 0xffff'ffffU) == 0xffff'ffffU;
}

bool is_link_local(Address address) {
  if (address.is_v4()) return ((address.low >> 16) & 0xffff) == 0xa9fe;  // 169.254/16
  return (address.high >> 54) == (0xfe80U >> 6);                         // fe80::/10
}

std::optional<std::string> closest(std::string_view text,
                                   const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = text.size() / 3 + 2;  // this far away it is a guess, not a slip
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with(text)) return candidate;  // the rest was left away
    const std::size_t distance = edit_distance(text, candidate);
    if (distance >= best_distance) continue;
    best = &candidate;
    best_distance = distance;
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

}  // namespace podring
