#include "e2e/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace podring::e2e {
namespace {

struct Folder {
  Folder() {
    const char* given = std::getenv("PODRING_LOG_DIR");
    path = std::filesystem::temp_directory_path() / ("podring-e2e-" + std::to_string(::getpid()));
    if (given != nullptr) path = given;
    std::filesystem::create_directories(path);
  }
  ~Folder() {
    std::error_code ignored;
    if (std::getenv("PODRING_KEEP_LOGS") == nullptr) std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

std::pair<int, int> pipe_ends() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error{"no descriptors for a pipe"};
  return {ends[0], ends[1]};
}

}  // namespace

std::string program(const std::string& name) {
  if (const char* folder = std::getenv("PODRING_BIN"); folder != nullptr) {
    return std::string{folder} + "/" + name;
  }
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

const std::string& scratch_folder() {
  static const Folder folder;
  return folder.path;
}

Process::Process(const std::string& path, const std::vector<std::string>& arguments,
                 ProcessOptions options) {
  if (!std::filesystem::exists(path)) throw std::runtime_error{path + " has not been built"};
  const auto [out_read, out_write] = pipe_ends();
  const auto [err_read, err_write] = pipe_ends();
  std::vector<std::string> words{path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<char*> env;
  for (char** variable = environ; *variable != nullptr; ++variable) env.push_back(*variable);
  for (std::string& variable : options.environment) env.push_back(variable.data());
  env.push_back(nullptr);
  const int out = options.output.value_or(out_write);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(out, 1);
    ::dup2(err_write, 2);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::execve(path.c_str(), argv.data(), env.data());
    ::_exit(127);
  }
  ::close(out_write);
  ::close(err_write);
  if (pid_ < 0) throw std::runtime_error{"cannot fork"};
  int copy = -1;
  if (!options.output_file.empty()) {
    copy = ::open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  out_.fd = out_read;
  err_.fd = err_read;
  out_.reader = std::thread{[this, copy] { read(out_, copy); }};
  err_.reader = std::thread{[this] { read(err_, -1); }};
}

Process::~Process() {
  if (running()) {
    ::kill(pid_, SIGKILL);
    (void)wait(10s);
  }
  out_.reader.join();
  err_.reader.join();
}

void Process::read(Stream& stream, int copy) {
  char buffer[65536];
  while (true) {
    const ssize_t count = ::read(stream.fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    if (copy >= 0) (void)!::write(copy, buffer, static_cast<std::size_t>(count));
    const std::lock_guard lock{mutex_};
    stream.rest.append(buffer, static_cast<std::size_t>(count));
    std::size_t from = 0;
    for (std::size_t end = 0; (end = stream.rest.find('\n', from)) != std::string::npos;
         from = end + 1) {
      stream.lines.push_back(stream.rest.substr(from, end - from));
    }
    stream.rest.erase(0, from);
    news_.notify_all();
  }
  ::close(stream.fd);
  if (copy >= 0) ::close(copy);
  const std::lock_guard lock{mutex_};
  stream.at_end = true;
  news_.notify_all();
}

void Process::signal(int number) const { ::kill(pid_, number); }

std::optional<int> Process::wait(std::chrono::milliseconds at_most) {
  if (!eventually([this] { return !running(); }, at_most)) return std::nullopt;
  std::unique_lock lock{mutex_};  // its last words may be in the pipes still
  (void)news_.wait_for(lock, 10s, [this] { return out_.at_end && err_.at_end; });
  return ended_;
}

bool Process::running() {
  if (ended_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

std::vector<std::string> Process::lines() const {
  const std::lock_guard lock{mutex_};
  return out_.lines;
}

std::vector<std::string> Process::errors() const {
  const std::lock_guard lock{mutex_};
  return err_.lines;
}

std::optional<std::string> Process::wait_for_line(
    const std::function<bool(const std::string&)>& accept, std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  std::unique_lock lock{mutex_};
  std::size_t seen = 0;
  while (true) {
    for (; seen < out_.lines.size(); ++seen) {
      if (accept(out_.lines[seen])) return out_.lines[seen];
    }
    if (news_.wait_until(lock, until) == std::cv_status::timeout && seen == out_.lines.size()) {
      return std::nullopt;
    }
  }
}

bool Process::wait_for_lines(const std::string& text, std::size_t count,
                             std::chrono::milliseconds at_most) {
  if (count == 0) return true;
  std::size_t found = 0;
  return wait_for_line(
             [&](const std::string& line) {
               return line.find(text) != std::string::npos && ++found >= count;
             },
             at_most)
      .has_value();
}

std::size_t Process::resident_kib() const {
  std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

double Process::cpu_seconds() const {
  std::ifstream stat{"/proc/" + std::to_string(pid_) + "/stat"};
  std::string text;
  std::getline(stat, text);
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 14 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return 0;
  std::size_t used = 0;
  const std::string rest = text.substr(at + 1);
  const unsigned long user = std::stoul(rest, &used);
  const unsigned long system = std::stoul(rest.substr(used));
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace podring::e2e
