#include "deliver/cloud_event.h"

#include <Poco/DateTimeFormatter.h>
#include <Poco/Timestamp.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace podring::deliver {
namespace {

/// RFC 3339 in UTC with microseconds.
std::string time_text(WallTime at) {
  const Poco::Timestamp stamp{at.micros};
  return Poco::DateTimeFormatter::format(stamp, "%Y-%m-%dT%H:%M:%S.%FZ");
}

}  // namespace

std::string encode_attribute(std::string_view value) {
  std::string result;
  result.reserve(value.size());
  for (const char c : value) {
    if (c > ' ' && c < 0x7f && c != '"' && c != '%') {
      result += c;
      continue;
    }
    std::array<char, 4> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned char>(c));
    result += escaped.data();
  }
  return result;
}

Headers cloud_event_headers(const Delivery& delivery, std::string_view ring,
                            std::uint32_t attempt) {
  Headers attributes{{"specversion", "1.0"},
                     {"id", to_string(delivery.id)},
                     {"source", "/podring/" + std::string{ring} + "/" + delivery.origin_pod},
                     {"type", "podring.message"},
                     {"time", time_text(delivery.seeded)}};
  if (!delivery.key.empty()) attributes.emplace_back("subject", delivery.key);
  for (const auto& [name, value] : delivery.attributes) {
    const auto known = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (known == attributes.end()) {
      attributes.emplace_back(name, value);
    } else {
      known->second = value;
    }
  }
  attributes.emplace_back("podringid", to_string(delivery.id));
  attributes.emplace_back("podringhop", std::to_string(delivery.hop));
  attributes.emplace_back("podringlap", std::to_string(delivery.lap));
  attributes.emplace_back("podringorigin", delivery.origin_pod);
  attributes.emplace_back("podringattempt", std::to_string(attempt));

  Headers headers;
  headers.reserve(attributes.size() + 2);
  for (const auto& [name, value] : attributes) {
    headers.emplace_back("ce-" + name, encode_attribute(value));
  }
  if (!delivery.content_type.empty()) headers.emplace_back("Content-Type", delivery.content_type);
  if (!delivery.traceparent.empty()) headers.emplace_back("traceparent", delivery.traceparent);
  return headers;
}

}  // namespace podring::deliver
