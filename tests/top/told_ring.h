// Events as a pod tells them, by the very writers of src/http.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "http/backend.h"
#include "http/json_text.h"
#include "http/views.h"
#include "top/model.h"

namespace podring::top {

inline Address pod_address(unsigned number) { return Address::v4(0x0a2a0000U + number); }
inline Now at(Duration since) {
  return {TimePoint{} + std::chrono::hours{1} + since, WallTime{1'700'000'000'000'000}};
}

inline http::StatusView status_of(unsigned number, unsigned pods) {
  using namespace std::chrono_literals;
  http::StatusView told;
  told.age = told.details_age = 300ms;
  told.has_details = true;
  told.status.uptime = 1'000s;
  told.status.view_size = pods;
  told.status.digest = 7;
  told.status.queue = 2;
  told.status.held = 3;
  told.status.successor = pod_address(number % pods + 1);
  told.status.round_trip = 400us;
  told.status.handed_on = 1'200;
  return told;
}

/// Pods 1 to `pods`, all well; pod 1 tells.
inline http::RingView ring_of(unsigned pods) {
  http::RingView ring;
  ring.ring = "podring";
  ring.self = {"pod-1", "uid-1", "node-1", pod_address(1), BootId{0xabc}};
  ring.digest = 7;
  ring.queue_used = 5;
  ring.queue_max = 1'024;
  ring.dns = {"service", "ring.test.", "answer", "", std::chrono::seconds{1}, 5, pods};
  ring.status = status_of(1, pods);
  ring.successor = pod_address(1 % pods + 1);
  ring.predecessor = pod_address(pods);
  for (unsigned i = 1; i <= pods; ++i) ring.view.push_back(pod_address(i));
  for (unsigned i = 2; i <= pods; ++i) {
    http::PeerView peer;
    peer.address = pod_address(i);
    peer.pod = "pod-" + std::to_string(i);
    peer.node = "node-1";
    peer.state = "up";
    peer.status = status_of(i, pods);
    ring.peers.push_back(std::move(peer));
  }
  return ring;
}

inline void suspect(http::RingView& ring, unsigned number, unsigned by) {
  http::PeerView& peer = ring.peers.at(number - 2);
  peer.state = "suspected";
  peer.suspected_by = {pod_address(by)};
}

/// A visit of each pod from 1 on, 500 us after the one before.
inline http::MessageView message_over(unsigned hops, unsigned pods, std::uint64_t number) {
  http::MessageView message;
  message.id = {BootId{0xabc}, number};
  message.message = "hello";
  message.hop = hops;
  for (unsigned i = 0; i < hops; ++i) {
    message.trace.push_back({"pod-" + std::to_string(i % pods + 1),
                             WallTime{1'700'000'000'000'000 + std::int64_t{500} * i}});
  }
  message.since = message.last = WallTime{1'700'000'000'000'000};
  return message;
}

inline std::string told(const http::RingView& ring) {
  http::JsonText json;
  http::write_ring(json, ring);
  return json.take();
}
inline std::string told(const std::vector<http::MessageView>& messages) {
  http::JsonText json;
  json.open_object();
  http::write_messages(json, messages);
  return json.close_object().take();
}
inline std::string snapshot(const http::RingView& ring,
                            const std::vector<http::MessageView>& messages = {}) {
  http::JsonText json;
  json.open_object().key("ring");
  http::write_ring(json, ring);
  http::write_messages(json, messages);
  return json.close_object().take();
}

inline Model model_of(const http::RingView& ring,
                      const std::vector<http::MessageView>& messages = {}) {
  Model model;
  (void)model.take("snapshot", snapshot(ring, messages), at({}));
  return model;
}

}  // namespace podring::top
