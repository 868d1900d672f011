// proto-docs/log-lines.md, "When standard output takes nothing": the loop never waits, only what
// may be dropped is, and tickets tell what is written.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <sstream>
#include <thread>

#include "observe/logger.h"
#include "observe/samples.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::observe;
using namespace podring::test;
using namespace std::chrono_literals;

namespace {

/// Both ends of something; what is read is collected.
class Reader {
 public:
  Reader() {
    if (pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error{"pipe"};
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Reader() {
    close_reading();
    close_writing();
  }
  [[nodiscard]] int write_end() const { return ends_[1]; }
  void close_reading() { close_one(ends_[0]); }
  void close_writing() { close_one(ends_[1]); }
  /// Reads at most `bytes`; "" when there is nothing.
  std::string read_some(std::size_t bytes = 1 << 20) {
    std::string text(bytes, '\0');
    const ssize_t got = read(ends_[0], text.data(), bytes);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  static void close_one(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  int ends_[2] = {-1, -1};
};

Now after(Duration duration) {
  return {kNow.steady + duration,
          {kNoon.micros + std::chrono::duration_cast<std::chrono::microseconds>(duration).count()}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::uint64_t number_in(const std::string& line, const std::string& key) {
  const std::size_t at = line.find("\"" + key + "\":");
  REQUIRE(at != std::string::npos);
  return std::stoull(line.substr(at + key.size() + 3));
}

bool has(const std::string& line, const std::string& text) {
  return line.find(text) != std::string::npos;
}

Event some_visit() { return visit(travelled(std::string(200, 'm'), {"pod-x"})); }

}  // namespace

TEST_CASE("tickets count as written when their lines are, in order", "[log]") {
  Reader out;
  Logger logger{kSelf, {}, out.write_end()};
  CHECK(logger.written_up_to() == 0);
  logger.log(kNow, end(travelled("m", {"pod-x"}), 1));
  logger.log(kNow, Event{SafeConfirmed{{BootId{1}, 2}, 2}});
  CHECK(logger.written_up_to() == 0);
  logger.flush(kNow);
  CHECK(logger.written_up_to() == 2);
  CHECK(logger.want_write_fd() == -1);
  const auto lines = lines_of(out.read_some());
  REQUIRE(lines.size() == 2);
  CHECK(number_in(lines[0], "seq") == 0);
  CHECK(number_in(lines[1], "seq") == 1);
}

TEST_CASE("a full output drops visits, keeps ends, and tells of it", "[log]") {
  Reader out;
  LogSettings settings;
  settings.backlog_bytes = 64 * 1024;
  Logger logger{kSelf, settings, out.write_end()};
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 5000; ++i) {
    logger.log(kNow, some_visit());
    logger.flush(kNow);
  }
  const LogTicket before = 1;
  logger.log(kNow, end(travelled("m", {"pod-x"}), before));
  logger.flush(kNow);
  CHECK(std::chrono::steady_clock::now() - began < 5s);  // nothing waited
  CHECK(logger.written_up_to() == 0);
  CHECK(logger.want_write_fd() >= 0);
  const LogCounters full = logger.counters();
  CHECK(full.lines_dropped > 1000);
  CHECK(full.lines + full.lines_dropped == 5001);
  CHECK(full.backlog_bytes < 80 * 1024);

  std::string text;
  for (int turn = 0; turn < 1000 && logger.written_up_to() < before; ++turn) {
    text += out.read_some();
    logger.flush(after(2s));
  }
  logger.flush(after(4s));
  text += out.read_some();
  CHECK(logger.written_up_to() == before);
  CHECK(logger.want_write_fd() == -1);
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == logger.counters().lines);
  std::uint64_t told = 0;
  bool end_seen = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(number_in(lines[i], "seq") == i);  // gapless: what was dropped took no number
    if (has(lines[i], "dropped_lines")) told += number_in(lines[i], "count");
    end_seen = end_seen || has(lines[i], "completed");
  }
  CHECK(end_seen);
  CHECK(told == full.lines_dropped);
}

TEST_CASE("lines come whole through a slow and small pipe", "[log]") {
  Reader out;
  fcntl(out.write_end(), F_SETPIPE_SZ, 4096);
  Logger logger{kSelf, {}, out.write_end()};
  std::string text;
  LogTicket ticket = 0;
  for (int i = 0; i < 300; ++i) {
    logger.log(kNow, some_visit());
    logger.log(kNow, end(travelled("m", {"pod-x"}), ++ticket));
    logger.flush(kNow);
    text += out.read_some(777);
    // All that is called written has been written to the pipe.
    const auto written = logger.written_up_to();
    CHECK(written <= ticket);
  }
  for (int i = 0; i < 10'000 && logger.want_write_fd() >= 0; ++i) {
    text += out.read_some(777);
    logger.flush(kNow);
  }
  text += out.read_some();
  CHECK(logger.written_up_to() == ticket);
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == 600);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(number_in(lines[i], "seq") == i);
    CHECK(lines[i].back() == '}');
  }
}

TEST_CASE("the output's own flags stay as they were", "[log]") {
  Reader out;
  const int before = fcntl(out.write_end(), F_GETFL);
  Logger logger{kSelf, {}, out.write_end()};
  for (int i = 0; i < 1000; ++i) logger.log(kNow, some_visit());
  logger.flush(kNow);
  CHECK(fcntl(out.write_end(), F_GETFL) == before);
  CHECK((before & O_NONBLOCK) == 0);
}

TEST_CASE("a closed output is told of once, and holds nothing up", "[log]") {
  Reader out;
  Reader errors;
  Logger logger{kSelf, {}, out.write_end(), errors.write_end()};
  out.close_reading();
  logger.log(kNow, end(travelled("m", {"pod-x"}), 1));
  logger.flush(kNow);
  CHECK(logger.written_up_to() == 1);
  logger.log(kNow, some_visit());
  logger.log(kNow, end(travelled("m", {"pod-x"}), 2));
  CHECK(logger.written_up_to() == 2);
  logger.flush(kNow);
  CHECK(logger.want_write_fd() == -1);
  CHECK(logger.next_deadline() == TimePoint::max());
  CHECK(logger.counters().lines_lost == 3);
  const auto lines = lines_of(errors.read_some());
  REQUIRE(lines.size() == 1);
  CHECK(has(lines[0], "\"event\":\"log_closed\""));
  CHECK(has(lines[0], "\"level\":\"error\""));
}

TEST_CASE("an output that was never open is a closed one", "[log]") {
  Reader errors;
  int none = -1;
  {
    Reader gone;
    none = dup(gone.write_end());
    close(none);
  }
  Logger logger{kSelf, {}, none, errors.write_end()};
  logger.log(kNow, end(travelled("m", {"pod-x"}), 1));
  CHECK(logger.next_deadline() == TimePoint::min());
  logger.flush(kNow);
  CHECK(logger.written_up_to() == 1);
  CHECK(has(errors.read_some(), "log_closed"));
}

TEST_CASE("a full disk is tried again, without spinning", "[log]") {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  Logger logger{kSelf, {}, full};
  logger.log(kNow, end(travelled("m", {"pod-x"}), 1));
  logger.flush(kNow);
  CHECK(logger.written_up_to() == 0);
  CHECK(logger.want_write_fd() == -1);  // poll() would say writable for ever
  CHECK(logger.next_deadline() == kNow.steady + 200ms);
  logger.flush(after(100ms));
  CHECK(logger.next_deadline() == kNow.steady + 200ms);
  logger.flush(after(200ms));
  CHECK(logger.next_deadline() == kNow.steady + 400ms);
  CHECK_FALSE(logger.flush_blocking(after(300ms), 50ms));
  close(full);
}

TEST_CASE("a socket as output neither blocks nor kills", "[log]") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Reader errors;
  Logger logger{kSelf, {}, ends[1], errors.write_end()};
  for (int i = 0; i < 20'000; ++i) logger.log(kNow, some_visit());
  logger.log(kNow, end(travelled("m", {"pod-x"}), 1));
  logger.flush(kNow);
  CHECK(logger.want_write_fd() == ends[1]);
  close(ends[0]);
  logger.flush(kNow);
  CHECK(logger.written_up_to() == 1);
  CHECK(has(errors.read_some(), "log_closed"));
  close(ends[1]);
}

TEST_CASE("at the exit the last lines are waited for, and no longer than said", "[log]") {
  Reader out;
  Logger logger{kSelf, {}, out.write_end()};
  for (int i = 0; i < 2000; ++i) logger.log(kNow, some_visit());
  logger.log(kNow, end(travelled("m", {"pod-x"}), 1));
  SECTION("nobody reads") {
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(logger.flush_blocking(kNow, 100ms));
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(took >= 90ms);
    CHECK(took < 5s);
    CHECK(logger.written_up_to() == 0);
  }
  SECTION("somebody reads") {
    std::string text;
    std::thread reader{[&] {
      while (!has(text, "completed")) text += out.read_some();
    }};
    CHECK(logger.flush_blocking(kNow, 10s));
    reader.join();
    CHECK(lines_of(text).size() == 2001);
    CHECK(logger.written_up_to() == 1);
  }
}

TEST_CASE("lines below the level are not written, and their tickets do not wait", "[log]") {
  Reader out;
  LogSettings settings;
  settings.level = Level::warn;
  Logger logger{kSelf, settings, out.write_end()};
  logger.log(kNow, some_visit());
  logger.log(kNow, end(travelled("m", {"pod-x"}), 1));
  CHECK(logger.written_up_to() == 1);
  logger.log(kNow, Event{Shed{Shed::What::transit_full, 3}});
  logger.log(kNow, end(travelled("m", {"pod-x"}), 2));
  CHECK(logger.written_up_to() == 1);  // behind a line that waits
  logger.flush(kNow);
  CHECK(logger.written_up_to() == 2);
  const auto lines = lines_of(out.read_some());
  REQUIRE(lines.size() == 1);
  CHECK(number_in(lines[0], "seq") == 0);
}

TEST_CASE("an output that is stuck for ever costs bounded memory, and the hole shows", "[log]") {
  Reader out;
  LogSettings settings;
  settings.backlog_bytes = 16 * 1024;
  settings.backlog_bytes_max = 64 * 1024;
  Logger logger{kSelf, settings, out.write_end()};
  for (int i = 0; i < 3000; ++i) {
    logger.log(kNow, Event{PeerHealth{Address::v4(9), PeerHealth::State::down}});
    logger.flush(kNow);
  }
  CHECK(logger.counters().backlog_bytes < 65 * 1024);
  CHECK(logger.counters().lines + logger.counters().lines_lost == 3000);
  logger.log(kNow, end(travelled("m", {"pod-x"}), 1));
  std::string text;
  for (int turn = 0; turn < 100 && logger.written_up_to() < 1; ++turn) {
    text += out.read_some();
    logger.flush(kNow);
  }
  text += out.read_some();
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == logger.counters().lines);
  CHECK(has(lines.back(), "completed"));
  CHECK(number_in(lines.back(), "seq") == 3000);
}
