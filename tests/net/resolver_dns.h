// Name servers for the resolver's tests: a real dnsmasq as a child process, and a scripted one for
// what dnsmasq cannot be brought to do.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "net/dns_server.h"
#include "net/loop.h"

namespace podring {

/// dnsmasq on loopback(n), which knows `ring.test` and nothing else. Dies with the object.
class Dnsmasq {
 public:
  /// `extra` is added to the command line. Ready to answer when the constructor returns.
  explicit Dnsmasq(std::uint32_t n, std::vector<std::string> extra = {});
  ~Dnsmasq();
  Dnsmasq(const Dnsmasq&) = delete;
  Dnsmasq& operator=(const Dnsmasq&) = delete;

  /// The records of all names: name -> addresses, in the order given. Known when it returns.
  void serve(const std::multimap<std::string, std::string>& records);
  void signal(int number) const;
  [[nodiscard]] DnsServer server() const { return server_; }

 private:
  void wait_until_it_answers(std::uint32_t serial) const;

  DnsServer server_;
  std::string folder_;
  std::uint32_t serial_ = 0;
  pid_t pid_ = -1;
};

/// Answers by UDP and TCP on loopback(n) with what `script` makes of each question.
class ScriptedDns {
 public:
  struct Question {
    std::string bytes;
    bool by_tcp = false;
    std::uint16_t source_port = 0;
    std::string name;
    std::uint16_t type = 0;
  };
  /// nullopt: no answer.
  using Script = std::function<std::optional<std::string>(const Question&)>;
  /// With `tcp` false nothing listens there.
  ScriptedDns(std::uint32_t n, Script script, bool tcp = true);
  ~ScriptedDns();
  ScriptedDns(const ScriptedDns&) = delete;
  ScriptedDns& operator=(const ScriptedDns&) = delete;

  [[nodiscard]] DnsServer server() const { return server_; }
  [[nodiscard]] std::vector<Question> questions() const;

 private:
  void run();
  std::optional<std::string> answer(std::string bytes, bool by_tcp, std::uint16_t source_port);

  DnsServer server_;
  Script script_;
  OwnFd udp_;
  OwnFd tcp_;
  OwnFd stop_;
  mutable std::mutex mutex_;
  std::vector<Question> questions_;  // guarded by mutex_
  std::thread thread_;
};

/// An answer to `question` with this rcode and these IPv4 addresses.
[[nodiscard]] std::string make_reply(const ScriptedDns::Question& question, unsigned rcode,
                                     const std::vector<std::uint32_t>& addresses,
                                     bool truncated = false);
/// What one UDP question to `server` is answered with; nullopt after a second.
[[nodiscard]] std::optional<std::string> ask_once(const DnsServer& server,
                                                  const std::string& bytes);
[[nodiscard]] std::string make_question(const std::string& name, std::uint16_t type);

}  // namespace podring
