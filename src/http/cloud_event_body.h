// A message that comes as a CloudEvent 1.0 by HTTP, in binary mode (attributes in ce-* headers) or
// in structured mode (application/cloudevents+json).
//
// Its data becomes the message, its subject the key, and all its attributes travel with it: the
// programs of the pods are given the same event. Without a subject its source and id are the key,
// so that an event that is sent twice is one message.
#pragma once

#include <variant>

#include "http/message.h"
#include "http/seed_body.h"

namespace podring::http {

/// The request says that it is a CloudEvent, in one mode or the other.
[[nodiscard]] bool is_cloud_event(const Request& request);
/// Never throws.
[[nodiscard]] std::variant<SeedBody, BodyError> read_cloud_event(const Request& request,
                                                                 BodyKind kind);

}  // namespace podring::http
