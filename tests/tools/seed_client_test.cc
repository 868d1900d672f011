// proto-docs/wire-protocol.md sections 3, 7 and 8, from the client's side, against a core::Peer.
#include "net/seed_client.h"

#include <poll.h>

#include "net/loopback.h"
#include "support/catch.h"
#include "tools/lone_peer.h"

using namespace podring;  // NOLINT(google-build-using-namespace): the subject is the namespace
using namespace std::chrono_literals;

namespace {

/// A client and a peer that are pumped until something has happened.
struct Pair {
  explicit Pair(Settings settings = {}, SeedClientOptions options = {})
      : peer{loopback(1), std::move(settings)}, client{context, std::move(options), BootId{99}} {}

  void start() { client.start(now_of_clock().steady, loopback(1), peer.port()); }

  /// Pumps until `done` or 5 s have passed; waits for descriptors, never for time alone.
  template <typename Done>
  [[nodiscard]] bool until(Done&& done, bool pump_peer = true) {
    const TimePoint end = now_of_clock().steady + 5s;
    while (now_of_clock().steady < end) {
      const bool busy = pump_peer && peer.pump();
      for (const SeedNews& item : client.on_ready(now_of_clock().steady)) news.push_back(item);
      if (done()) return true;
      if (busy) continue;
      const auto [dealer, monitor] = client.fds();
      std::array<pollfd, 3> fds{
          {{dealer, POLLIN, 0}, {monitor, POLLIN, 0}, {peer.fd(), POLLIN, 0}}};
      ::poll(fds.data(), fds.size(), 20);
    }
    return false;
  }
  [[nodiscard]] bool until_told() {
    return until([this] { return client.waiting() == 0 && !news.empty(); });
  }

  zmq::context_t context;
  LonePeer peer;
  SeedClient client;
  std::vector<SeedNews> news;
};

SeedFrame some_seed(Stage wait, std::uint32_t count = 1) {
  SeedFrame seed;
  seed.count = count;
  seed.message = "hello";
  seed.limit = 3;
  seed.wait = wait;
  return seed;
}

}  // namespace

TEST_CASE("a seed is accepted, and its ids are told", "[seed_client]") {
  Pair pair;
  pair.start();
  const std::uint64_t request = pair.client.seed(some_seed(Stage::accepted, 5));
  REQUIRE(pair.until_told());
  REQUIRE(pair.news.size() == 1);
  CHECK(pair.news[0].what == SeedNews::What::reached);
  CHECK(pair.news[0].request == request);
  CHECK(pair.news[0].stage == Stage::accepted);
  CHECK(pair.news[0].first == EnvelopeId{{7}, 1});
  CHECK(pair.news[0].count == 5);
  CHECK(pair.client.remote().pod == "pod-1");
}

TEST_CASE("whoever waits for the end hears of every id, with its trace", "[seed_client]") {
  Pair pair;
  pair.start();
  (void)pair.client.seed(some_seed(Stage::completed, 4));
  REQUIRE(pair.until_told());
  std::size_t completed = 0;
  for (const SeedNews& item : pair.news) {
    CHECK(item.what == SeedNews::What::reached);
    if (item.stage != Stage::completed) continue;
    ++completed;
    CHECK(item.trace.size() == 3);
    CHECK(item.trace.at(0).first == "pod-1");
  }
  CHECK(completed == 4);
  CHECK(pair.news.front().stage == Stage::accepted);
}

TEST_CASE("an expired seed is told as expired to whoever waits for its end", "[seed_client]") {
  Pair pair;
  const std::vector<Address> view{loopback(1), loopback(2)};
  pair.peer.peer().set_fixed_view(now_of_clock(), view);  // nobody is there to hand it to
  pair.start();
  SeedFrame seed = some_seed(Stage::completed);
  seed.ttl_ms = 50;
  (void)pair.client.seed(seed);
  REQUIRE(pair.until_told());
  CHECK(pair.news.back().stage == Stage::expired);
}

TEST_CASE("a seed that breaks a bound is refused with the peer's sentence", "[seed_client]") {
  Pair pair;
  pair.start();
  SeedFrame seed = some_seed(Stage::accepted);
  seed.limit = kHopsMax + 1;
  const std::uint64_t request = pair.client.seed(seed);
  REQUIRE(pair.until_told());
  REQUIRE(pair.news.size() == 1);
  CHECK(pair.news[0].what == SeedNews::What::refused);
  CHECK(pair.news[0].request == request);
  CHECK(pair.news[0].code == RefuseCode::bad_request);
  CHECK(pair.news[0].reason.find("hops") != std::string::npos);
  CHECK_FALSE(pair.client.failed());
}

TEST_CASE("a full ring refuses, and the connection goes on", "[seed_client]") {
  Settings settings;
  settings.queue = 8;
  Pair pair{settings};
  pair.start();
  (void)pair.client.seed(some_seed(Stage::accepted, 8));  // the bubble rule leaves one slot free
  (void)pair.client.seed(some_seed(Stage::accepted, 7));
  REQUIRE(pair.until_told());
  REQUIRE(pair.news.size() == 2);
  CHECK(pair.news[0].code == RefuseCode::ring_full);
  CHECK(pair.news[1].what == SeedNews::What::reached);
}

TEST_CASE("a client of another ring is turned away with a reason", "[seed_client]") {
  SeedClientOptions options;
  options.ring = "other";
  Pair pair{{}, options};
  pair.start();
  (void)pair.client.seed(some_seed(Stage::accepted));
  REQUIRE(pair.until_told());
  CHECK(pair.client.failed());
  CHECK(pair.client.hello_refused() == RefuseCode::wrong_ring);
  CHECK(pair.client.reason().find("podring") != std::string::npos);
  CHECK(pair.news.at(0).what == SeedNews::What::lost);
  CHECK(pair.news.at(0).taken == SeedNews::Taken::no);
}

TEST_CASE("an address where nobody listens fails at once, and another can be tried",
          "[seed_client]") {
  Pair pair;
  pair.client.start(now_of_clock().steady, loopback(3), pair.peer.port());
  const TimePoint begin = now_of_clock().steady;
  REQUIRE(pair.until([&] { return pair.client.failed(); }));
  CHECK(now_of_clock().steady - begin < 1s);  // long before hello's time is over
  CHECK(pair.client.reason().find(to_string(loopback(3))) != std::string::npos);
  CHECK(pair.client.fds() == std::array<int, 2>{-1, -1});
  pair.start();
  (void)pair.client.seed(some_seed(Stage::accepted));
  REQUIRE(pair.until_told());
  CHECK(pair.news.at(0).stage == Stage::accepted);
}

TEST_CASE("a port that takes connections and never answers is given up in time", "[seed_client]") {
  SeedClientOptions options;
  options.answer_timeout = 300ms;
  Pair pair{{}, options};
  pair.start();
  REQUIRE(pair.until([&] { return pair.client.failed(); }, /*pump_peer=*/false));
  CHECK(pair.client.reason().find("hello") != std::string::npos);
}

TEST_CASE("a peer that falls silent is noticed, and who waited is told what is not known",
          "[seed_client]") {
  SeedClientOptions options;
  options.ping_every = 50ms;
  options.silent_after = 300ms;
  Pair pair{{}, options};
  const std::vector<Address> view{loopback(1), loopback(2)};
  pair.peer.peer().set_fixed_view(now_of_clock(), view);  // so that it is never safe
  pair.start();
  (void)pair.client.seed(some_seed(Stage::safe));
  REQUIRE(pair.until([&] { return !pair.news.empty(); }));
  CHECK(pair.news.at(0).stage == Stage::accepted);
  (void)pair.client.seed(some_seed(Stage::accepted));
  REQUIRE(pair.until([&] { return pair.client.failed(); }, /*pump_peer=*/false));
  REQUIRE(pair.news.size() == 3);
  CHECK(pair.news[1].taken == SeedNews::Taken::yes);
  CHECK(pair.news[2].taken == SeedNews::Taken::unknown);
}

TEST_CASE("pings keep a waiting client's session alive", "[seed_client]") {
  SeedClientOptions options;
  options.ping_every = 20ms;
  options.silent_after = 200ms;
  Pair pair{{}, options};
  pair.start();
  const TimePoint begin = now_of_clock().steady;
  REQUIRE(pair.until([&] { return now_of_clock().steady - begin > 500ms; }));
  CHECK_FALSE(pair.client.failed());
}

TEST_CASE("a peer that forgot the session is greeted again, and the seed is sent again",
          "[seed_client]") {
  Pair pair;
  pair.start();
  REQUIRE(pair.until([&] { return pair.client.greeted(); }));
  pair.peer.restart({}, BootId{8});  // the connection stays, the process behind it does not
  (void)pair.client.seed(some_seed(Stage::accepted));
  REQUIRE(pair.until_told());
  REQUIRE(pair.news.size() == 1);
  CHECK(pair.news[0].what == SeedNews::What::reached);
  CHECK(pair.news[0].first.boot == BootId{8});
}

TEST_CASE("a leaving peer says safe in place of accepted", "[seed_client]") {
  Pair pair;
  pair.start();
  REQUIRE(pair.until([&] { return pair.client.greeted(); }));
  pair.peer.peer().leave(now_of_clock());
  REQUIRE(pair.until([&] { return pair.client.leaving(); }));
  (void)pair.client.seed(some_seed(Stage::accepted, 2));
  REQUIRE(pair.until_told());
  REQUIRE(pair.news.size() == 2);
  CHECK(pair.news[0].stage == Stage::safe);
  CHECK(pair.news[1].stage == Stage::safe);
}
