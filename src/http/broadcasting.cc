#include "http/broadcasting.h"

#include <Poco/String.h>
#include <Poco/UUIDGenerator.h>

#include <algorithm>
#include <thread>
#include <utility>
#include <variant>

#include "http/cloud_event_body.h"
#include "http/json_text.h"
#include "http/seeding.h"
#include "http/views.h"

namespace podring::http {
namespace {

using namespace std::chrono_literals;

constexpr int kRetryAfterS = 1;
constexpr auto kLookEvery = 250ms;  // whether the server stops

/// A word for a pod: what its program said, or that it has not been heard of.
std::string_view word_of(const std::optional<VisitRecord>& visit) {
  if (!visit) return "missing";
  return visit->outcome ? to_string(visit->outcome->outcome) : "visited";
}

/// Yes and no are final; the others may change with another lap.
bool is_final(const std::optional<VisitRecord>& visit) {
  if (!visit || !visit->outcome) return false;
  const Outcome outcome = visit->outcome->outcome;
  return outcome == Outcome::delivered || outcome == Outcome::refused;
}

/// Which of two words about one pod counts: a yes stays, then a no, then the later one.
bool is_better(const VisitRecord& visit, const std::optional<VisitRecord>& than) {
  if (!than || !than->outcome) return true;
  if (!visit.outcome) return false;
  if (than->outcome->outcome == Outcome::delivered) {
    // The origin's first visit has no answer to tell, its last one has.
    return visit.outcome->outcome == Outcome::delivered && than->answer.empty();
  }
  return visit.outcome->outcome == Outcome::delivered || !is_final(than);
}

}  // namespace

Reply Broadcasting::post(const Request& request) {
  if (!request.query.empty()) {
    return error_reply(400, "bad_request",
                       "this route takes no query; put the fields into the JSON body");
  }
  auto read = is_cloud_event(request)    ? read_cloud_event(request, BodyKind::broadcast)
              : is_json_request(request) ? read_seed_body(request.body, BodyKind::broadcast)
                                         : std::variant<SeedBody, BodyError>{BodyError{}};
  if (const auto* wrong = std::get_if<BodyError>(&read)) {
    if (wrong->detail.empty()) return not_json_reply();
    return error_reply(wrong->too_large ? 413 : 400, wrong->too_large ? "too_large" : "bad_request",
                       wrong->detail);
  }
  const Pass pass{stats_.waiting, limits_.waiting};
  if (!pass.granted()) {
    stats_.waiting_refused.fetch_add(1);
    return busy_reply(429, "too_many_waiting",
                      std::to_string(limits_.waiting) +
                          " requests wait already, which is the most at one time; nothing was sent",
                      kRetryAfterS);
  }
  Run run;
  run.body = std::move(std::get<SeedBody>(read));
  run.until = Clock::now() + run.body.wait_for;
  run.body.order.sender = request.client;
  std::string& key = run.body.order.annotations.key;
  if (key.empty()) {
    key = Poco::UUIDGenerator::defaultGenerator().createRandom().toString();
  }
  auto pause = limits_.pause_first;
  while (true) {
    seed_lap(run);
    look_at_view(run);
    const bool never = run.refusal && run.refusal->status < 500;  // too large, bad request
    if (never || is_settled(run) || stop_() || Clock::now() + pause >= run.until) break;
    rest(pause, run.until);
    pause = std::min(2 * pause, limits_.pause_max);
  }
  if (run.ids.empty() && run.refusal) return std::move(*run.refusal);
  return answer(run);
}

void Broadcasting::seed_lap(Run& run) {
  const auto ticket = std::make_shared<SeedTicket>();
  run.trouble.clear();
  run.refusal.reset();
  backend_.seed(run.body.order, ticket);
  auto outcome = ticket->wait(SeedStage::accepted, Clock::now() + limits_.loop_timeout, stop_);
  if (outcome != SeedTicket::Outcome::reached && outcome != SeedTicket::Outcome::refused &&
      ticket->cancel()) {
    stats_.loop_timeouts.fetch_add(1);
    run.trouble = "this peer is too busy to take it";
    return;
  }
  if (const auto refusal = ticket->refusal()) {
    run.trouble = refusal->second;
    run.refusal = refusal_reply(*ticket);
    return;
  }
  for (const EnvelopeId id : ticket->ids()) run.ids.push_back(id);
  outcome = ticket->wait(SeedStage::completed, run.until, stop_);
  for (const SeedEnd& end : ticket->ends()) {
    if (end.end != End::none) take(run, end);
  }
  if (outcome != SeedTicket::Outcome::reached) run.trouble = "the lap has not come round in time";
}

void Broadcasting::take(Run& run, const SeedEnd& end) const {
  run.answers_omitted = end.answers_omitted;
  const auto take_one = [&](const VisitRecord& visit) {
    Pod& pod = run.pods[visit.pod];
    if (is_better(visit, pod.visit)) pod.visit = visit;
  };
  for (const VisitRecord& visit : end.trace) take_one(visit);
  if (end.last_visit) take_one(*end.last_visit);
}

void Broadcasting::look_at_view(Run& run) const {
  const auto ring = backend_.ring();
  for (auto& [name, pod] : run.pods) pod.address.reset();
  run.nameless = ring->view;
  const auto named = [&](Address address, const std::string& name) {
    if (name.empty() || std::erase(run.nameless, address) == 0) return;
    run.pods[name].address = address;
  };
  named(ring->self.address, ring->self.pod);
  for (const PeerView& peer : ring->peers) {
    const bool told = peer.pod.empty() && peer.status && peer.status->has_details;
    named(peer.address, told ? peer.status->status.identity.pod : peer.pod);
  }
}

bool Broadcasting::is_settled(const Run& run) {
  return run.nameless.empty() &&
         std::all_of(run.pods.begin(), run.pods.end(), [](const auto& entry) {
           return !entry.second.address || is_final(entry.second.visit);
         });
}

void Broadcasting::rest(std::chrono::milliseconds pause, Clock::time_point until) const {
  const auto end = std::min(Clock::now() + pause, until);
  while (!stop_() && Clock::now() < end) {
    std::this_thread::sleep_for(std::min<Clock::duration>(end - Clock::now(), kLookEvery));
  }
}

Reply Broadcasting::answer(const Run& run) {
  std::map<std::string_view, std::uint64_t> counts;
  JsonText json;
  json.open_object().field("key", run.body.order.annotations.key);
  json.key("ids").open_array();
  for (const EnvelopeId id : run.ids) json.value(to_string(id));
  json.close_array().key("pods").open_array();
  const auto write = [&](std::string_view name, const Pod& pod) {
    const std::string_view word = word_of(pod.visit);
    json.open_object().field("pod", name);
    json.field("address", pod.address ? to_string(*pod.address) : std::string{});
    json.field("outcome", word);
    if (pod.visit && pod.visit->outcome && pod.visit->outcome->status != 0) {
      json.field("status", pod.visit->outcome->status);
    }
    if (pod.visit) write_answer(json, pod.visit->answer);
    if (!pod.address) json.field("left", true);
    json.close_object();
    if (pod.address) ++counts[word];
  };
  for (const auto& [name, pod] : run.pods) write(name, pod);
  for (const Address address : run.nameless) write("", {address, std::nullopt});
  json.close_array();
  std::uint64_t total = 0;
  for (const auto& [word, count] : counts) total += count;
  for (const std::string_view word :
       {"delivered", "refused", "timed_out", "no_program", "visited", "missing"}) {
    json.field(word, counts[word]);
  }
  if (run.answers_omitted > 0) json.field("answers_omitted", run.answers_omitted);

  Reply reply;
  const std::uint64_t delivered = counts["delivered"];
  const std::uint64_t refused = counts["refused"];
  if (delivered == total) {
    reply.status = 200;
  } else {
    const bool settled = delivered + refused == total;
    reply.status = settled ? 502 : 504;
    json.field("error", settled ? "refused" : "not_everywhere");
    std::string detail = std::to_string(total - delivered) + " of " + std::to_string(total) +
                         " pods have not taken it" + (settled ? "" : " in time");
    if (!run.trouble.empty()) detail += "; " + run.trouble;
    if (counts["visited"] > 0) detail += "; pods that are `visited` deliver to no program";
    json.field("detail", detail);
  }
  reply.body = json.close_object().take() + "\n";
  return reply;
}

}  // namespace podring::http
