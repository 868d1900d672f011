// design, Log lines: an output that takes nothing, and one that is gone.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "e2e/support/ring.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::e2e::TestRing, podring::e2e::address;

namespace {

struct Pipe {
  Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
  }
  void close_end(int which) { ::close(std::exchange(ends[which], -1)); }
  int ends[2] = {-1, -1};
};

}  // namespace

TEST_CASE("a peer whose output takes nothing goes on, says nothing is final, and loses no end",
          "[e2e][output]") {
  TestRing ring{3, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  Pipe pipe;
  ring.start(1);
  ring.start(2, {}, {.output = pipe.ends[1]});
  ring.start(3);
  pipe.close_end(1);
  REQUIRE(ring.closed());
  // Fill the pipe (64 KiB) and more: every visit at p2 is a line.
  for (int i = 0; i < 20; ++i) {
    const auto answer = ring.post(1, std::string(1000, 'x'), R"("count": 20, "wait": "accepted")");
    CHECK(answer.status == 202);
  }
  REQUIRE(podring::e2e::eventually([&] { return ring.metric(2, "podring_log_backlog_bytes") > 0; },
                                   20s));
  CHECK(ring.successor(1) == address(2));  // it still answers pings
  std::string output;
  REQUIRE(::fcntl(pipe.ends[0], F_SETFL, O_NONBLOCK) == 0);
  const auto drain = [&] {
    char buffer[65536];
    for (ssize_t count = 0; (count = ::read(pipe.ends[0], buffer, sizeof buffer)) > 0;) {
      output.append(buffer, static_cast<std::size_t>(count));
    }
  };
  const auto completed = [&] {
    drain();
    double sum = 0;
    for (std::size_t n = 1; n <= 3; ++n) sum += ring.metric(n, "podring_completed_total");
    return sum;
  };
  CHECK(podring::e2e::eventually([&] { return completed() == 400; }, 20s));
  CHECK(podring::e2e::eventually(
      [&] {
        drain();
        return ring.metric(2, "podring_log_backlog_bytes") == 0;
      },
      20s));
  drain();
  std::size_t ends = 0;
  for (std::size_t at = 0; (at = output.find("\"event\":\"completed\"", at)) != std::string::npos;
       ++at) {
    ++ends;
  }
  CHECK(static_cast<double>(ends) == ring.metric(2, "podring_completed_total"));
  ring.peer(2).signal(SIGTERM);
  CHECK(podring::e2e::eventually(
      [&] {
        drain();
        return !ring.peer(2).running();
      },
      20s));
  CHECK(ring.stop_all());
  drain();
  CHECK(output.find("\"event\":\"stopped\"") != std::string::npos);
}

TEST_CASE("a peer whose reader is gone says so once on standard error and stays in the ring",
          "[e2e][output]") {
  TestRing ring{2, {"--drain-linger-ms", "200", "--seed-on-start", "0"}};
  Pipe pipe;
  ring.start(1);
  ring.start(2, {}, {.output = pipe.ends[1]});
  pipe.close_end(1);
  pipe.close_end(0);
  REQUIRE(ring.closed());
  const auto answer = ring.post(1, "hello", R"("wait": "completed")");
  INFO(answer.body);
  CHECK(answer.status == 200);
  CHECK(ring.stop_all());
  CHECK(ring.peer(2).errors().size() == 1);
}
