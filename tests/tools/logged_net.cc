#include "tools/logged_net.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "verify_logs/input.h"
#include "verify_logs/logs.h"
#include "verify_logs/record_store.h"

namespace podring::test {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kStartMicros = 1'790'000'000'000'000;  // in 2026

sim::NetOptions options_of(std::uint64_t seed) {
  sim::NetOptions options;
  options.seed = seed;
  return options;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[65536];
  off_t at = 0;
  for (ssize_t got = 0; (got = pread(fd, buffer, sizeof buffer, at)) > 0; at += got) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

/// A file that goes when the test does.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    const int fd = mkstemp(path_.data());
    if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error{"no temporary file"};
    }
    close(fd);
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/podring-verify-test.XXXXXX";
};

}  // namespace

LoggedNet::LoggedNet(int pods, std::uint64_t seed, Settings settings)
    : net{options_of(seed)}, settings_{std::move(settings)} {
  net.on_event = [this](sim::Pid pid, const Event& event) {
    if (std::holds_alternative<Ended>(event)) ++ended_;
    Log& log = logs_.at(pid);
    log.logger->log(now(), event);
    log.logger->flush(now());
  };
  for (sim::Host host = 0; host < pods; ++host) hosts_.push_back(host);
  for (const sim::Host host : hosts_) start(host);
  net.run_for(3s);
}

LoggedNet::~LoggedNet() {
  for (const auto& [pid, log] : logs_) close(log.fd);
}

Now LoggedNet::now() const {
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(net.now().time_since_epoch()).count();
  return {net.now(), {kStartMicros + micros}};
}

sim::Pid LoggedNet::start(sim::Host host) {
  sim::ProcessOptions options;
  options.settings = settings_;
  const sim::Pid pid = net.start(host, options);
  Log& log = logs_[pid];
  log.fd = memfd_create("log", MFD_CLOEXEC);
  Identity self = net.peer(pid).self();
  log.logger = std::make_unique<observe::Logger>(self, observe::LogSettings{}, log.fd);
  const std::string hops = settings_.report_visits ? "true" : "false";
  log.logger->log(now(), observe::NodeEvent{observe::Started{
                             "0.0.0", settings_.ring, {{"--log-hops", hops, "default"}}}});
  net.set_fixed(pid, hosts_);
  return pid;
}

void LoggedNet::seed_and_run(sim::Pid pid, std::uint32_t count, const std::string& message,
                             std::uint32_t hops) {
  const std::uint64_t before = ended_;
  SeedRequest request;
  request.message = message;
  request.hops = hops;
  request.sender = Address::v4(0x0a000001);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (net.seed(pid, request).error != SeedError::none) throw std::runtime_error{"seed refused"};
    net.run_for(2ms);
  }
  if (!net.run_until([&] { return ended_ >= before + count; }, 60s)) {
    throw std::runtime_error{net.failure() ? net.failure()->text : "not all messages ended"};
  }
  net.run_for(1s);  // acks and `safe`
}

std::vector<LogLines> LoggedNet::take_logs() {
  std::vector<LogLines> logs;
  for (auto& [pid, log] : logs_) {
    if (net.alive(pid)) log.logger->log(now(), observe::NodeEvent{observe::Stopped{"SIGTERM"}});
    log.logger->flush_blocking(now(), 1s);
    std::istringstream text{read_all(log.fd)};
    LogLines& lines = logs.emplace_back();
    for (std::string line; std::getline(text, line);) lines.push_back(line + "\n");
  }
  return logs;
}

std::string joined(const LogLines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

Checked check_texts(const std::vector<std::string>& texts, verify::JudgeOptions options,
                    std::size_t memory_bytes) {
  std::vector<std::unique_ptr<TemporaryFile>> files;
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    names.push_back(files.emplace_back(std::make_unique<TemporaryFile>(text))->path());
  }
  verify::Input input{names};
  verify::RecordStore store{memory_bytes};
  verify::Verdict verdict{3};
  verify::Logs logs{store, verdict};
  logs.read(input);
  verify::Judge judge{logs, verdict, std::move(options)};
  store.for_each_id([&](std::span<const verify::Record> records) { judge.take(records); });
  const verify::Report report{logs, judge, verdict, logs.totals().lines == 0};
  Checked checked;
  checked.code = verify::exit_code_of(report);
  std::ostringstream text;
  verify::write_text(text, report, false);
  checked.text = text.str();
  std::ostringstream json;
  verify::write_json(json, report);
  checked.json = json.str();
  for (std::size_t i = 0; i < verify::kFindings; ++i) {
    const auto finding = static_cast<verify::Finding>(i);
    if (verdict.count(finding) > 0) {
      checked.found[std::string{verify::kind_of(finding).name}] = verdict.count(finding);
    }
  }
  return checked;
}

Checked check_logs(const std::vector<LogLines>& logs, verify::JudgeOptions options) {
  std::vector<std::string> texts;
  for (const LogLines& lines : logs) texts.push_back(joined(lines));
  return check_texts(texts, std::move(options));
}

}  // namespace podring::test
