// proto-docs/datagrams.md, sections 2, 5 and 7: a lane whose kernel does not take what it is given.
// On loopback in a network of this process's own, whose MTU and queue can be changed.
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

#include "net/lane_ends.h"
#include "net/loop.h"
#include "net/loopback.h"
#include "support/catch.h"

using namespace podring;
using namespace podring::lane_ends;

namespace {

constexpr std::size_t kIpAndUdp = 28;  // bytes of headers

bool write_file(const char* path, const std::string& text) {
  const OwnFd file{::open(path, O_WRONLY | O_CLOEXEC)};
  return ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// Of the loopback device; it is up afterwards.
void set_mtu(int bytes) {
  const OwnFd any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_mtu = bytes;
  REQUIRE(::ioctl(any.get(), SIOCSIFMTU, &request) == 0);
  request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
  REQUIRE(::ioctl(any.get(), SIOCSIFFLAGS, &request) == 0);
}

/// Once for all tests here. False, with the reason, where that is not allowed.
bool enter_own_network() {
  static const bool entered = [] {
    const uid_t user = ::geteuid();
    if (::unshare(CLONE_NEWNET) == 0) return true;
    return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
           write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
  }();
  if (!entered) WARN("no network of its own here: " << std::strerror(errno));
  return entered;
}

/// What leaves waits for its turn at this rate, and counts as the sender's until then.
class SlowDevice {
 public:
  explicit SlowDevice(const std::string& rate)
      : is_slow_{run("add dev lo root tbf burst 20kb limit 4mb rate " + rate)} {
    if (!is_slow_) WARN("no tc, or no tbf in this kernel");
  }
  ~SlowDevice() {
    if (is_slow_) (void)run("del dev lo root");
  }
  [[nodiscard]] bool is_slow() const { return is_slow_; }

 private:
  static bool run(const std::string& words) {
    return std::system(("PATH=$PATH:/usr/sbin:/sbin tc qdisc " + words).c_str()) == 0;
  }

  bool is_slow_;
};

/// The descriptor of the socket that the other end was told the port of.
int socket_of(const LaneEnd& other) {
  const std::uint16_t port = LaneEnd::offer_in(other.frames).port;
  for (int fd = 0; fd < 256; ++fd) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    int type = 0;
    socklen_t type_size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_DGRAM &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0 &&
        at.sin_port == htons(port))
      return fd;
  }
  FAIL("no socket has port " << port);
  return -1;
}

void set_option(int fd, int level, int name, int value) {
  REQUIRE(::setsockopt(fd, level, name, &value, sizeof value) == 0);
}

/// Frames from the dialler, each of its own. What is handed back goes out again, as the core says
/// again what it told.
class Conversation {
 public:
  explicit Conversation(TwoEnds& ends) : ends_{ends} {
    ends.meanwhile = [this] {
      for (const std::uint64_t number : std::exchange(ends_.dialler.lost, {})) {
        ++handed_back;
        send(number);
      }
    };
  }
  ~Conversation() {
    ends_.meanwhile = [] {};
  }

  void say(std::size_t count, std::size_t bytes) {
    for (std::size_t i = 0; i < count; ++i) {
      said_.push_back(relay(said_.size() + 1, bytes));
      send(said_.size());
    }
  }
  /// All that was said has arrived. The other end's first frame is the hello.
  bool run_until_heard() {
    return ends_.run_until([&] {
      return ends_.dialled.frames.size() > said_.size() &&
             ends_.dialler.transport.link_figures(kLink)->in_flight == 0;
    });
  }
  /// Each of them, once.
  [[nodiscard]] bool heard_all() const {
    const std::multiset<Bytes> heard(ends_.dialled.frames.begin() + 1, ends_.dialled.frames.end());
    return heard == std::multiset<Bytes>(said_.begin(), said_.end());
  }
  std::size_t handed_back = 0;

 private:
  TwoEnds& ends_;
  void send(std::uint64_t number) {
    ends_.dialler.transport.send_link(kLink, Bytes{said_[number - 1]}, SendId{number, 1});
  }
  std::vector<Bytes> said_;
};

}  // namespace

TEST_CASE("frames arrive as they were sent, with the kernel's help on either side or none",
          "[net][lane]") {
  if (!enter_own_network()) return;
  set_mtu(65536);
  const bool trains = GENERATE(true, false);
  const bool joins = GENERATE(true, false);
  TwoEnds ends{loopback(1), loopback(2)};
  ends.greet();
  REQUIRE(ends.run_until_open(8952));
  // Without checksums the kernel takes no trains.
  if (!trains) set_option(socket_of(ends.dialled), SOL_SOCKET, SO_NO_CHECK, 1);
  if (!joins) set_option(socket_of(ends.dialler), SOL_UDP, UDP_GRO, 0);
  const DatagramCounters before = ends.dialler.transport.counters();

  Conversation conversation{ends};
  for (int round = 1; round <= 10; ++round) {
    conversation.say(100, static_cast<std::size_t>(round) * 100);
    REQUIRE(conversation.run_until_heard());
  }
  CHECK(conversation.heard_all());
  CHECK(conversation.handed_back == 0);
  const DatagramCounters& after = ends.dialler.transport.counters();
  CHECK(after.sent_bytes - before.sent_bytes > 300'000);  // of 550,000: it is no stream that did it
  CHECK(after.send_failures == 0);
  CHECK(ends.dialled.transport.counters().received == after.sent);
}

TEST_CASE("what a full socket does not take is counted, and handed back", "[net][lane]") {
  if (!enter_own_network()) return;
  set_mtu(1500);
  TwoEnds ends{loopback(1), loopback(2)};
  ends.greet();
  REQUIRE(ends.run_until_open(1452));
  const auto failures = [&] { return ends.dialler.transport.counters().send_failures; };
  REQUIRE(ends.run_until([&] { return failures() == 3; }));  // probes of 8,952 bytes
  set_option(socket_of(ends.dialled), SOL_SOCKET, SO_SNDBUF, 4096);
  const SlowDevice device{"4mbit"};
  if (!device.is_slow()) return;

  Conversation conversation{ends};
  for (int round = 0; round < 10; ++round) {
    conversation.say(20, 1000);
    ends.run_for(20ms);
  }
  REQUIRE(conversation.run_until_heard());
  CHECK(failures() > 3);
  CHECK(conversation.handed_back > 0);
  CHECK(conversation.heard_all());
  CHECK(ends.dialler.transport.lost() >= failures() - 3);
  // What it says it sent is what the other end got: no datagram is lost without being counted.
  CHECK(ends.run_until([&] {
    return ends.dialled.transport.counters().received == ends.dialler.transport.counters().sent;
  }));
  CHECK(ends.dialler.changes == std::vector{LaneState::open});
}

TEST_CASE("where the device takes no larger datagrams, no larger ones are used", "[net][lane]") {
  if (!enter_own_network()) return;
  set_mtu(1392 + kIpAndUdp);
  TwoEnds ends{loopback(1), loopback(2)};
  ends.greet();
  REQUIRE(ends.run_until_open(1392));
  const auto& counters = ends.dialler.transport;
  REQUIRE(ends.run_until([&] { return counters.counters().send_failures == 3; }));  // 1,452 bytes
  ends.run_for(50ms);
  CHECK(counters.counters().send_failures == 3);
  CHECK(counters.link_figures(kLink)->path_mtu == 1392);
  CHECK(counters.link_figures(kLink)->sent_lost == 0);  // a probe for size is no loss

  Conversation conversation{ends};
  conversation.say(100, 1200);
  REQUIRE(conversation.run_until_heard());
  CHECK(conversation.heard_all());
  CHECK(conversation.handed_back == 0);
}

TEST_CASE("a device whose MTU shrinks leads back to small datagrams, and nothing is lost",
          "[net][lane]") {
  if (!enter_own_network()) return;
  set_mtu(65536);
  TwoEnds ends{loopback(1), loopback(2)};
  ends.greet();
  REQUIRE(ends.run_until_open(8952));
  Conversation conversation{ends};
  conversation.say(20, 4000);
  REQUIRE(conversation.run_until_heard());
  REQUIRE(conversation.handed_back == 0);

  set_mtu(1300);
  conversation.say(20, 4000);
  REQUIRE(ends.run_until(
      [&] { return ends.dialler.transport.link_figures(kLink)->path_mtu == kDatagramBase; }));
  REQUIRE(ends.run_until([&] { return ends.dialler.frame_max < kDatagramBase; }));
  conversation.say(20, 1000);
  REQUIRE(conversation.run_until_heard());
  CHECK(conversation.heard_all());
  CHECK(conversation.handed_back > 0);
  CHECK(ends.dialler.transport.counters().send_failures >= 6);
  CHECK(ends.dialler.changes == std::vector{LaneState::open});  // it never failed
}
