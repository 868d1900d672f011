#include "http/views.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace podring::http {
namespace {

constexpr std::size_t kMessagesBytes = 1024 * 1024;  // and one message more

void write_address(JsonText& json, std::string_view name, const std::optional<Address>& address) {
  json.key(name);
  if (address) {
    json.value(to_string(*address));
  } else {
    json.null();
  }
}

template <typename Time>
void write_ticks(JsonText& json, std::string_view name, const std::optional<Time>& time) {
  json.key(name);
  if (time) {
    json.value(time->count());
  } else {
    json.null();
  }
}

void write_count(JsonText& json, std::string_view name, const std::optional<std::uint64_t>& count) {
  json.key(name);
  if (count) {
    json.value(*count);
  } else {
    json.null();
  }
}

void write_lane(JsonText& json, std::string_view name, const std::optional<LaneView>& lane) {
  json.key(name);
  if (!lane) {
    json.null();
    return;
  }
  json.open_object().field("state", lane->state);
  write_ticks(json, "round_trip_us", lane->round_trip);
  write_ticks(json, "jitter_us", lane->jitter);
  json.field("path_mtu", lane->path_mtu).field("sent", lane->sent).field("lost", lane->lost);
  write_count(json, "received", lane->received);
  write_count(json, "missing", lane->missing);
  json.close_object();
}

std::chrono::microseconds in_us(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration);
}

std::optional<LaneView> view_of(const std::optional<LaneStatus>& told) {
  if (!told) return std::nullopt;
  LaneView view;
  view.state = told->state == LaneStatus::State::open     ? "open"
               : told->state == LaneStatus::State::failed ? "failed"
                                                          : "probing";
  if (told->round_trip) {
    view.round_trip = in_us(*told->round_trip);
    view.jitter = in_us(told->jitter);
  }
  view.path_mtu = told->path_mtu;
  view.sent = told->sent;
  view.lost = told->lost;
  return view;
}

void write_status(JsonText& json, const std::optional<StatusView>& told) {
  json.key("status");
  if (!told) {
    json.null();
    return;
  }
  const PeerStatus& status = told->status;
  json.open_object().field("age_ms", told->age.count()).field("leaving", status.leaving);
  json.key("suspects").open_array();
  for (const Address address : status.suspects) {
    json.value(to_string(address));
  }
  json.close_array().field("suspect_count", status.suspect_count);
  json.field("details", told->has_details);
  if (told->has_details) {
    json.field("details_age_ms", told->details_age.count()).field("release", status.release);
    json.field("uptime_s", std::chrono::duration_cast<std::chrono::seconds>(status.uptime).count());
    json.field("view_size", status.view_size).field("digest", digest_text(status.digest));
    json.field("queue", status.queue).field("held", status.held);
    write_address(json, "successor", status.successor);
    write_address(json, "predecessor", status.predecessor);
    std::optional<std::chrono::microseconds> round_trip;
    if (status.round_trip) round_trip = in_us(*status.round_trip);
    write_ticks(json, "round_trip_us", round_trip);
    json.field("handed_on", status.handed_on).field("retries", status.retries);
    write_lane(json, "zmq_to", view_of(status.lanes.zmq));
    write_lane(json, "udp_to", view_of(status.lanes.udp));
  }
  json.close_object();
}

void write_suspected_by(JsonText& json, const std::vector<Address>& reporters) {
  json.key("suspected_by").open_array();
  for (const Address address : reporters) {
    json.value(to_string(address));
  }
  json.close_array();
}

void write_peer(JsonText& json, const PeerView& peer) {
  json.open_object();
  json.field("address", to_string(peer.address)).field("pod", peer.pod).field("node", peer.node);
  json.field("uid", peer.uid).field("boot", peer.boot).field("state", peer.state);
  json.field("outgoing", peer.outgoing).field("incoming", peer.incoming);
  write_ticks(json, "round_trip_us", peer.round_trip);
  write_ticks(json, "heard_ms_ago", peer.heard_ago);
  json.field("in_flight", peer.in_flight).field("unsafe", peer.unsafe);
  write_lane(json, "zmq_to", peer.zmq_to);
  write_lane(json, "udp_to", peer.udp_to);
  write_lane(json, "zmq_from", peer.zmq_from);
  write_lane(json, "udp_from", peer.udp_from);
  write_suspected_by(json, peer.suspected_by);
  write_ticks(json, "suspected_for_ms", peer.suspected_for);
  write_status(json, peer.status);
  json.close_object();
}

void write_dns(JsonText& json, const DnsView& dns) {
  json.open_object();
  json.field("mode", dns.mode).field("name", dns.name).field("outcome", dns.outcome);
  json.field("detail", dns.detail);
  write_ticks(json, "answer_age_ms", dns.answer_age);
  json.key("ttl_s");
  if (dns.ttl_s) {
    json.value(*dns.ttl_s);
  } else {
    json.null();
  }
  json.field("addresses", dns.addresses).close_object();
}

std::string_view name_of(End end) {
  return end == End::completed ? "completed" : end == End::expired ? "expired" : "running";
}

}  // namespace

void write_ring(JsonText& json, const RingView& ring) {
  json.open_object();
  json.field("address", to_string(ring.self.address));
  json.field("pod", ring.self.pod).field("node", ring.self.node).field("uid", ring.self.uid);
  json.field("boot", to_string(ring.self.boot)).field("ring", ring.ring);
  json.key("view").open_array();
  for (const Address address : ring.view) {
    json.value(to_string(address));
  }
  json.close_array().field("digest", digest_text(ring.digest)).field("ring_key", ring.ring_key);
  write_address(json, "successor", ring.successor);
  write_address(json, "predecessor", ring.predecessor);
  json.key("peers").open_array();
  for (const PeerView& peer : ring.peers) {
    write_peer(json, peer);
  }
  json.close_array().key("dns");
  write_dns(json, ring.dns);
  json.field("queue_used", ring.queue_used).field("queue_max", ring.queue_max);
  json.field("held", ring.held).field("leaving", ring.leaving);
  write_suspected_by(json, ring.suspected_by);
  write_ticks(json, "suspected_for_ms", ring.suspected_for);
  write_status(json, ring.status);
  json.close_object();
}

void write_answer(JsonText& json, const std::string& answer) {
  if (!is_utf8(answer)) {
    json.field("answer_bytes", answer.size());
  } else if (!answer.empty()) {
    json.field("answer", answer);
  }
}

/// Every visit with its hop, the last one too, and what the program there said.
void write_journey(JsonText& json, const std::vector<VisitRecord>& trace,
                   const std::optional<VisitRecord>& last, std::uint64_t omitted) {
  json.key("journey").open_array();
  const auto write = [&](const VisitRecord& visit, std::uint64_t hop) {
    json.open_object().field("hop", hop).field("pod", visit.pod).field("at_us", visit.at.micros);
    if (visit.outcome) {
      json.field("outcome", to_string(visit.outcome->outcome));
      if (visit.outcome->status != 0) json.field("status", visit.outcome->status);
    }
    write_answer(json, visit.answer);
    json.close_object();
  };
  for (std::size_t i = 0; i < trace.size(); ++i) {
    write(trace[i], i < kTraceFirstKept ? i : i + omitted);
  }
  if (last) write(*last, trace.size() + omitted);
  json.close_array();
}

void write_message(JsonText& json, const MessageView& message) {
  json.open_object();
  json.field("id", to_string(message.id)).field("state", state_of(message));
  json.field("safe", message.safe || message.ended == End::completed);
  json.field("message", message.message);
  if (message.message_bytes > message.message.size()) {
    json.field("message_bytes", message.message_bytes);
  }
  json.field("seeded_here", message.seeded_here).field("visits", message.visits);
  json.field("hop", message.hop).field("lap", message.lap);
  json.field("sender_pod_ip",
             message.sender.is_unspecified() ? std::string{} : to_string(message.sender));
  json.key("trace").open_array();
  for (const VisitRecord& step : message.trace) {
    json.open_object().field("pod", step.pod).field("at", time_text(step.at));
    json.field("at_us", step.at.micros).close_object();
  }
  json.close_array();
  if (message.trace_omitted > 0) {
    json.field("trace_omitted", message.trace_omitted);
  }
  write_journey(json, message.trace, message.last_visit, message.trace_omitted);
  if (!message.detours.empty()) {
    json.key("detours").open_array();
    for (const DetourEntry& detour : message.detours) {
      json.open_object().field("hop", detour.hop).field("try", detour.attempt).close_object();
    }
    json.close_array();
  }
  json.field("since", time_text(message.since)).field("last", time_text(message.last));
  json.close_object();
}

void write_messages(JsonText& json, const std::vector<MessageView>& messages) {
  json.key("messages").open_array();
  const std::size_t start = json.text().size();
  std::size_t written = 0;
  while (written < messages.size() && json.text().size() - start < kMessagesBytes) {
    write_message(json, messages[written++]);
  }
  json.close_array();
  if (written < messages.size()) {
    json.field("messages_omitted", messages.size() - written);
  }
}

void write_traces(JsonText& json, const std::vector<EnvelopeId>& ids,
                  const std::vector<SeedEnd>& ends) {
  json.key("traces").open_array();
  for (std::size_t i = 0; i < ids.size() && i < ends.size(); ++i) {
    if (ends[i].end == End::none) {
      continue;
    }
    json.open_object().field("id", to_string(ids[i])).field("end", name_of(ends[i].end));
    json.key("trace").open_array();
    for (const VisitRecord& visit : ends[i].trace) {
      json.value(visit.pod);
    }
    json.close_array().key("at_us").open_array();
    for (const VisitRecord& visit : ends[i].trace) {
      json.value(visit.at.micros);
    }
    json.close_array();
    if (ends[i].trace_omitted > 0) {
      json.field("trace_omitted", ends[i].trace_omitted);
    }
    write_journey(json, ends[i].trace, ends[i].last_visit, ends[i].trace_omitted);
    if (ends[i].answers_omitted > 0) {
      json.field("answers_omitted", ends[i].answers_omitted);
    }
    json.close_object();
  }
  json.close_array();
}

std::string digest_text(std::uint64_t digest) { return to_string(BootId{digest}); }

std::string_view state_of(const MessageView& message) {
  if (message.ended != End::none) {
    return name_of(message.ended);
  }
  return message.safe ? "safe" : "running";
}

std::string time_text(WallTime time) {
  constexpr std::int64_t kMicros = 1'000'000;
  std::int64_t micros = time.micros % kMicros;
  std::int64_t whole = time.micros / kMicros;
  if (micros < 0) {
    micros += kMicros;
    --whole;
  }
  const std::time_t seconds = whole;
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) {
    return {};
  }
  std::array<char, 32> day{};
  std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 48> out{};
  std::snprintf(out.data(), out.size(), "%s.%06dZ", day.data(), static_cast<int>(micros));
  return out.data();
}

}  // namespace podring::http
