// What waits for a log line, and the clients that wait to hear of their seeds.
#include "core/log_gate.h"
#include "core/seed_clients.h"
#include "core/turn.h"
#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{10s};

std::size_t drops(Turn& turn, std::uint64_t& sum) {
  std::size_t lines = 0;
  for (const Event& event : turn.out.events) {
    if (const auto* line = std::get_if<Shed>(&event)) ++lines, sum += line->count;
  }
  turn.out.events.clear();
  return lines;
}

}  // namespace

TEST_CASE("what waits for a line goes on when it is written, oldest first", "[log]") {
  LogGate gate;
  CHECK(gate.is_open());
  for (std::uint64_t n = 1; n <= 3; ++n)
    gate.wait({.what = AfterLine::What::safe, .ticket = gate.draw(), .id = {{1}, n}});
  CHECK_FALSE(gate.take());
  gate.on_written(2);
  CHECK(gate.take()->id.counter == 1);
  CHECK(gate.take()->id.counter == 2);
  CHECK_FALSE(gate.take());
  CHECK_FALSE(gate.is_open());
  gate.on_written(1);  // older news
  CHECK_FALSE(gate.take());
  gate.on_written(3);
  CHECK(gate.take()->id.counter == 3);
  CHECK(gate.is_open());
}

TEST_CASE("a gate with an unwritten line is not open, even where nothing waits", "[log]") {
  LogGate gate;
  const LogTicket ticket = gate.draw();
  CHECK_FALSE(gate.is_open());
  CHECK_FALSE(gate.is_waiting());
  gate.on_written(ticket);
  CHECK(gate.is_open());
}

TEST_CASE("a client hears each stage until the one that it waits for", "[seeds]") {
  SeedClients clients;
  clients.add(7, {.session = 3, .request = 42, .wait = Stage::completed, .until = kNow});
  CHECK(clients.on_stage(7, Stage::safe)->request == 42);
  CHECK(clients.on_stage(7, Stage::completed)->session == 3);
  CHECK_FALSE(clients.on_stage(7, Stage::completed));
  CHECK_FALSE(clients.contains(7));
}

TEST_CASE("clients are bounded, and forgotten when they go or their time is over", "[seeds]") {
  SeedClients clients;
  CHECK(clients.has_room(SeedClients::kMax));
  CHECK_FALSE(clients.has_room(SeedClients::kMax + 1));
  clients.add(1, {.session = 1, .until = kNow + 1s});
  clients.add(2, {.session = 2, .until = kNow + 1s});
  CHECK_FALSE(clients.has_room(SeedClients::kMax - 1));
  clients.forget(kNow, [](const SeedClients::Client& client) { return client.session == 1; });
  CHECK((!clients.contains(1) && clients.contains(2)));
  clients.forget(kNow + 1s, [](const SeedClients::Client&) { return false; });
  CHECK(clients.size() == 0);
}

TEST_CASE("drops of one kind are one line a second, and each drop is counted in one", "[turn]") {
  Turn turn{1};
  turn.now.steady = kNow;
  std::uint64_t sum = 0;
  turn.drop(Shed::What::transit_full);
  CHECK(drops(turn, sum) == 1);
  for (int i = 0; i < 5; ++i) turn.drop(Shed::What::transit_full);
  turn.drop(Shed::What::trace_trimmed);  // another kind
  CHECK(drops(turn, sum) == 1);
  turn.now.steady += 999ms;
  turn.report_drops();
  CHECK(drops(turn, sum) == 0);
  turn.now.steady += 1ms;
  turn.report_drops();
  CHECK(drops(turn, sum) == 1);
  turn.report_drops();
  CHECK(drops(turn, sum) == 0);
  CHECK(sum == 7);
}
