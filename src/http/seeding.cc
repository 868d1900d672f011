#include "http/seeding.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <Poco/String.h>

#include "http/cloud_event_body.h"
#include "http/json_text.h"
#include "http/views.h"

namespace podring::http {
namespace {

using Clock = std::chrono::steady_clock;
using Outcome = SeedTicket::Outcome;

constexpr int kRetryAfterS = 1;

std::string_view name_of(SeedStage stage) {
  switch (stage) {
    case SeedStage::accepted:
      return "accepted";
    case SeedStage::safe:
      return "safe";
    case SeedStage::completed:
      break;
  }
  return "completed";
}

void write_ids(JsonText& json, const std::vector<EnvelopeId>& ids) {
  json.key("ids").open_array();
  for (const EnvelopeId id : ids) {
    json.value(to_string(id));
  }
  json.close_array();
}

// An error that tells the ids, too: the seed was taken.
Reply error_with_ids(int status, std::string_view error, std::string_view detail,
                     const std::vector<EnvelopeId>& ids) {
  JsonText json;
  json.open_object().field("error", error).field("detail", detail);
  write_ids(json, ids);
  Reply reply;
  reply.status = status;
  reply.body = json.close_object().take() + "\n";
  return reply;
}

}  // namespace

bool is_json_request(const Request& request) {
  const std::string& type = request.content_type;
  return Poco::icompare(Poco::trim(type.substr(0, type.find(';'))), "application/json") == 0;
}

Reply not_json_reply() {
  return error_reply(415, "unsupported_media_type",
                     "send the body as JSON with Content-Type: application/json, or a CloudEvent");
}

Reply Seeding::post(const Request& request) {
  if (!request.query.empty()) {
    return error_reply(400, "bad_request",
                       "this route takes no query; put the fields into the JSON body");
  }
  const bool event = is_cloud_event(request);
  if (!event && !is_json_request(request)) {
    return not_json_reply();
  }
  auto read = event ? read_cloud_event(request, BodyKind::seed) : read_seed_body(request.body);
  if (const auto* wrong = std::get_if<BodyError>(&read)) {
    return error_reply(wrong->too_large ? 413 : 400, wrong->too_large ? "too_large" : "bad_request",
                       wrong->detail);
  }
  auto& body = std::get<SeedBody>(read);
  body.order.sender = request.client;
  if (body.wait == SeedStage::accepted && backend_.ring()->leaving) {
    body.wait = SeedStage::safe;  // a leaving peer confirms nothing that only it holds
  }
  // A wait for the loop's word alone is short (loop_timeout) and needs no pass.
  std::optional<Pass> pass;
  if (body.wait != SeedStage::accepted) {
    pass.emplace(stats_.waiting, limits_.waiting);
    if (!pass->granted()) {
      stats_.waiting_refused.fetch_add(1);
      return busy_reply(429, "too_many_waiting",
                        std::to_string(limits_.waiting) +
                            " requests wait already, which is the most at one time; nothing was "
                            "seeded. Try again, or send \"wait\": \"accepted\"",
                        kRetryAfterS);
    }
  }
  return answer(body, post_seed(body));
}

Seeding::Posted Seeding::post_seed(const SeedBody& body) {
  Posted posted;
  bool is_new = true;
  if (body.key) {
    auto found = keys_.find_or_add(*body.key, Clock::now());
    stats_.keys_forgotten.fetch_add(found.forgotten);
    posted.ticket = std::move(found.ticket);
    posted.repeated = !found.is_new;
    is_new = found.is_new;
  } else {
    posted.ticket = std::make_shared<SeedTicket>();
  }
  if (is_new) {
    backend_.seed(body.order, posted.ticket);
  }
  return posted;
}

void Seeding::forget_key(const SeedBody& body, const Posted& posted) {
  if (body.key) {
    keys_.remove(*body.key, posted.ticket);
  }
}

Reply Seeding::answer(const SeedBody& body, const Posted& posted) {
  SeedTicket& ticket = *posted.ticket;
  const auto start = Clock::now();
  // First the loop's word, which comes within milliseconds or not at all.
  auto outcome = ticket.wait(SeedStage::accepted, start + limits_.loop_timeout, stop_);
  if (outcome == Outcome::timed_out || outcome == Outcome::stopped) {
    if (ticket.cancel()) {
      forget_key(body, posted);
      stats_.loop_timeouts.fetch_add(1);
      return busy_reply(503, "busy", "this peer is too busy to take it; nothing was seeded",
                        kRetryAfterS);
    }
    // The loop has begun in this very moment.
    outcome =
        ticket.wait(SeedStage::accepted, Clock::now() + limits_.loop_timeout, [] { return false; });
  }
  if (outcome == Outcome::refused) {
    forget_key(body, posted);
    return refusal_reply(ticket);
  }
  if (outcome == Outcome::reached && body.wait != SeedStage::accepted) {
    outcome = ticket.wait(body.wait, start + body.wait_for, stop_);
  }
  const std::string stage{name_of(body.wait)};
  switch (outcome) {
    case Outcome::stopped:
      return error_with_ids(503, "leaving",
                            "this peer stops; what was accepted is handed on, but nobody here can "
                            "wait for " +
                                stage + " any more",
                            ticket.ids());
    case Outcome::reached:
      break;
    default:
      return error_with_ids(504, "timeout",
                            "not " + stage + " within " + std::to_string(body.wait_for.count()) +
                                " ms; the ring goes on with it. GET /messages/{id} tells more",
                            ticket.ids());
  }
  if (const auto unsafe = ticket.unsafe(); body.wait == SeedStage::safe && !unsafe.empty()) {
    return error_with_ids(
        504, "expired",
        std::to_string(unsafe.size()) + " of " + std::to_string(ticket.ids().size()) +
            " expired before another pod held a copy, the first of them " +
            to_string(unsafe.front()) + "; GET /ring shows whom this pod can hand to",
        ticket.ids());
  }
  Reply reply;
  reply.status = body.wait == SeedStage::completed ? 200 : 202;
  const auto ids = ticket.ids();
  JsonText json;
  json.open_object();
  write_ids(json, ids);
  json.field("stage", stage);
  if (posted.repeated) {
    json.field("repeated", true);
  }
  if (body.wait == SeedStage::completed) {
    write_traces(json, ids, ticket.ends());
  }
  reply.body = json.close_object().take() + "\n";
  return reply;
}

Reply refusal_reply(const SeedTicket& ticket) {
  const auto refusal = ticket.refusal();
  const SeedRefusal kind = refusal ? refusal->first : SeedRefusal::bad_request;
  const std::string reason = refusal ? refusal->second : std::string{};
  switch (kind) {
    case SeedRefusal::ring_full:
      return busy_reply(503, "ring_full", reason, kRetryAfterS);
    case SeedRefusal::leaving:
      return busy_reply(503, "leaving", reason, kRetryAfterS);
    case SeedRefusal::too_large:
      return error_reply(413, "too_large", reason);
    case SeedRefusal::bad_request:
      break;
  }
  return error_reply(400, "bad_request", reason);
}

}  // namespace podring::http
