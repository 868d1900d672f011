#include "top/told.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <unordered_map>

#include "terminal/text.h"

namespace podring::top {
namespace {

using Poco::JSON::Array, Poco::JSON::Object;

constexpr std::size_t kNameBytesMax = 253;
constexpr std::size_t kTextBytesMax = 1024;  // more than a terminal's line shows

std::string shown(const std::string& text, std::size_t bytes_max = kNameBytesMax) {
  return terminal::printable(std::string_view{text}.substr(0, bytes_max));
}

std::string text(const Object& object, const std::string& key,
                 std::size_t bytes_max = kNameBytesMax) {
  return object.isNull(key) ? std::string{} : shown(object.getValue<std::string>(key), bytes_max);
}

/// HH:MM:SS of an RFC 3339 time; empty: it is none.
std::string clock_of(const Object& object, const std::string& key) {
  const std::string stamp = text(object, key);
  return stamp.size() >= 19 ? stamp.substr(11, 8) : "";
}

std::uint64_t number(const Object& object, const std::string& key) {
  return object.isNull(key) ? 0 : object.getValue<std::uint64_t>(key);
}

/// `Unit`: what the field counts.
template <typename Unit>
std::optional<Duration> span(const Object& object, const std::string& key) {
  if (object.isNull(key)) return std::nullopt;
  // A longer one is no figure but nonsense; it must not overflow.
  constexpr std::int64_t kMost =
      std::chrono::duration_cast<Unit>(std::chrono::hours{24 * 36'500}).count();
  return Unit{std::clamp<std::int64_t>(object.getValue<std::int64_t>(key), 0, kMost)};
}

std::vector<std::string> texts(const Array::Ptr& array) {
  std::vector<std::string> out;
  for (unsigned i = 0; array && i < array->size(); ++i) {
    out.push_back(shown(array->getElement<std::string>(i)));
  }
  return out;
}

Object::Ptr parsed(const std::string& data) {
  return Poco::JSON::Parser{}.parse(data).extract<Object::Ptr>();
}

std::optional<Figures> figures_of(const Object& status) {
  if (!status.optValue<bool>("details", false)) return std::nullopt;
  Figures figures;
  figures.age = span<std::chrono::milliseconds>(status, "details_age_ms").value_or(Duration{});
  figures.uptime = span<std::chrono::seconds>(status, "uptime_s").value_or(Duration{});
  figures.queue = number(status, "queue");
  figures.held = number(status, "held");
  figures.digest = text(status, "digest");
  figures.successor = text(status, "successor");
  figures.round_trip = span<std::chrono::microseconds>(status, "round_trip_us");
  figures.handed_on = number(status, "handed_on");
  figures.retries = number(status, "retries");
  return figures;
}

/// Adds what the lane `key` of `peer` says, when it has carried anything.
void add_loss(std::vector<LaneLoss>& losses, const Object& peer, const std::string& key) {
  const Object::Ptr lane = peer.getObject(key);
  if (!lane) return;
  LaneLoss told{key.substr(0, 3), number(*lane, "lost"), number(*lane, "sent")};
  if (key.ends_with("_from")) {  // counted where it arrives
    told.lost = number(*lane, "missing");
    told.of = number(*lane, "received") + told.lost;
  }
  if (told.of > 0) losses.push_back(std::move(told));
}

/// What a ring says of its own pod and of the others alike.
Pod pod_of(const Object& object) {
  Pod pod;
  pod.address = text(object, "address");
  pod.name = text(object, "pod");
  pod.node = text(object, "node");
  pod.suspected_by = texts(object.getArray("suspected_by"));
  if (const Object::Ptr status = object.getObject("status")) {
    pod.told_age = span<std::chrono::milliseconds>(*status, "age_ms");
    pod.figures = figures_of(*status);
  }
  return pod;
}

Pod peer_of(const Object& object) {
  Pod pod = pod_of(object);
  pod.state = text(object, "state");
  for (const char* key : {"zmq_to", "udp_to"}) add_loss(pod.lost_to, object, key);
  add_loss(pod.lost_from, object, "udp_from");  // TCP does not tell what has not come
  return pod;
}

Ring ring_of(const Object& object) {
  if (!object.isArray("view")) throw Poco::DataFormatException{"a ring without a view"};
  Ring ring;
  ring.name = text(object, "ring");
  ring.boot = text(object, "boot");
  ring.digest = text(object, "digest");
  ring.successor = text(object, "successor");
  ring.predecessor = text(object, "predecessor");
  ring.queue_used = number(object, "queue_used");
  ring.queue_max = number(object, "queue_max");
  ring.held = number(object, "held");
  ring.leaving = object.getValue<bool>("leaving");
  if (const Object::Ptr dns = object.getObject("dns")) {
    ring.dns = {text(*dns, "mode"), text(*dns, "outcome"), text(*dns, "detail", kTextBytesMax),
                span<std::chrono::milliseconds>(*dns, "answer_age_ms"), number(*dns, "addresses")};
  }
  Pod self = pod_of(object);
  self.self = true;
  self.state = !self.suspected_by.empty() ? "suspected" : ring.leaving ? "leaving" : "up";
  std::unordered_map<std::string, Pod> by_address;
  const Array::Ptr peers = object.getArray("peers");
  for (unsigned i = 0; peers && i < peers->size(); ++i) {
    if (const Object::Ptr peer = peers->getObject(i)) {
      Pod pod = peer_of(*peer);
      by_address.insert_or_assign(pod.address, std::move(pod));
    }
  }
  by_address.insert_or_assign(self.address, self);
  for (const std::string& address : texts(object.getArray("view"))) {
    const auto found = by_address.find(address);
    if (found != by_address.end()) {
      ring.pods.push_back(found->second);
    } else {
      ring.pods.emplace_back().address = address;
      ring.pods.back().state = "listed";
    }
  }
  if (std::none_of(ring.pods.begin(), ring.pods.end(), [](const Pod& pod) { return pod.self; })) {
    ring.pods.push_back(std::move(self));
  }
  return ring;
}

Message message_of(const Object& object) {
  Message message;
  message.id = text(object, "id");
  message.time = clock_of(object, "last");
  message.state = text(object, "state");
  message.text = text(object, "message", kTextBytesMax);
  message.hop = number(object, "hop");
  message.lap = number(object, "lap");
  message.trace_omitted = number(object, "trace_omitted");
  message.detours = object.isArray("detours");
  const Array::Ptr trace = object.getArray("trace");
  std::vector<std::int64_t> times;
  for (unsigned i = 0; trace && i < trace->size(); ++i) {
    const Object::Ptr step = trace->getObject(i);
    if (!step) continue;
    message.trace.push_back(text(*step, "pod"));
    times.push_back(step->optValue<std::int64_t>("at_us", 0));
  }
  if (times.size() > 1 && message.trace_omitted == 0 && times.back() >= times.front()) {
    message.hop_time = std::chrono::microseconds{(times.back() - times.front()) /
                                                 static_cast<std::int64_t>(times.size() - 1)};
  }
  return message;
}

std::vector<Message> messages_of(const Object& object) {
  std::vector<Message> messages;
  const Array::Ptr told = object.getArray("messages");
  for (unsigned i = 0; told && i < told->size(); ++i) {
    if (const Object::Ptr message = told->getObject(i)) messages.push_back(message_of(*message));
  }
  return messages;
}

/// Runs `read` on the object that `data` is; nullopt where it is none, or has other types.
template <typename Read>
auto guarded(const std::string& data, const Read& read)
    -> std::optional<decltype(read(std::declval<const Object&>()))> {
  try {
    return read(*parsed(data));
  } catch (const Poco::Exception&) {
    return std::nullopt;
  }
}

std::string listed(const Object& line, const std::string& key) {
  const std::vector<std::string> all = texts(line.getArray(key));
  constexpr std::size_t kListed = 4;
  std::string out;
  const std::size_t some = all.size() > kListed ? kListed - 1 : all.size();
  for (std::size_t i = 0; i < some; ++i) out += (i == 0 ? "" : ", ") + all[i];
  return all.size() > some ? out + " and " + std::to_string(all.size() - some) + " more" : out;
}

std::string view_sentence(const Object& line) {
  std::string out = "view: " + text(line, "size") + " pods";
  if (const std::string added = listed(line, "added"); !added.empty()) out += ", added " + added;
  if (const std::string gone = listed(line, "removed"); !gone.empty()) out += ", removed " + gone;
  return out;
}

std::string link_down_sentence(const Object& line) {
  const std::uint64_t back = number(line, "handed_back");
  return "link to " + text(line, "peer") + " is down: " + text(line, "reason") +
         (back > 0 ? ", " + std::to_string(back) + " messages handed on elsewhere" : "");
}

using Sentence = std::string (*)(const Object& line);

/// The page has the same sentences; what is not here is told as the log's text has it.
const std::map<std::string_view, Sentence>& sentences() {
  static const std::map<std::string_view, Sentence> all{
      {"view", view_sentence},
      {"link_up",
       [](const Object& line) {
         return "link to " + text(line, "peer_pod") + " (" + text(line, "peer") + ") is up";
       }},
      {"link_down", link_down_sentence},
      {"successor",
       [](const Object& line) {
         const std::string successor = text(line, "successor");
         return successor.empty() ? std::string{"no successor"} : "successor is " + successor;
       }},
      {"peer_health",
       [](const Object& line) { return text(line, "peer") + " is " + text(line, "state"); }},
      {"detour",
       [](const Object& line) {
         return "detour of " + text(line, "id") + " at hop " + text(line, "hop") + ", try " +
                text(line, "try");
       }},
      {"dns",
       [](const Object& line) {
         const std::string detail = text(line, "detail", kTextBytesMax);
         return "name service: " + text(line, "outcome") + (detail.empty() ? "" : ", " + detail);
       }},
      {"leaving", [](const Object&) { return std::string{"this pod is leaving"}; }},
      {"hello_refused",
       [](const Object& line) {
         return "refused " + text(line, "peer_pod") + " (" + text(line, "peer") +
                "): " + text(line, "reason", kTextBytesMax);
       }},
  };
  return all;
}

/// `event name=value ...`, without what every line has.
std::string as_log_text(std::string_view type, const Object& line) {
  std::string out = shown(std::string{type});
  for (const auto& [key, value] : line) {
    if (key == "ts" || key == "level" || key == "event" || key == "pod" || key == "boot" ||
        key == "seq" || value.isEmpty()) {
      continue;
    }
    out += " " + shown(key) + "=" + shown(value.toString(), kTextBytesMax);
  }
  return out;
}

bool is_bad(std::string_view type, const Object& line) {
  return (type == "link_down" && text(line, "reason") != "idle") || type == "shed" ||
         type == "lag" || type == "hello_refused" || type == "leaving" || type == "transport" ||
         type == "warning" || text(line, "state") == "down" || text(line, "outcome") == "unknown";
}

}  // namespace

std::optional<Snapshot> read_snapshot(const std::string& data) {
  return guarded(data, [](const Object& object) {
    const Object::Ptr ring = object.getObject("ring");
    if (!ring) throw Poco::DataFormatException{"no ring"};
    return Snapshot{ring_of(*ring), messages_of(object)};
  });
}

std::optional<Ring> read_ring(const std::string& data) { return guarded(data, ring_of); }

std::optional<std::vector<Message>> read_messages(const std::string& data) {
  return guarded(data, messages_of);
}

std::optional<Skipped> read_skipped(const std::string& data) {
  return guarded(data, [](const Object& object) { return Skipped{number(object, "received")}; });
}

std::optional<News> read_news(std::string_view type, const std::string& data) {
  return guarded(data, [type](const Object& line) {
    const auto sentence = sentences().find(type);
    return News{clock_of(line, "ts"),
                sentence == sentences().end() ? as_log_text(type, line) : sentence->second(line),
                is_bad(type, line)};
  });
}

}  // namespace podring::top
