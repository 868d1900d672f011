// A program under test: started with arguments, its output read line by line, its end awaited.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace podring::e2e {

using namespace std::chrono_literals;

/// Where build/<preset>/bin is: PODRING_BIN, which ctest sets, else the test's own folder.
[[nodiscard]] std::string program(const std::string& name);
/// A folder of this test process, removed at its end unless PODRING_KEEP_LOGS is set.
[[nodiscard]] const std::string& scratch_folder();

struct ProcessOptions {
  std::vector<std::string> environment = {};  ///< "NAME=value", beside the test's own
  /// Its standard output: read by this object (default), or this descriptor.
  std::optional<int> output = {};
  std::string output_file = {};  ///< what is read goes there as well
};

class Process {
 public:
  Process(const std::string& path, const std::vector<std::string>& arguments,
          ProcessOptions options = {});
  ~Process();  ///< kills what still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Exit code, or 128 + signal; nullopt when it has not ended in time.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds at_most);
  [[nodiscard]] bool running();

  [[nodiscard]] std::vector<std::string> lines() const;   ///< of standard output, so far
  [[nodiscard]] std::vector<std::string> errors() const;  ///< of standard error
  /// Waits for a line of standard output, seen or to come, that `accept` takes.
  [[nodiscard]] std::optional<std::string> wait_for_line(
      const std::function<bool(const std::string&)>& accept, std::chrono::milliseconds at_most);
  /// Waits until as many lines, seen or to come, contain `text`.
  [[nodiscard]] bool wait_for_lines(const std::string& text, std::size_t count,
                                    std::chrono::milliseconds at_most);

  [[nodiscard]] std::size_t resident_kib() const;
  [[nodiscard]] double cpu_seconds() const;

 private:
  struct Stream {
    int fd = -1;
    std::vector<std::string> lines;
    std::string rest;
    bool at_end = false;
    std::thread reader;
  };
  void read(Stream& stream, int copy);

  pid_t pid_ = -1;
  std::optional<int> ended_;
  mutable std::mutex mutex_;  // guards the streams' lines
  std::condition_variable news_;
  Stream out_;
  Stream err_;
};

/// Asks `condition` again and again, every few milliseconds.
[[nodiscard]] bool eventually(const std::function<bool()>& condition,
                              std::chrono::milliseconds at_most);

}  // namespace podring::e2e
