// A message as the headers of a CloudEvents 1.0 HTTP request in binary mode
// (https://github.com/cloudevents/spec, HTTP protocol binding 1.0.2, section 3.1).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deliver/delivery.h"

namespace podring::deliver {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// ce-specversion, ce-id, ce-source ("/podring/<ring>/<origin pod>"), ce-type ("podring.message"),
/// ce-subject (the key, when there is one), ce-time, the extensions ce-podringhop, ce-podringlap,
/// ce-podringorigin and ce-podringattempt (from 1), Content-Type and traceparent.
[[nodiscard]] Headers cloud_event_headers(const Delivery& delivery, std::string_view ring,
                                          std::uint32_t attempt);

/// Percent-encodes what a CloudEvents header value may not have (section 3.1.3.2).
[[nodiscard]] std::string encode_attribute(std::string_view value);

}  // namespace podring::deliver
