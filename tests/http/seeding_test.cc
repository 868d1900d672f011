// Seeds: what becomes of a ticket, keys that answer the same ids, waits, and each refusal's answer.
#include "http/seeding.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "http/contains.h"
#include "http/fake_backend.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace podring;
using namespace podring::http;
using Fate = FakeBackend::Fate;

namespace {

struct Bench {
  Bench() : Bench{Seeding::Limits{}} {}
  explicit Bench(const Seeding::Limits& limits)
      : seeding{backend, stats, limits, [this] { return stop.load(); }} {}

  Reply post(const std::string& body, const std::string& type = "application/json") {
    Request request;
    request.method = "POST";
    request.path = "/messages";
    request.content_type = type;
    request.client = Address::v4(0x0a2a0007);
    request.body = body;
    return seeding.post(request);
  }

  FakeBackend backend;
  Stats stats;
  std::atomic<bool> stop{false};
  Seeding seeding;
};

std::string header(const Reply& reply, std::string_view name) {
  for (const auto& [key, value] : reply.headers) {
    if (key == name) return value;
  }
  return {};
}

constexpr const char* kFirst = "\"0123456789abcdef-1\"";

}  // namespace

TEST_CASE("each stage that is waited for has its answer", "[http][seed]") {
  Bench bench;
  const Reply accepted = bench.post(R"({"message":"a","wait":"accepted"})");
  CHECK(accepted.status == 202);
  CHECK(accepted.body == "{\"ids\":[" + std::string{kFirst} + "],\"stage\":\"accepted\"}\n");
  const Reply safe = bench.post(R"({"message":"a","count":2})");
  CHECK(safe.status == 202);
  CHECK_THAT(safe.body, contains("-2\",\"0123456789abcdef-3\"],\"stage\":\"safe\""));
  const Reply completed = bench.post(R"({"message":"a","wait":"completed"})");
  CHECK(completed.status == 200);
  CHECK_THAT(completed.body, contains(R"("traces":[{"id":"0123456789abcdef-4","end":"completed",)"
                                      R"("trace":["pod-1","pod-2"],"at_us":[1000,2000],)"
                                      R"("journey":[{"hop":0,"pod":"pod-1","at_us":1000},)"
                                      R"({"hop":1,"pod":"pod-2","at_us":2000}]}])"));
  bench.backend.set_fate(Fate::expired);
  const Reply expired = bench.post(R"({"message":"a","wait":"completed"})");
  CHECK(expired.status == 200);
  CHECK_THAT(expired.body, contains(R"("end":"expired")"));
  CHECK(bench.post(R"({"message":"a"})").status == 202);  // it was safe before
  bench.backend.set_fate(Fate::expired_unsafe);
  const Reply unsafe = bench.post(R"({"message":"a"})");
  CHECK(unsafe.status == 504);
  CHECK_THAT(unsafe.body, contains(R"("error":"expired","detail":"1 of 1 expired before)"));
  CHECK_THAT(unsafe.body, contains(R"("ids":["0123456789abcdef-7"])"));
  const auto orders = bench.backend.orders();
  REQUIRE(orders.size() == 6);
  CHECK(orders[0].sender == Address::v4(0x0a2a0007));
  CHECK_FALSE(orders[1].receipt);
  CHECK(orders[1].count == 2);
  CHECK(orders[2].receipt);
}

TEST_CASE("each refusal of the ring has its status and its reason", "[http][seed]") {
  Bench bench;
  const auto refused = [&](Fate fate) {
    bench.backend.set_fate(fate);
    return bench.post(R"({"message":"a"})");
  };
  const Reply full = refused(Fate::ring_full);
  CHECK(full.status == 503);
  CHECK_THAT(full.body, contains("\"error\":\"ring_full\"") && contains("no free slot"));
  CHECK(header(full, "Retry-After") == "1");
  const Reply leaving = refused(Fate::leaving);
  CHECK(leaving.status == 503);
  CHECK_THAT(leaving.body, contains("\"error\":\"leaving\""));
  CHECK(header(leaving, "Retry-After") == "1");
  CHECK(refused(Fate::too_large).status == 413);
  CHECK(refused(Fate::bad_request).status == 400);
}

TEST_CASE("only a JSON content type is read", "[http][seed]") {
  Bench bench;
  CHECK(bench.post(R"({"message":"a"})", "").status == 415);
  CHECK(bench.post(R"({"message":"a"})", "text/plain").status == 415);
  CHECK(bench.post(R"({"message":"a"})", "application/json-patch").status == 415);
  CHECK(bench.post(R"({"message":"a"})", "Application/JSON; charset=utf-8").status == 202);
  CHECK(bench.backend.orders().size() == 1);
}

TEST_CASE("a wait that ends too early answers 504 with the ids", "[http][seed]") {
  Bench bench;
  bench.backend.set_fate(Fate::accepted);
  const Reply reply = bench.post(R"({"message":"a","wait_ms":30})");
  CHECK(reply.status == 504);
  CHECK_THAT(reply.body, contains("\"error\":\"timeout\"") && contains("not safe within 30 ms"));
  CHECK_THAT(reply.body, contains("\"ids\":[" + std::string{kFirst} + "]"));
  bench.backend.set_fate(Fate::safe);
  CHECK(bench.post(R"({"message":"a","wait":"completed","wait_ms":30})").status == 504);
  CHECK(bench.post(R"({"message":"a","wait":"safe","wait_ms":30})").status == 202);
}

TEST_CASE("a seed that the loop does not begin is taken back", "[http][seed]") {
  Seeding::Limits limits;
  limits.loop_timeout = 30ms;
  Bench bench{limits};
  bench.backend.set_fate(Fate::kept);
  const Reply reply = bench.post(R"({"message":"a","key":"k"})");
  CHECK(reply.status == 503);
  CHECK_THAT(reply.body, contains("nothing was seeded"));
  CHECK(header(reply, "Retry-After") == "1");
  CHECK(bench.stats.loop_timeouts == 1);
  REQUIRE(bench.backend.kept().size() == 1);
  CHECK_FALSE(bench.backend.kept()[0]->begin());  // the loop comes too late, and is told so
  bench.backend.set_fate(Fate::safe);
  CHECK(bench.post(R"({"message":"a","key":"k"})").status == 202);  // the key is free again
}

TEST_CASE("a key answers the same ids, unless nothing was seeded", "[http][seed]") {
  Bench bench;
  const Reply first = bench.post(R"({"message":"a","key":"k","count":2})");
  const Reply again = bench.post(R"({"message":"a","key":"k","count":2})");
  CHECK(first.status == 202);
  CHECK(again.status == 202);
  CHECK(again.body.substr(0, 50) == first.body.substr(0, 50));
  CHECK_THAT(first.body, !contains("repeated"));
  CHECK_THAT(again.body, contains("\"repeated\":true"));
  CHECK_THAT(bench.post(R"({"message":"a","key":"other"})").body, contains("abcdef-3\""));
  CHECK(bench.backend.orders().size() == 2);

  bench.backend.set_fate(Fate::ring_full);
  CHECK(bench.post(R"({"message":"a","key":"full"})").status == 503);
  bench.backend.set_fate(Fate::safe);
  CHECK(bench.post(R"({"message":"a","key":"full"})").status == 202);
}

TEST_CASE("two requests with one key at the same time seed once", "[http][seed]") {
  Bench bench;
  bench.backend.set_fate(Fate::kept);
  Reply replies[2];
  std::thread first{[&] { replies[0] = bench.post(R"({"message":"a","key":"k"})"); }};
  std::thread second{[&] { replies[1] = bench.post(R"({"message":"a","key":"k"})"); }};
  REQUIRE(bench.backend.wait_for_orders(1));
  while (bench.stats.waiting < 2) std::this_thread::yield();
  bench.backend.tell(*bench.backend.kept()[0], Fate::safe, 1);
  first.join();
  second.join();
  CHECK(replies[0].status == 202);
  CHECK(replies[1].status == 202);
  CHECK(bench.backend.orders().size() == 1);
}

TEST_CASE("beyond the bound of waiting requests the answer is 429 and nothing is seeded",
          "[http][seed]") {
  Seeding::Limits limits;
  limits.waiting = 2;
  Bench bench{limits};
  bench.backend.set_fate(Fate::kept);
  Reply replies[2];
  std::thread first{[&] { replies[0] = bench.post(R"({"message":"a"})"); }};
  std::thread second{[&] { replies[1] = bench.post(R"({"message":"b"})"); }};
  REQUIRE(bench.backend.wait_for_orders(2));
  const Reply third = bench.post(R"({"message":"c"})");
  CHECK(third.status == 429);
  CHECK(header(third, "Retry-After") == "1");
  CHECK(bench.stats.waiting_refused == 1);
  for (const auto& ticket : bench.backend.kept()) bench.backend.tell(*ticket, Fate::safe, 1);
  first.join();
  second.join();
  CHECK(replies[0].status == 202);
  CHECK(replies[1].status == 202);
  CHECK(bench.backend.orders().size() == 2);
  // One that only wants to be accepted needs no pass, and the passes are free again.
  bench.backend.set_fate(Fate::safe);
  CHECK(bench.post(R"({"message":"c"})").status == 202);
}

TEST_CASE("a leaving peer confirms no seed before it is safe", "[http][seed]") {
  Bench bench;
  bench.backend.change_ring([](RingView& ring) { ring.leaving = true; });
  bench.backend.set_fate(Fate::accepted);
  CHECK(bench.post(R"({"message":"a","wait":"accepted","wait_ms":30})").status == 504);
  bench.backend.set_fate(Fate::safe);
  CHECK_THAT(bench.post(R"({"message":"a","wait":"accepted"})").body,
             contains("\"stage\":\"safe\""));
}

TEST_CASE("a server that stops lets nobody wait", "[http][seed]") {
  Bench bench;
  bench.backend.set_fate(Fate::accepted);
  bench.stop = true;
  const auto start = std::chrono::steady_clock::now();
  const Reply reply = bench.post(R"({"message":"a","wait_ms":60000})");
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  CHECK(reply.status == 503);
  CHECK_THAT(reply.body, contains("leaving") && contains(kFirst));
}

TEST_CASE("keys are kept for their time, and the oldest go first at the bounds", "[http][keys]") {
  KeyTable::Limits limits;
  limits.keys_max = 3;
  KeyTable keys{limits};
  const KeyTable::Clock::time_point start{};
  const auto a = keys.find_or_add("a", start);
  CHECK(a.is_new);
  CHECK_FALSE(keys.find_or_add("a", start + limits.kept - 1ms).is_new);
  CHECK(keys.find_or_add("a", start + limits.kept).is_new);
  const auto now = start + limits.kept;
  CHECK(keys.find_or_add("b", now).forgotten == 0);
  CHECK(keys.find_or_add("c", now).forgotten == 0);
  CHECK(keys.find_or_add("d", now).forgotten == 1);
  CHECK(keys.find_or_add("a", now).is_new);
  keys.remove("a", a.ticket);  // not the ticket that the key has now: nothing happens
  CHECK_FALSE(keys.find_or_add("a", now).is_new);

  limits = {};
  limits.bytes_max = 10'000;
  KeyTable small{limits};
  std::uint64_t forgotten = 0;
  for (int i = 0; i < 1000; ++i) {
    forgotten += small.find_or_add(std::to_string(i), start).forgotten;
  }
  CHECK(forgotten > 900);
}

TEST_CASE("a ticket takes only calls that fit its life", "[http][ticket]") {
  const EnvelopeId id{BootId{1}, 5};
  const auto never = [] { return false; };
  SeedTicket ticket;
  ticket.accept(id, 2);  // before begin()
  CHECK(ticket.ids().empty());
  CHECK(ticket.begin());
  CHECK_FALSE(ticket.begin());
  CHECK_FALSE(ticket.cancel());
  ticket.accept(id, 2);
  ticket.refuse(SeedRefusal::ring_full, "late");
  CHECK_FALSE(ticket.refusal());
  ticket.safe({BootId{1}, 4});
  ticket.safe({BootId{1}, 7});
  ticket.safe({BootId{2}, 5});
  ticket.safe(id);
  ticket.safe(id);
  const auto past = std::chrono::steady_clock::time_point{};
  CHECK(ticket.wait(SeedStage::safe, past, never) == SeedTicket::Outcome::timed_out);
  CHECK(ticket.unsafe().size() == 1);
  ticket.end({BootId{1}, 6}, {End::expired, {{"pod", WallTime{1}}}, 0});  // nothing more will come
  CHECK(ticket.wait(SeedStage::safe, past, never) == SeedTicket::Outcome::reached);
  REQUIRE(ticket.unsafe().size() == 1);
  CHECK(ticket.unsafe()[0].counter == 6);
  ticket.end({BootId{1}, 6}, {End::completed, {}, 7});
  CHECK(ticket.ends()[1].end == End::completed);  // on another branch
  CHECK(ticket.unsafe().empty());
  ticket.end({BootId{1}, 6}, {End::expired, {}, 0});
  CHECK(ticket.ends()[1].end == End::completed);
  CHECK(ticket.wait(SeedStage::completed, past, never) == SeedTicket::Outcome::timed_out);
  ticket.end(id, {End::completed, {}, 0});
  CHECK(ticket.wait(SeedStage::completed, past, never) == SeedTicket::Outcome::reached);
}

TEST_CASE("a ticket's traces are bounded, its ends are not", "[http][ticket]") {
  SeedTicket ticket;
  REQUIRE(ticket.begin());
  ticket.accept({BootId{1}, 1}, 1000);
  const std::vector<VisitRecord> trace(500, {std::string(100, 'p'), {}});
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    ticket.end({BootId{1}, i}, {End::completed, trace, 0});
  }
  CHECK(ticket.bytes() < 5'000'000);
  CHECK(ticket.ends().back().end == End::completed);
  CHECK(ticket.ends().back().trace_omitted == 500);
}
