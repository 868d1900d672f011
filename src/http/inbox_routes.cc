#include "http/inbox_routes.h"

#include <Poco/Base64Encoder.h>
#include <Poco/Dynamic/Var.h>
#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <sstream>
#include <utility>
#include <variant>
#include <vector>

#include "http/json_text.h"
#include "http/route_checks.h"
#include "http/seeding.h"
#include "http/views.h"

namespace podring::http {
namespace {

constexpr std::size_t kPullDefault = 10;
constexpr std::size_t kPullMax = 1000;
constexpr std::size_t kPullWaitMsMax = 60'000;
constexpr std::size_t kAcksMax = 10'000;

TimePoint steady_now() { return TimePoint{std::chrono::steady_clock::now().time_since_epoch()}; }

std::string to_base64(const std::string& bytes) {
  std::ostringstream out;
  Poco::Base64Encoder encoder{out};
  encoder.rdbuf()->setLineLength(0);
  encoder << bytes;
  encoder.close();
  return out.str();
}

void write_offer(JsonText& json, const deliver::Inbox::Offer& offer) {
  const deliver::Delivery& delivery = offer.delivery;
  json.open_object().field("id", to_string(delivery.id));
  if (is_utf8(delivery.body)) {
    json.field("message", delivery.body);
  } else {
    json.field("data_base64", to_base64(delivery.body));
  }
  if (!delivery.key.empty()) json.field("key", delivery.key);
  if (!delivery.content_type.empty()) json.field("content_type", delivery.content_type);
  if (!delivery.traceparent.empty()) json.field("traceparent", delivery.traceparent);
  if (!delivery.attributes.empty()) {
    json.key("attributes").open_object();
    for (const auto& [name, value] : delivery.attributes) json.field(name, value);
    json.close_object();
  }
  json.field("hop", delivery.hop).field("lap", delivery.lap);
  json.field("origin_pod", delivery.origin_pod).field("seeded", time_text(delivery.seeded));
  json.field("attempt", offer.attempt).close_object();
}

/// Thrown while a body is read.
struct Wrong {
  std::string detail;
};

std::vector<deliver::Inbox::Ack> read_acks(const std::string& text) {
  std::vector<deliver::Inbox::Ack> acks;
  Poco::JSON::Parser parser;
  parser.setDepth(4);
  const auto body = parser.parse(text).extract<Poco::JSON::Object::Ptr>();
  for (const auto& [name, value] : *body) {
    if (name != "delivered" && name != "refused" && name != "answers") {
      throw Wrong{"unknown field '" + name.substr(0, 64) +
                  "'; known are delivered, refused and answers"};
    }
    if (name == "answers") continue;
    for (const auto& one : *value.extract<Poco::JSON::Array::Ptr>()) {
      const auto id = parse_envelope_id(one.extract<std::string>());
      if (!id) throw Wrong{name + " must be an array of ids, as GET /inbox gives them"};
      if (acks.size() == kAcksMax) {
        throw Wrong{"at most " + std::to_string(kAcksMax) + " ids are taken at once"};
      }
      acks.push_back({*id, name == "delivered", {}});
    }
  }
  if (body->has("answers")) {
    const auto answers = body->getObject("answers");
    if (!answers) throw Wrong{"answers must be an object: what to tell the sender, by id"};
    for (auto& ack : acks) {
      const std::string id = to_string(ack.id);
      if (answers->has(id)) ack.answer = answers->getValue<std::string>(id);
    }
  }
  return acks;
}

}  // namespace

Reply AppRoutes::handle(const Request& request) {
  const bool acks = request.path == "/inbox/acks";
  if (request.path != "/inbox" && !acks) return front_.handle(request, Caller::program);
  if (auto reply = check_method(request, acks ? "POST" : "GET")) return std::move(*reply);
  if (inbox_ == nullptr) {
    return error_reply(404, "not_found",
                       "messages are pushed to the program (--deliver-to); with --deliver pull "
                       "they wait here");
  }
  return acks ? post_acks(request) : get_inbox(request);
}

Reply AppRoutes::get_inbox(const Request& request) {
  if (auto reply = check_query(request, {"max", "wait_ms"})) return std::move(*reply);
  const auto max = query_number(request, "max", kPullDefault, 1, kPullMax);
  const auto wait_ms = query_number(request, "wait_ms", 0, 0, kPullWaitMsMax);
  for (const auto* number : {&max, &wait_ms}) {
    if (const auto* wrong = std::get_if<Reply>(number)) return *wrong;
  }
  const auto offers = inbox_->pull(std::get<std::size_t>(max),
                                   std::chrono::milliseconds{std::get<std::size_t>(wait_ms)},
                                   steady_now, [this] { return !stop_(); });
  JsonText json;
  json.open_object().key("messages").open_array();
  for (const auto& offer : offers) write_offer(json, offer);
  Reply reply;
  reply.body = json.close_array().close_object().take() + "\n";
  return reply;
}

Reply AppRoutes::post_acks(const Request& request) {
  if (!is_json_request(request)) return not_json_reply();
  std::vector<deliver::Inbox::Ack> acks;
  try {
    acks = read_acks(request.body);
  } catch (const Wrong& wrong) {
    return error_reply(400, "bad_request", wrong.detail);
  } catch (const Poco::Exception&) {
    return error_reply(400, "bad_request",
                       "send an object such as {\"delivered\": [\"ID\", ...], \"refused\": []}");
  }
  const std::size_t known = inbox_->acknowledge(steady_now(), acks);
  JsonText json;
  json.open_object().field("acknowledged", known).field("unknown", acks.size() - known);
  Reply reply;
  reply.body = json.close_object().take() + "\n";
  return reply;
}

}  // namespace podring::http
