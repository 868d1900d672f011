#include "http/routes.h"

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "http/assets.h"
#include "http/event_stream.h"
#include "http/json_text.h"
#include "http/route_checks.h"
#include "http/views.h"

namespace podring::http {
namespace {

constexpr std::size_t kListDefault = 100;
constexpr std::size_t kListMax = 500;
constexpr std::size_t kRateMax = 100'000;
constexpr std::size_t kStreamedMessagesMax = 100;
constexpr std::string_view kMessages = "/messages/";

Reply json_reply(JsonText& json, int status = 200) {
  Reply reply;
  reply.status = status;
  reply.body = json.take() + "\n";
  return reply;
}

Reply not_found(std::string_view detail) { return error_reply(404, "not_found", detail); }

}  // namespace

Reply FrontRoutes::handle(const Request& request, Caller caller) {
  const std::string_view path = request.path;
  const auto get_only = [&](std::initializer_list<std::string_view> query, auto answer) {
    if (auto reply = check_method(request, "GET, HEAD")) {
      return std::move(*reply);
    }
    if (auto reply = check_query(request, query)) {
      return std::move(*reply);
    }
    return Reply{answer()};
  };
  if (path == "/messages") {
    if (auto reply = check_method(request, "GET, HEAD, POST")) {
      return std::move(*reply);
    }
    return request.method == "POST" ? seeding_.post(request) : get_messages(request);
  }
  if (path == "/broadcast") {
    if (auto reply = check_method(request, "POST")) {
      return std::move(*reply);
    }
    if (!limits_.broadcast && caller != Caller::program) {
      return error_reply(403, "broadcast_off",
                         "this port takes no broadcasts, as they reach programs; start podring "
                         "with --broadcast on, or send it to the application port of a pod");
    }
    return broadcasting_.post(request);
  }
  if (path.starts_with(kMessages)) {
    return get_only({}, [&] { return get_message(path.substr(kMessages.size())); });
  }
  if (path == "/ring") {
    return get_only({}, [&] { return get_ring(); });
  }
  if (path == "/events") {
    return get_only({"rate", "messages"}, [&] { return get_events(request); });
  }
  if (const Asset* asset = find_asset(path)) {
    if (auto reply = check_method(request, "GET, HEAD")) {
      return std::move(*reply);
    }
    Reply reply;
    reply.page = true;
    reply.content_type = asset->content_type;
    reply.body = asset->content;
    return reply;
  }
  if (path == "*") {
    return *check_method(request, "GET, HEAD, POST");
  }
  return not_found("known paths are /, /messages, /messages/{id}, /broadcast, /ring and /events");
}

Reply FrontRoutes::get_messages(const Request& request) const {
  if (auto reply = check_query(request, {"limit"})) {
    return std::move(*reply);
  }
  const auto limit = query_number(request, "limit", kListDefault, 1, kListMax);
  if (const auto* wrong = std::get_if<Reply>(&limit)) {
    return *wrong;
  }
  JsonText json;
  json.open_object();
  write_messages(json, backend_.messages(std::get<std::size_t>(limit)));
  return json_reply(json.close_object());
}

Reply FrontRoutes::get_message(std::string_view id) const {
  const auto parsed = parse_envelope_id(id);
  if (!parsed) {
    return not_found("an id is 16 hex digits, '-' and a number, as POST /messages gives them");
  }
  const auto message = backend_.message(*parsed);
  if (!message) {
    return not_found("this pod has not met that message, or has forgotten it");
  }
  JsonText json;
  write_message(json, *message);
  return json_reply(json);
}

Reply FrontRoutes::get_ring() const {
  JsonText json;
  write_ring(json, *backend_.ring());
  return json_reply(json);
}

Reply FrontRoutes::get_events(const Request& request) {
  Reply reply;
  reply.content_type = "text/event-stream; charset=utf-8";
  reply.headers.emplace_back("X-Accel-Buffering", "no");
  const auto rate = query_number(request, "rate", 0, 1, kRateMax);
  const auto messages = query_number(request, "messages", 0, 1, kStreamedMessagesMax);
  for (const auto* number : {&rate, &messages}) {
    if (const auto* wrong = std::get_if<Reply>(number)) {
      return *wrong;
    }
  }
  if (request.method == "HEAD") {
    return reply;
  }
  EventStream::Choices choices;
  if (const auto asked = std::get<std::size_t>(rate); asked > 0) {
    choices.rate = static_cast<std::uint32_t>(asked);
  }
  choices.messages = std::get<std::size_t>(messages);
  const auto pass = std::make_shared<Pass>(stats_.streams, limits_.streams);
  if (!pass->granted()) {
    stats_.streams_refused.fetch_add(1);
    return busy_reply(503, "too_many_streams",
                      std::to_string(limits_.streams) +
                          " event streams are open here, which is the most at one time",
                      5);
  }
  reply.stream = [this, pass, choices, last = request.last_event_id](Outlet& outlet) {
    EventStream{backend_, {.heartbeat = limits_.heartbeat}, choices}.run(outlet, last);
  };
  return reply;
}

Reply AdminRoutes::handle(const Request& request) const {
  const bool known =
      request.path == "/healthz" || request.path == "/readyz" || request.path == "/metrics";
  if (!known) {
    return not_found("known paths of this port are /healthz, /readyz and /metrics");
  }
  if (auto reply = check_method(request, "GET, HEAD")) {
    return std::move(*reply);
  }
  return request.path == "/healthz"  ? get_healthz()
         : request.path == "/readyz" ? get_readyz()
                                     : get_metrics();
}

Reply AdminRoutes::get_healthz() const {
  const auto idle = backend_.health().loop_idle;
  if (idle >= loop_stalled_) {
    return error_reply(503, "loop_stalled",
                       "the loop has not turned for " + std::to_string(idle.count()) + " ms");
  }
  JsonText json;
  json.open_object().field("status", "ok").field("loop_idle_ms", idle.count());
  return json_reply(json.close_object());
}

Reply AdminRoutes::get_readyz() const {
  const Readiness readiness = backend_.readiness();
  if (!readiness.ready) {
    return error_reply(503, "not_ready", readiness.detail);
  }
  JsonText json;
  json.open_object().field("status", "ready").field("detail", readiness.detail);
  return json_reply(json.close_object());
}

Reply AdminRoutes::get_metrics() const {
  Reply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  const auto [front, admin] = loads_();
  reply.body = backend_.metrics_text() + stats_.metrics_text(front, admin);
  return reply;
}

}  // namespace podring::http
