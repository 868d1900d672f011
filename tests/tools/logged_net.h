// A simulated ring whose peers write their log with the real logger, and verify-logs as a function:
// logs that are real, without processes.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "observe/logger.h"
#include "support/sim_net.h"
#include "verify_logs/judge.h"
#include "verify_logs/report.h"
#include "verify_logs/verdict.h"

namespace podring::test {

/// One process's lines, each with its line break.
using LogLines = std::vector<std::string>;

class LoggedNet {
 public:
  explicit LoggedNet(int pods, std::uint64_t seed = 1, Settings settings = {});
  ~LoggedNet();

  /// Starts one more process at `host`, which may have had one before.
  sim::Pid start(sim::Host host);
  void kill(sim::Pid pid) { net.crash(pid, sim::Death::process); }
  /// Seeds `count` messages, one every 2 ms, and runs until all have ended.
  void seed_and_run(sim::Pid pid, std::uint32_t count, const std::string& message = "hello",
                    std::uint32_t hops = 10);
  /// Ends the logs of all live processes with a `stopped` line, and gives all logs, by process.
  [[nodiscard]] std::vector<LogLines> take_logs();

  sim::SimNet net;

 private:
  struct Log {
    int fd = -1;
    std::unique_ptr<observe::Logger> logger;
  };
  [[nodiscard]] Now now() const;

  Settings settings_;
  std::vector<sim::Host> hosts_;
  std::map<sim::Pid, Log> logs_;
  std::uint64_t ended_ = 0;
};

struct Checked {
  int code = 0;
  std::string text;  ///< the report
  std::string json;
  std::map<std::string, std::uint64_t> found;  ///< by the findings' names
  [[nodiscard]] std::uint64_t count(const std::string& name) const {
    const auto at = found.find(name);
    return at == found.end() ? 0 : at->second;
  }
};
/// verify-logs on files with these texts.
[[nodiscard]] Checked check_texts(const std::vector<std::string>& texts,
                                  verify::JudgeOptions options = {},
                                  std::size_t memory_bytes = std::size_t{64} << 20);
[[nodiscard]] Checked check_logs(const std::vector<LogLines>& logs,
                                 verify::JudgeOptions options = {});
[[nodiscard]] std::string joined(const LogLines& lines);

}  // namespace podring::test
