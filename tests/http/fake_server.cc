// http_fake_server: the front end over a fake Backend, driven by lines on standard input, for tests
// in other languages. Prints one JSON line with its address and ports, then one "ok" per command:
//
//   fate completed|expired|safe|accepted|kept|ring_full|leaving|too_large|bad_request
//   throw 0|1          every view throws
//   idle MS            the loop's idle time
//   ready 0|1
//   pods N             a ring of N pods, this one the first
//   state I STATE [MS] of pod I (from 2), as a change of the ring; suspected: by the one before it,
//                      for MS
//   loss I PERCENT     what pod I (from 2) lost by UDP on its link to the next one, as it told
//   event TYPE JSON    into the feed
//   message JSON       text of a message that this pod has met, with a trace over all pods
//
// Ends at the end of its input. Arguments, all optional: NAME=VALUE with threads, queue, streams,
// waiting, broadcast, request_timeout_ms, heartbeat_ms, port, address.
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "http/fake_backend.h"
#include "http/front_end.h"
#include "http/json_text.h"
#include "http/raw_client.h"

namespace {

using namespace podring;
using namespace podring::http;
using Fate = FakeBackend::Fate;

const std::map<std::string, Fate> kFates{{"completed", Fate::completed},
                                         {"expired", Fate::expired},
                                         {"safe", Fate::safe},
                                         {"accepted", Fate::accepted},
                                         {"kept", Fate::kept},
                                         {"ring_full", Fate::ring_full},
                                         {"leaving", Fate::leaving},
                                         {"too_large", Fate::too_large},
                                         {"bad_request", Fate::bad_request},
                                         {"delivered", Fate::delivered},
                                         {"refused_there", Fate::refused_there}};

Address pod_address(unsigned number) { return Address::v4(0x0a2a0000U + number); }

StatusView status_of(unsigned number, unsigned pods) {
  StatusView told;
  told.age = told.details_age = std::chrono::milliseconds{300 + number};
  told.has_details = true;
  told.status.release = "1.0.0";
  told.status.uptime = std::chrono::seconds{1'000 + number};
  told.status.view_size = pods;
  told.status.digest = pods;
  told.status.successor = pod_address(number % pods + 1);
  told.status.predecessor = pod_address((number + pods - 2) % pods + 1);
  told.status.round_trip = std::chrono::microseconds{200 + number};
  told.status.handed_on = 1'000;
  LaneStatus lane{.sent = 1'200,
                  .round_trip = std::chrono::microseconds{200 + number},
                  .jitter = std::chrono::microseconds{40},
                  .path_mtu = 1'448};
  lane.state = LaneStatus::State::open;
  told.status.lanes.zmq = lane;
  lane.path_mtu = 1'472;
  told.status.lanes.udp = lane;
  return told;
}

RingView ring_of(unsigned pods, std::uint64_t version) {
  RingView ring;
  ring.version = version;
  ring.ring = "podring";
  ring.digest = pods;
  ring.queue_max = 1024;
  ring.dns = {"service", "ring.default.svc.cluster.local.", "answer",
              "",        std::chrono::milliseconds{700},    5,
              pods};
  for (unsigned i = 1; i <= pods; ++i) {
    ring.view.push_back(pod_address(i));
  }
  ring.self = {"pod-1", "uid-1", "node-1", pod_address(1), FakeBackend::kBoot};
  if (pods > 1) {
    ring.successor = pod_address(2);
    ring.predecessor = pod_address(pods);
  }
  ring.status = status_of(1, pods);
  for (unsigned i = 2; i <= pods; ++i) {
    PeerView peer;
    peer.address = pod_address(i);
    peer.pod = "pod-" + std::to_string(i);
    peer.node = "node-" + std::to_string(1 + (i - 1) % 4);
    peer.boot = to_string(BootId{i});
    peer.state = "up";
    peer.outgoing = i == 2;
    peer.incoming = i == pods;
    peer.round_trip = std::chrono::microseconds{200 + i};
    peer.heard_ago = std::chrono::milliseconds{i};
    peer.status = status_of(i, pods);
    LaneView lane{"open", peer.round_trip, std::chrono::microseconds{30}, 1'448, 5'000, 5, {}, {}};
    if (peer.outgoing) peer.zmq_to = peer.udp_to = lane;
    lane.round_trip = lane.jitter = std::nullopt;
    if (peer.incoming) peer.zmq_from = peer.udp_from = lane;
    for (auto* udp : {&peer.udp_to, &peer.udp_from}) {
      if (*udp) (*udp)->received = 4'990, (*udp)->missing = 10;
    }
    ring.peers.push_back(std::move(peer));
  }
  return ring;
}

void add_message(FakeBackend& backend, const std::string& text, std::uint64_t number) {
  MessageView message;
  message.id = {FakeBackend::kBoot, number};
  message.message = text;
  message.safe = true;
  message.hop = static_cast<std::uint32_t>(backend.ring()->view.size());
  message.lap = 1;
  message.visits = 2;
  message.sender = pod_address(2);
  std::int64_t at = 1'700'000'000'000'000;
  unsigned pod = 0;
  for ([[maybe_unused]] const Address address : backend.ring()->view) {
    message.trace.push_back({"pod-" + std::to_string(++pod), WallTime{at += 350}});
  }
  message.detours = {{2, 2}};
  message.since = message.last = WallTime{at};
  backend.add_message(std::move(message));
}

bool obey(FakeBackend& backend, const std::string& line) {
  std::istringstream words{line};
  std::string command;
  words >> command >> std::ws;
  static std::uint64_t messages = 0;
  if (command == "fate") {
    std::string name;
    words >> name;
    const auto found = kFates.find(name);
    if (found == kFates.end()) return false;
    backend.set_fate(found->second);
  } else if (command == "throw" || command == "ready") {
    int on = 0;
    words >> on;
    command == "throw" ? backend.set_throwing(on != 0) : backend.set_ready(on != 0);
  } else if (command == "idle") {
    int ms = 0;
    words >> ms;
    backend.set_loop_idle(std::chrono::milliseconds{ms});
  } else if (command == "pods") {
    unsigned pods = 0;
    words >> pods;
    backend.set_ring(ring_of(pods, backend.ring()->version + 1));
  } else if (command == "state") {
    std::size_t pod = 0;
    std::string state;
    int for_ms = 0;
    words >> pod >> state >> std::ws;
    if (!words.eof()) words >> for_ms;
    backend.change_ring([&](RingView& ring) {
      ++ring.version;
      PeerView& peer = ring.peers.at(pod - 2);
      peer.state = state;
      peer.suspected_by.clear();
      peer.suspected_for.reset();
      if (state == "suspected") {
        peer.suspected_by.push_back(ring.view.at(pod - 2));
        peer.suspected_for = std::chrono::milliseconds{for_ms};
      }
    });
  } else if (command == "loss") {
    std::size_t pod = 0;
    std::uint32_t percent = 0;
    words >> pod >> percent;
    backend.change_ring([&](RingView& ring) {
      ++ring.version;
      LaneStatus& udp = *ring.peers.at(pod - 2).status->status.lanes.udp;
      udp.lost = udp.sent * percent / 100;
    });
  } else if (command == "event") {
    std::string type;
    std::string json;
    words >> type >> std::ws;
    std::getline(words, json);
    backend.add_event(type, json);
  } else if (command == "message") {
    std::string text;
    std::getline(words, text);
    add_message(backend, text, 1'000'000 + ++messages);
  } else {
    return false;
  }
  return static_cast<bool>(words) || words.eof();
}

}  // namespace

int main(int argc, char** argv) {
  Address bind = test_address();
  std::map<std::string, int> values;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    if (const auto address = parse_address(argument.substr(equals + 1))) bind = *address;
    values[argument.substr(0, equals)] = std::atoi(argument.substr(equals + 1).c_str());
  }
  const auto value = [&](const std::string& name, int otherwise) {
    const auto found = values.find(name);
    return found == values.end() ? otherwise : found->second;
  };
  FrontEndOptions options;
  options.bind = bind;
  options.port = static_cast<std::uint16_t>(value("port", 0));
  options.admin_port = 0;
  options.threads = value("threads", options.threads);
  options.queue = value("queue", options.queue);
  options.admin_threads = value("threads", options.admin_threads);
  options.admin_queue = value("queue", options.admin_queue);
  options.streams = static_cast<std::size_t>(value("streams", 8));
  options.waiting = static_cast<std::size_t>(value("waiting", 16));
  options.broadcast = value("broadcast", 1) != 0;
  options.request_timeout = std::chrono::milliseconds{value("request_timeout_ms", 5'000)};
  options.heartbeat = std::chrono::milliseconds{value("heartbeat_ms", 10'000)};

  FakeBackend backend;
  FrontEnd front_end{options, backend};
  front_end.start();
  JsonText ready;
  ready.open_object().field("address", to_string(options.bind)).field("port", front_end.port());
  ready.field("admin_port", front_end.admin_port()).close_object();
  std::cout << ready.text() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << (obey(backend, line) ? "ok" : "unknown command: " + line) << std::endl;
  }
  return 0;
}
