// proto-docs/delivery.md, "Membership": what the name service says, and what counts as unknown.
// dnsmasq answers where it can be brought to the fault; a scripted server does the rest.
#include "net/resolver.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <set>

#include "net/loopback.h"
#include "net/resolver_dns.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::Address, podring::Dnsmasq, podring::DnsServer, podring::NameAnswer,
    podring::ResolverSettings, podring::ScriptedDns, podring::TimePoint;
using Outcome = podring::NameAnswer::Outcome;

namespace {

constexpr const char* kName = "peers.ring.test";

TimePoint now() {
  return TimePoint{std::chrono::duration_cast<podring::Duration>(
      std::chrono::steady_clock::now().time_since_epoch())};
}

ResolverSettings settings(const DnsServer& server) {
  ResolverSettings settings;
  settings.name = kName;
  settings.dns_server = server;
  settings.poll = 100ms;
  settings.try_timeout = 250ms;
  return settings;
}

/// A resolver and its loop, turned until something has come.
struct Asking {
  explicit Asking(ResolverSettings settings) : resolver{loop, std::move(settings), 1} {}

  NameAnswer next(std::chrono::seconds at_most = 20s) {
    const TimePoint end = now() + at_most;
    while (now() < end) {
      resolver.on_tick(now());
      if (auto answer = resolver.take()) return *answer;
      loop.wait(std::max(resolver.next_deadline() - now(), podring::Duration::zero()));
      loop.dispatch();
      ++turns;
    }
    FAIL("no outcome in time");
    return {};
  }
  /// The first that is different from `outcome`.
  NameAnswer next_after(Outcome outcome) {
    for (int i = 0; i < 100; ++i) {
      NameAnswer answer = next();
      if (answer.outcome != outcome) return answer;
    }
    FAIL("the outcome stays");
    return {};
  }

  podring::Loop loop;
  podring::Resolver resolver;
  std::uint64_t turns = 0;
};

std::vector<Address> addresses(std::initializer_list<const char*> texts) {
  std::vector<Address> list;
  for (const char* text : texts) list.push_back(podring::parse_address(text).value());
  return list;
}

std::multimap<std::string, std::string> records(std::initializer_list<const char*> texts) {
  std::multimap<std::string, std::string> list;
  for (const char* text : texts) list.emplace(kName, text);
  return list;
}

std::multimap<std::string, std::string> many_records(unsigned count) {
  std::multimap<std::string, std::string> list;
  for (unsigned i = 0; i < count; ++i) {
    list.emplace(kName, "10.42." + std::to_string(i % 7) + "." + std::to_string(i / 7 + 1));
  }
  return list;
}

}  // namespace

TEST_CASE("records appear, change their order and disappear", "[resolver]") {
  Dnsmasq dns{1};
  Asking asking{settings(dns.server())};
  CHECK(asking.next().outcome == Outcome::empty);

  dns.serve(records({"10.42.0.10", "10.42.0.9", "10.42.1.1"}));
  NameAnswer answer = asking.next_after(Outcome::empty);
  CHECK(answer.outcome == Outcome::answer);
  CHECK(answer.addresses == addresses({"10.42.0.9", "10.42.0.10", "10.42.1.1"}));
  CHECK(answer.ttl_s == 5U);
  CHECK_FALSE(answer.by_tcp);

  dns.serve(records({"10.42.1.1", "10.42.0.10", "10.42.0.9"}));
  CHECK(asking.next().addresses == answer.addresses);

  dns.serve(records({"10.42.0.10"}));
  CHECK(asking.next().addresses == addresses({"10.42.0.10"}));
  CHECK(asking.resolver.pick_address() == addresses({"10.42.0.10"}).front());

  dns.serve({});
  CHECK(asking.next().outcome == Outcome::empty);
  CHECK(asking.resolver.last_known()->addresses.empty());
  CHECK_FALSE(asking.resolver.pick_address());
}

TEST_CASE("whatever the order of the records, the list is the same", "[resolver]") {
  std::vector<std::uint32_t> shuffled;
  for (std::uint32_t i = 1; i <= 40; ++i) shuffled.push_back(0x0a2a0000U + i * 37 % 64);
  podring::SplitMix random{7};
  std::set<std::vector<std::uint32_t>> orders;
  ScriptedDns dns{2, [&](const ScriptedDns::Question& question) {
                    for (std::size_t i = shuffled.size() - 1; i > 0; --i) {
                      std::swap(shuffled[i], shuffled[random.below(i + 1)]);
                    }
                    orders.insert(shuffled);
                    std::vector<std::uint32_t> twice = shuffled;  // duplicates too
                    twice.push_back(shuffled.front());
                    return make_reply(question, 0, twice);
                  }};
  auto often = settings(dns.server());
  often.poll = 10ms;
  Asking asking{often};
  const NameAnswer first = asking.next();
  REQUIRE(first.addresses.size() == 40);
  CHECK(std::is_sorted(first.addresses.begin(), first.addresses.end()));
  for (int i = 0; i < 5; ++i) CHECK(asking.next().addresses == first.addresses);
  CHECK(dns.questions().size() >= 6);
}

TEST_CASE("300 records come by TCP, whole", "[resolver]") {
  Dnsmasq dns{3};
  dns.serve(many_records(300));
  Asking asking{settings(dns.server())};
  const NameAnswer answer = asking.next();
  CHECK(answer.outcome == Outcome::answer);
  CHECK(answer.addresses.size() == 300);
  CHECK(answer.by_tcp);
  CHECK(asking.resolver.counters().by_tcp == 1);
  CHECK(asking.resolver.counters().timeouts == 0);
  // 70 fit into 1,232 bytes: EDNS was asked for.
  dns.serve(many_records(70));
  const NameAnswer smaller = asking.next();
  CHECK(smaller.addresses.size() == 70);
  CHECK_FALSE(smaller.by_tcp);
}

TEST_CASE("a name with records of the other family only is empty", "[resolver]") {
  Dnsmasq dns{4};
  dns.serve(records({"fd00::10", "fd00::9"}));
  Asking v4{settings(dns.server())};
  CHECK(v4.next().outcome == Outcome::empty);
  auto six = settings(dns.server());
  six.v4 = false;
  Asking v6{six};
  const NameAnswer answer = v6.next();
  CHECK(answer.outcome == Outcome::answer);
  CHECK(answer.addresses == addresses({"fd00::9", "fd00::10"}));
  CHECK(answer.ttl_s == 5U);
}

TEST_CASE("SERVFAIL is unknown, and the last answer stays known", "[resolver]") {
  // A validating server whose upstream proves nothing says SERVFAIL to every question.
  Dnsmasq dns{5,
              {"--dnssec", "--dnssec-check-unsigned",
               "--trust-anchor=.,20326,8,2,"
               "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
               "--server=" + to_string(podring::loopback(6)) + "#10053"}};
  Dnsmasq upstream{6, {"--host-record=other.test,10.42.0.1", "--local=/other.test/"}};
  auto broken = settings(dns.server());
  broken.name = "other.test";
  Asking asking{broken};
  const NameAnswer answer = asking.next();
  CHECK(answer.outcome == Outcome::unknown);
  CHECK(answer.detail.find("server") !=
        std::string::npos);  // "DNS server returned general failure"
  CHECK(asking.resolver.last_known() == nullptr);
  CHECK(asking.resolver.counters().timeouts == 0);  // known at once, not after the time-outs

  auto upstream_asked = broken;
  upstream_asked.dns_server = upstream.server();
  CHECK(Asking{upstream_asked}.next().outcome == Outcome::answer);
}

TEST_CASE("REFUSED is unknown", "[resolver]") {
  Dnsmasq dns{7};
  auto foreign = settings(dns.server());
  foreign.name = "elsewhere.example";
  const NameAnswer answer = Asking{foreign}.next();
  CHECK(answer.outcome == Outcome::unknown);
  CHECK(answer.detail == "DNS server refused query");
}

TEST_CASE("a server that stops answering is unknown until it comes back", "[resolver]") {
  Dnsmasq dns{8};
  dns.serve(records({"10.42.0.1", "10.42.0.2"}));
  Asking asking{settings(dns.server())};
  REQUIRE(asking.next().outcome == Outcome::answer);
  const auto known_at = asking.resolver.known_at();

  dns.signal(SIGSTOP);
  const NameAnswer silent = asking.next_after(Outcome::answer);
  CHECK(silent.outcome == Outcome::unknown);
  CHECK(silent.detail == "no answer in 3 tries of 250 ms");
  CHECK(asking.resolver.last()->outcome == Outcome::unknown);
  REQUIRE(asking.resolver.last_known() != nullptr);
  CHECK(asking.resolver.last_known()->addresses.size() == 2);
  CHECK(asking.resolver.known_at() >= known_at);
  CHECK(asking.resolver.counters().timeouts >= 3);

  dns.signal(SIGCONT);
  CHECK(asking.next_after(Outcome::unknown).addresses.size() == 2);
  CHECK(asking.resolver.known_at() > known_at);
}

TEST_CASE("a server that is gone is unknown at once, and found when it is back", "[resolver]") {
  auto gone = settings({podring::loopback(9), 10053});
  Asking asking{gone};
  const NameAnswer answer = asking.next();
  CHECK(answer.outcome == Outcome::unknown);
  CHECK_FALSE(answer.detail.empty());
  CHECK(asking.resolver.counters().timeouts == 0);
  Dnsmasq dns{9};
  dns.serve(records({"10.42.0.1"}));
  CHECK(asking.next_after(Outcome::unknown).outcome == Outcome::answer);
}

TEST_CASE("too large for UDP and TCP is blocked: unknown, and the detail says which",
          "[resolver]") {
  SECTION("nothing is answered by TCP") {
    Dnsmasq dns{10};
    dns.serve(many_records(300));
    // dnsmasq serves 20 connections and lets further ones wait.
    std::vector<podring::OwnFd> busy;
    for (int i = 0; i < 20; ++i) {
      busy.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const auto address = podring::loopback_socket_address(10, 10053);
      REQUIRE(::connect(busy.back().get(), reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) == 0);
    }
    Asking asking{settings(dns.server())};
    const NameAnswer answer = asking.next();
    CHECK(answer.outcome == Outcome::unknown);
    CHECK(answer.detail.find("too large for UDP") != std::string::npos);
    CHECK(answer.detail.find("allow TCP") != std::string::npos);
    busy.clear();
    CHECK(asking.next_after(Outcome::unknown).addresses.size() == 300);
  }
  SECTION("nobody listens there") {
    ScriptedDns dns{11, [](const auto& question) { return make_reply(question, 0, {}, true); },
                    /*tcp=*/false};
    const NameAnswer answer = Asking{settings(dns.server())}.next();
    CHECK(answer.outcome == Outcome::unknown);
    CHECK(answer.detail.find("too large for UDP") != std::string::npos);
  }
}

TEST_CASE("an answer that is cut even by TCP is unknown, be nothing left in it", "[resolver]") {
  const bool nothing_left = GENERATE(false, true);
  ScriptedDns dns{12, [&](const auto& question) {
                    const std::vector<std::uint32_t> two{0x0a2a0001, 0x0a2a0002};
                    return make_reply(question, 0,
                                      nothing_left ? std::vector<std::uint32_t>{} : two, true);
                  }};
  const NameAnswer answer = Asking{settings(dns.server())}.next();
  CHECK(answer.outcome == Outcome::unknown);
  CHECK(answer.detail == "the answer is cut even by TCP");
}

TEST_CASE("each try has a source port of its own, and the last goes by TCP", "[resolver]") {
  ScriptedDns dns{13, [](const auto& question) -> std::optional<std::string> {
                    if (!question.by_tcp) return std::nullopt;
                    return make_reply(question, 0, {0x0a2a0001});
                  }};
  Asking asking{settings(dns.server())};
  const NameAnswer answer = asking.next();
  CHECK(answer.outcome == Outcome::answer);
  CHECK(answer.by_tcp);
  CHECK(asking.resolver.counters().timeouts == 2);
  const auto questions = dns.questions();
  REQUIRE(questions.size() == 3);
  CHECK_FALSE(questions[0].by_tcp);
  CHECK_FALSE(questions[1].by_tcp);
  CHECK(questions[2].by_tcp);
  CHECK(questions[0].source_port != questions[1].source_port);
}

TEST_CASE("one question a poll, of one family, for the name as it is", "[resolver]") {
  ScriptedDns dns{14, [](const auto& question) { return make_reply(question, 3, {}); }};
  auto often = settings(dns.server());
  often.name = "podring-ring";  // no dot: search domains would be tried
  Asking asking{often};
  const TimePoint begin = now();
  for (int i = 0; i < 5; ++i) CHECK(asking.next().outcome == Outcome::empty);
  const auto questions = dns.questions();
  REQUIRE(questions.size() == 5);
  for (const auto& question : questions) {
    CHECK(question.name == "podring-ring");
    CHECK(question.type == 1);
  }
  CHECK(now() - begin >= 400ms);  // the first at once, four polls of at least 100 ms
  CHECK(asking.turns < 100);      // it waits, it does not spin
}

TEST_CASE("whatever bytes come back, there is an outcome", "[resolver]") {
  podring::SplitMix random{3};
  ScriptedDns dns{15, [&](const auto& question) -> std::optional<std::string> {
                    std::string reply = make_reply(question, 0, {0x0a2a0001, 0x0a2a0002});
                    switch (random.below(4)) {
                      case 0:
                        reply.resize(2 + random.below(reply.size() - 2));
                        break;
                      case 1:  // counts that promise more than there is
                        reply[7] = static_cast<char>(random.below(256));
                        break;
                      case 2:
                        for (int i = 0; i < 8; ++i) {
                          reply[2 + random.below(reply.size() - 2)] =
                              static_cast<char>(random.below(256));
                        }
                        break;
                      default:  // the name points at itself
                        reply[12] = '\xc0';
                        reply[13] = '\x0c';
                    }
                    return reply;
                  }};
  auto often = settings(dns.server());
  often.poll = 1ms;
  often.try_timeout = 20ms;
  Asking asking{often};
  for (int i = 0; i < 30; ++i) {
    const NameAnswer answer = asking.next();
    CHECK((answer.outcome == Outcome::unknown) == !answer.detail.empty());
  }
}

TEST_CASE("an answer with more addresses than the bound is unknown", "[resolver]") {
  Dnsmasq dns{16};
  dns.serve(many_records(30));
  auto bounded = settings(dns.server());
  bounded.addresses_max = 30;
  CHECK(Asking{bounded}.next().addresses.size() == 30);
  bounded.addresses_max = 29;
  const NameAnswer answer = Asking{bounded}.next();
  CHECK(answer.outcome == Outcome::unknown);
  CHECK(answer.detail == "the answer has more than 29 addresses");
}

TEST_CASE("a resolver can be destroyed while its question is under way", "[resolver]") {
  ScriptedDns dns{17, [](const auto&) { return std::nullopt; }};
  podring::Loop loop;
  {
    podring::Resolver resolver{loop, settings(dns.server()), 1};
    resolver.on_tick(now());
    loop.wait(0ms);
    loop.dispatch();
  }
  loop.wait(0ms);
  loop.dispatch();
  CHECK(true);
}
