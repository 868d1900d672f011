// proto-docs/log-lines.md, section 3: each event is there with its level and its fields.
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "observe/line_format.h"
#include "observe/samples.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::observe;
using namespace podring::test;
using namespace std::chrono_literals;

namespace {

struct Described {
  std::set<std::string> needed;
  std::set<std::string> optional;
  std::string levels;
};

/// The names in backquotes in front of the row's second bar.
std::vector<std::string> names_in(const std::string& cell) {
  std::vector<std::string> names;
  for (std::size_t at = 0; (at = cell.find('`', at)) != std::string::npos;) {
    const std::size_t end = cell.find('`', at + 1);
    names.push_back(cell.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return names;
}

std::map<std::string, Described> document() {
  const char* const source = std::getenv("PODRING_SOURCE");
  REQUIRE(source != nullptr);
  std::ifstream in{std::string{source} + "/proto-docs/log-lines.md"};
  REQUIRE(in);
  std::map<std::string, Described> events;
  Described* event = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## ")) event = nullptr;
    if (line.starts_with("### `")) {
      event = &events[names_in(line).front()];
      event->levels = line.substr(line.find('('));
    }
    if (event == nullptr || !line.starts_with("| `")) continue;
    const std::size_t bar = line.find('|', 2);
    const std::string meaning = line.substr(bar);
    for (const std::string& name : names_in(line.substr(0, bar))) {
      const bool optional = meaning.starts_with("| *optional*") ||
                            meaning.find("`" + name + "` *optional*") != std::string::npos;
      (optional ? event->optional : event->needed).insert(name);
    }
  }
  return events;
}

struct Sample {
  std::string name;
  Level level;
  std::set<std::string> fields;
};

template <typename AnyEvent>
Sample sample_of(const AnyEvent& event) {
  LineFormat format{kSelf};
  std::string line;
  format.json(line, kNoon, level_of(event), 0, event);
  const auto object = Poco::JSON::Parser{}.parse(line).extract<Poco::JSON::Object::Ptr>();
  Sample sample{std::string{event_name(event)}, level_of(event), {}};
  for (const auto& [key, value] : *object) sample.fields.insert(key);
  CHECK(object->getValue<std::string>("event") == sample.name);
  for (const char* common : {"ts", "level", "event", "pod", "boot", "seq"}) {
    CHECK(sample.fields.erase(common) == 1);
  }
  return sample;
}

/// Each kind of event, plain and with everything that is optional.
std::vector<Sample> samples() {
  const Address peer = Address::v4(0x0a000002);
  const Identity other{"pod-b", "", "node-b", peer, BootId{2}};
  Envelope full =
      travelled(std::string(150'000, 'm'), std::vector<std::string>(600, "pod-with-a-long-name-x"));
  full.detours = {{1, 2}};
  Annotations notes;
  notes.outcomes = {{1, Outcome::refused, 404}, {2, Outcome::delivered, 0}};
  annotate(full, notes);
  ViewChanged large;
  large.added.resize(400, peer);
  std::vector<Sample> all;
  const std::vector<Event> events{visit(travelled("m", {"x"})),
                                  visit(full),
                                  end(travelled("m", {"x"}), 1),
                                  end(full, 1),
                                  end(travelled("m", {"x"}), 1, End::expired),
                                  end(full, 1, End::expired),
                                  Seeded{{BootId{1}, 1}, 1, peer, LimitKind::hops, 10},
                                  Seeded{{BootId{1}, 1}, 1, peer, LimitKind::laps, 10},
                                  SafeConfirmed{{BootId{1}, 1}, 1},
                                  ReceiptArrived{travelled("m", {"x"}), End::completed},
                                  DetourTaken{{BootId{1}, 1}, 1, 2, peer},
                                  DuplicateDropped{{BootId{1}, 1}, 1, peer, true},
                                  LinkUp{peer, other, 1, 1},
                                  LinkDown{peer, LinkDownReason::refused, "no", 0},
                                  LinkDown{peer, LinkDownReason::idle, "", 0},
                                  SuccessorChanged{peer},
                                  SuccessorChanged{std::nullopt},
                                  PeerHealth{peer, PeerHealth::State::down},
                                  ViewChanged{{peer}, {}, 1, 2},
                                  HelloRefused{other, "ring", "why"},
                                  Shed{Shed::What::transit_full, 1},
                                  LeavingStarted{},
                                  HeldAtExit{{BootId{1}, 1}}};
  for (const Event& event : events) all.push_back(sample_of(event));
  const std::vector<NodeEvent> node_events{
      Started{"0", "ring", {{"--a", "b", "flag"}}},
      Ready{1s},
      Stopped{"SIGTERM", 0, 0, false},
      Stopped{"SIGTERM", 0, 1, true},
      Stopped{"why", 1, 0, false},
      StartSeeds{peer, 3, ""},
      StartSeeds{peer, 3, "why"},
      NamesAnswered{NamesAnswered::Outcome::answer, "name", "", 1, 5, 1s},
      NamesAnswered{NamesAnswered::Outcome::unknown, "name", "why", 0, std::nullopt, std::nullopt},
      FrontEndShed{"http_streams_refused", 1},
      LoopLagged{1s},
      TransportTrouble{"what", "detail"},
      LaneChanged{peer, true, true, 1ms, 2, 1, ""},
      LaneMeasured{peer, "successor", "zmq", true, 1ms, 1us, 1448, {100, 1, 0, 0}, 60s},
      LaneMeasured{peer, "predecessor", "udp", true, {}, {}, 1200, {100, 9, 90, 99}, 60s},
      LaneChanged{peer, false, false, std::nullopt, 2, 1, "why"},
      ProgramAnswered{{BootId{1}, 1}, {1, Outcome::delivered, 200}, 1, 5ms, true, ""},
      ProgramAnswered{{BootId{1}, 1}, {1, Outcome::delivered, 0}, 1, 5ms, false, ""},
      ProgramAnswered{{BootId{1}, 1}, {1, Outcome::timed_out, 503}, 3, 5ms, true, "why"},
      ProgramAnswered{{BootId{1}, 1}, {1, Outcome::no_program, 0}, 0, 5ms, false, "why"},
      ProgramAway{true, "http://127.0.0.1:8000/"},
      ProgramAway{false, "http://127.0.0.1:8000/"},
      Warned{"detail"}};
  for (const NodeEvent& event : node_events) all.push_back(sample_of(event));
  LineFormat format{kSelf};
  std::string line;
  format.json(line, kNoon, Level::info, 0, ViewPart{&large, 1, 2});
  const auto part = Poco::JSON::Parser{}.parse(line).extract<Poco::JSON::Object::Ptr>();
  all.push_back({"view", Level::info, {"added", "removed", "digest", "size", "part", "parts"}});
  for (const std::string& field : all.back().fields) CHECK(part->has(field));
  all.push_back({"dropped_lines", Level::warn, {"count", "total"}});
  line.clear();
  format.json(line, kNoon, Level::warn, 0, DroppedLines{1, 2});
  CHECK(line.find("\"event\":\"dropped_lines\"") != std::string::npos);
  CHECK(line.find("\"count\":1,\"total\":2}") != std::string::npos);
  return all;
}

}  // namespace

TEST_CASE("the document has every event with its level and fields, and no other", "[log]") {
  const auto described = document();
  std::map<std::string, std::set<std::string>> seen;
  for (const Sample& sample : samples()) {
    INFO(sample.name);
    REQUIRE(described.contains(sample.name));
    const Described& event = described.at(sample.name);
    CHECK(event.levels.find(to_string(sample.level)) != std::string::npos);
    for (const std::string& field : event.needed) {
      INFO("needs " << field);
      CHECK(sample.fields.contains(field));
    }
    for (const std::string& field : sample.fields) {
      INFO("has " << field);
      CHECK((event.needed.contains(field) || event.optional.contains(field)));
      seen[sample.name].insert(field);
    }
  }
  for (const auto& [name, event] : described) {
    INFO(name);
    CHECK(seen.contains(name) == (!event.needed.empty() || !event.optional.empty()));
    for (const std::string& field : event.optional) {
      INFO("optional " << field);
      CHECK(seen[name].contains(field));
    }
  }
}
