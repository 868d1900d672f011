// proto-docs/metrics.md: every family that is exposed is in the document with its type, and no
// other.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "observe/metrics.h"
#include "observe/samples.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::observe;
using namespace podring::test;
using namespace std::chrono_literals;

namespace {

MetricsSnapshot full_snapshot() {
  MetricsSnapshot snapshot;
  snapshot.build = {"0.1.0", "abc", 1};
  snapshot.self = kSelf;
  snapshot.core.visits = 123;
  snapshot.core.duplicates_held = 4;
  Status& status = snapshot.status;
  status.view = {kSelf.address, Address::v4(0x0a000002), Address::v4(0x0a000003)};
  status.digest = 0xfedcba9876543210ULL;
  status.successor = status.view[1];
  status.predecessor = status.view[2];
  LinkStatus link;
  link.address = status.view[1];
  link.up = link.successor = true;
  link.round_trip = 250us;
  link.heard_ago = 10ms;
  link.in_flight = 5;
  status.links.push_back(link);
  LinkStatus bad;
  bad.address = status.view[2];
  bad.suspected = true;
  status.links.push_back(bad);
  InboundStatus inbound;
  inbound.identity = {"pod-c", "", "", status.view[2], BootId{3}};
  inbound.up = true;
  inbound.heard_ago = 20ms;
  status.inbound.push_back(inbound);
  status.queue_used = 17;
  snapshot.queue_max = 1024;
  snapshot.settling = 30ms;
  snapshot.names.answers = 9;
  snapshot.names.answer_age = 1500ms;
  snapshot.names.ttl_s = 5;
  snapshot.names.addresses = 2;
  const Event event = visit(travelled("m", {"pod-x"}));
  snapshot.hops.observe(kNow, std::get<Visited>(event));  // 100 us after the arrival before
  snapshot.datagrams.used = true;
  snapshot.lanes = {{"successor", "zmq", true, 200us, 10us, 1448, {.sent = 50, .lost = 2}},
                    {"successor", "udp", true, 80us, 5us, 1452, {40, 3, 60, 64}},
                    {"predecessor", "zmq", true, std::nullopt, {}, 1448, {.sent = 30}},
                    {"predecessor", "udp", false}};
  snapshot.datagrams.sent = 6;
  return snapshot;
}

struct Exposed {
  std::map<std::string, std::string> types;  // family -> type
  std::map<std::string, double> samples;     // name with labels -> value
};

Exposed exposed(const std::string& text) {
  Exposed found;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string first, second, name, type;
    words >> first >> second;
    if (first == "#" && second == "TYPE") {
      words >> name >> type;
      found.types[name] = type;
    } else if (first != "#" && !first.empty()) {
      const std::size_t blank = line.rfind(' ');
      found.samples[line.substr(0, blank)] = std::stod(line.substr(blank + 1));
    }
  }
  return found;
}

/// The document's tables: | `name` | type | ...
std::map<std::string, std::string> documented() {
  const char* const source = std::getenv("PODRING_SOURCE");
  REQUIRE(source != nullptr);
  std::ifstream in{std::string{source} + "/proto-docs/metrics.md"};
  REQUIRE(in);
  std::map<std::string, std::string> found;
  const std::regex row{R"(\| `([a-z_]+)(\{[^}]*\})?` \| ([a-z]+) \|.*)"};
  std::smatch match;
  for (std::string line; std::getline(in, line);) {
    if (std::regex_match(line, match, row)) found[match[1]] = match[3];
  }
  return found;
}

}  // namespace

TEST_CASE("the document and the exposition name the same families", "[metrics]") {
  auto told = documented();
  for (auto at = told.begin(); at != told.end();) {  // the front end's own are its tests' matter
    at = at->first.starts_with("podring_http_") ? told.erase(at) : std::next(at);
  }
  const auto types = exposed(metrics_text(full_snapshot())).types;
  for (const auto& [name, type] : types) {
    INFO(name << " " << type);
    CHECK((told.contains(name) && told.at(name) == type));
  }
  for (const auto& [name, type] : told) {
    INFO(name << " is in the document only");
    CHECK(types.contains(name));
  }
}

TEST_CASE("values are those of the snapshot", "[metrics]") {
  const auto samples = exposed(metrics_text(full_snapshot())).samples;
  const auto value = [&](const std::string& name) {
    REQUIRE(samples.contains(name));
    return samples.at(name);
  };
  CHECK(value("podring_visits_total") == 123);
  CHECK(value("podring_duplicates_held_total") == 4);
  CHECK(value("podring_view_peers") == 3);
  CHECK(value("podring_view_digest") == static_cast<double>(0xcba9876543210ULL));
  CHECK(value("podring_link_up{link=\"successor\"}") == 1);
  CHECK(value("podring_link_up{link=\"predecessor\"}") == 1);
  CHECK(value("podring_link_round_trip_seconds{link=\"successor\"}") == Approx(250e-6));
  CHECK(value("podring_link_silent_seconds{link=\"predecessor\"}") == Approx(0.02));
  const auto lane = [&](const std::string& name, const std::string& link,
                        const std::string& which) {
    return value("podring_lane_" + name + "{link=\"" + link + "\",lane=\"" + which + "\"}");
  };
  CHECK(lane("open", "successor", "udp") == 1);
  CHECK(lane("open", "predecessor", "udp") == 0);
  CHECK(lane("round_trip_seconds", "successor", "zmq") == Approx(200e-6));
  CHECK(lane("round_trip_seconds", "successor", "udp") == Approx(80e-6));
  CHECK(lane("jitter_seconds", "successor", "udp") == Approx(5e-6));
  CHECK(lane("path_mtu_bytes", "predecessor", "zmq") == 1448);
  CHECK(lane("sent_total", "successor", "zmq") == 50);
  CHECK(lane("lost_total", "successor", "zmq") == 2);
  CHECK(lane("lost_total", "successor", "udp") == 3);
  CHECK(lane("received_total", "successor", "udp") == 60);
  CHECK(lane("expected_total", "successor", "udp") == 64);
  // What a lane does not measure is absent.
  const std::string from_zmq = "{link=\"predecessor\",lane=\"zmq\"}";
  CHECK_FALSE(samples.contains("podring_lane_round_trip_seconds" + from_zmq));
  CHECK_FALSE(samples.contains("podring_lane_received_total" + from_zmq));
  CHECK(value("podring_datagrams_sent_total") == 6);
  CHECK(value("podring_datagrams_port_missing") == 0);
  CHECK(value("podring_peers_suspected") == 1);
  CHECK(value("podring_queue_envelopes") == 17);
  CHECK(value("podring_dns_answers_total{outcome=\"answer\"}") == 9);
  CHECK(value("podring_dns_answer_age_seconds") == Approx(1.5));
  CHECK(value("podring_view_settling_seconds") == Approx(0.03));
  CHECK(value("podring_hop_latency_seconds_count") == 1);
  CHECK(value("podring_hop_latency_seconds_sum") == Approx(100e-6));
  CHECK(value("podring_hop_latency_seconds_bucket{le=\"5e-05\"}") == 0);
  CHECK(value("podring_hop_latency_seconds_bucket{le=\"0.0001\"}") == 1);
  CHECK(value("podring_hop_latency_seconds_bucket{le=\"+Inf\"}") == 1);
  CHECK(value("process_resident_memory_bytes") > 1e6);
  CHECK(value("process_open_fds") >= 3);
}

TEST_CASE("the number of series does not grow with the ring", "[metrics]") {
  MetricsSnapshot snapshot = full_snapshot();
  const std::size_t before = exposed(metrics_text(snapshot)).samples.size();
  for (std::uint32_t i = 0; i < 1000; ++i) {
    snapshot.status.view.push_back(Address::v4(0x0b000000 + i));
    LinkStatus link;
    link.address = snapshot.status.view.back();
    snapshot.status.links.push_back(link);
    InboundStatus inbound;
    inbound.identity = {"pod", "", "", link.address, BootId{1000 + i}};
    snapshot.status.inbound.push_back(inbound);
  }
  CHECK(exposed(metrics_text(snapshot)).samples.size() == before);
}

TEST_CASE("what is not known is absent, and its family is still told", "[metrics]") {
  const std::string text = metrics_text(MetricsSnapshot{});
  const Exposed found = exposed(text);
  CHECK_FALSE(found.samples.contains("podring_dns_answer_age_seconds"));
  CHECK_FALSE(found.samples.contains("podring_view_settling_seconds"));
  CHECK(found.samples.at("podring_link_up{link=\"successor\"}") == 0);
}

TEST_CASE("a predecessor that is silent has no link that is up", "[metrics]") {
  constexpr const char* kUp = "podring_link_up{link=\"predecessor\"}";
  MetricsSnapshot snapshot = full_snapshot();
  REQUIRE(exposed(metrics_text(snapshot)).samples.at(kUp) == 1);
  snapshot.status.inbound.front().up = false;
  CHECK(exposed(metrics_text(snapshot)).samples.at(kUp) == 0);
}

TEST_CASE("promtool is content with names, help and types", "[metrics]") {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    WARN("promtool is not installed (Debian's package prometheus); not checked");
    return;
  }
  for (const MetricsSnapshot& snapshot : {MetricsSnapshot{}, full_snapshot()}) {
    std::FILE* const tool = popen("promtool check metrics 2>&1 >/dev/null", "w");
    REQUIRE(tool != nullptr);
    std::fputs(metrics_text(snapshot).c_str(), tool);
    CHECK(pclose(tool) == 0);
  }
}

TEST_CASE("hop times fall into the right bucket, whatever the clocks say", "[metrics]") {
  HopTimes times;
  const Envelope envelope = travelled("m", {"pod-x"});
  const std::int64_t before = last_arrival(envelope)->micros;
  const auto observe_after = [&](std::int64_t micros) {
    times.observe({TimePoint{}, {before + micros}}, Visited{envelope, Address{}});
  };
  observe_after(-5'000'000);  // the other clock is ahead
  observe_after(25);
  observe_after(26);
  observe_after(30'000'000);
  observe_after(30'000'001);
  CHECK(times.counts()[0] == 2);
  CHECK(times.counts()[1] == 1);
  CHECK(times.counts()[HopTimes::kBounds.size() - 1] == 1);
  CHECK(times.counts()[HopTimes::kBounds.size()] == 1);
  CHECK(times.sum_seconds() == Approx(60.000052));
  HopTimes none;
  none.observe(kNow, Visited{travelled("m", {}), Address{}});
  CHECK(none.sum_seconds() == 0);
}
