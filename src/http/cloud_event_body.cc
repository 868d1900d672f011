#include "http/cloud_event_body.h"

#include <Poco/Dynamic/Var.h>
#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/JSON/Stringifier.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "http/json_text.h"

namespace podring::http {
namespace {

constexpr std::string_view kStructured = "application/cloudevents+json";
using Attributes = std::vector<std::pair<std::string, std::string>>;

std::string media_of(const Request& request) {
  const std::string& type = request.content_type;
  return Poco::toLower(Poco::trim(type.substr(0, type.find(';'))));
}

std::string quoted(const std::string& name) { return "'" + name.substr(0, 64) + "'"; }

/// CloudEvents 1.0, section 3.1: lower-case letters and digits.
bool is_attribute_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

const std::string* find(const Attributes& attributes, std::string_view name) {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found == attributes.end() ? nullptr : &found->second;
}

std::optional<std::string> wrong_with(const Attributes& attributes) {
  for (const std::string_view name : {"specversion", "id", "source", "type"}) {
    const std::string* value = find(attributes, name);
    if (value == nullptr || value->empty()) {
      return "a CloudEvent needs the attribute " + std::string{name};
    }
  }
  if (*find(attributes, "specversion") != "1.0") {
    return "specversion is " + quoted(*find(attributes, "specversion")) + "; 1.0 is known";
  }
  for (const auto& [name, value] : attributes) {
    if (!is_attribute_name(name)) {
      return quoted(name) + " is no name of a CloudEvents attribute: lower-case letters and digits";
    }
    if (!is_utf8(value)) return "the attribute " + name + " is not valid Unicode text";
  }
  return std::nullopt;
}

std::variant<SeedBody, BodyError> seed_of(Attributes attributes, std::string data,
                                          const Request& request, BodyKind kind) {
  if (auto wrong = wrong_with(attributes)) return BodyError{std::move(*wrong)};
  if (data.size() >= kEnvelopeBytesMax) {
    return BodyError{"the event's data has " + std::to_string(data.size()) +
                         " bytes; with its trace it must stay below " +
                         std::to_string(kEnvelopeBytesMax),
                     true};
  }
  SeedBody body;
  SenderAnnotations& said = body.order.annotations;
  const std::string* subject = find(attributes, "subject");
  std::string key =
      subject != nullptr ? *subject : *find(attributes, "source") + " " + *find(attributes, "id");
  if (key.size() > kKeyBytesMax) {
    return BodyError{(subject != nullptr ? "subject" : "source and id together") +
                     std::string{" are the key of the message and have "} +
                     std::to_string(key.size()) + " bytes; at most " +
                     std::to_string(kKeyBytesMax) + " are taken"};
  }
  if (is_traceparent(request.traceparent)) {
    said.traceparent = request.traceparent;
    said.tracestate = request.tracestate;
  }
  std::erase_if(attributes, [](const auto& entry) { return entry.first == "specversion"; });
  said.key = key;
  body.key = std::move(key);
  said.attributes = std::move(attributes);
  body.order.message = std::move(data);
  if (kind == BodyKind::broadcast) {
    body.wait = SeedStage::completed;
    body.order.laps = 1;
    body.order.receipt = true;
  }
  return body;
}

std::variant<SeedBody, BodyError> read_binary(const Request& request, BodyKind kind) {
  Attributes attributes;
  for (const auto& [name, value] : request.ce) {
    std::string decoded;
    try {
      Poco::URI::decode(value, decoded);  // section 3.1.3.2 of the HTTP binding
    } catch (const Poco::Exception&) {
      return BodyError{"the header ce-" + quoted(name) + " has a bad escape"};
    }
    attributes.emplace_back(name, std::move(decoded));
  }
  auto read = seed_of(std::move(attributes), request.body, request, kind);
  if (auto* body = std::get_if<SeedBody>(&read); body != nullptr && !request.content_type.empty()) {
    if (!is_media_type(request.content_type)) {
      return BodyError{"Content-Type is no media type of at most 255 characters"};
    }
    body->order.annotations.content_type = request.content_type;
  }
  return read;
}

std::variant<SeedBody, BodyError> read_structured(const Request& request, BodyKind kind) {
  if (!is_utf8(request.body)) return BodyError{"the body is not UTF-8"};
  Attributes attributes;
  std::string data;
  std::string content_type = "application/json";
  try {
    Poco::JSON::Parser parser;
    parser.setDepth(32);
    const auto event = parser.parse(request.body).extract<Poco::JSON::Object::Ptr>();
    for (const auto& [name, value] : *event) {
      if (name == "data_base64") {
        const std::string wrapped = "{\"data_base64\":\"" + value.convert<std::string>() + "\"}";
        auto decoded = read_seed_body(wrapped);
        if (const auto* wrong = std::get_if<BodyError>(&decoded)) return *wrong;
        data = std::move(std::get<SeedBody>(decoded).order.message);
      } else if (name == "data") {
        std::ostringstream out;
        if (value.isString() &&
            event->optValue<std::string>("datacontenttype", "").find("json") == std::string::npos &&
            event->has("datacontenttype")) {
          out << value.extract<std::string>();
        } else {
          Poco::JSON::Stringifier::stringify(value, out);
        }
        data = out.str();
      } else if (name == "datacontenttype") {
        content_type = value.convert<std::string>();
      } else {
        attributes.emplace_back(name, value.convert<std::string>());
      }
    }
  } catch (const Poco::Exception& bad) {
    return BodyError{"the body is no CloudEvent in JSON: " + bad.displayText()};
  }
  auto read = seed_of(std::move(attributes), std::move(data), request, kind);
  if (auto* body = std::get_if<SeedBody>(&read)) {
    if (!is_media_type(content_type)) {
      return BodyError{"datacontenttype is no media type of at most 255 characters"};
    }
    body->order.annotations.content_type = content_type;
  }
  return read;
}

}  // namespace

bool is_cloud_event(const Request& request) {
  const bool binary = std::any_of(request.ce.begin(), request.ce.end(),
                                  [](const auto& entry) { return entry.first == "specversion"; });
  return binary || media_of(request) == kStructured;
}

std::variant<SeedBody, BodyError> read_cloud_event(const Request& request, BodyKind kind) {
  return media_of(request) == kStructured ? read_structured(request, kind)
                                          : read_binary(request, kind);
}

}  // namespace podring::http
