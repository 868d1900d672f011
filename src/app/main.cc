// Reads the configuration, builds the node, runs it.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string_view>
#include <utility>

#include "app/config.h"
#include "app/node.h"
#include "doctor/doctor.h"
#include "observe/logger.h"
#include "terminal/completion.h"
#include "top/options.h"
#include "top/top.h"

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
/// Each incoming connection is a descriptor; many systems start processes with 1,024 of them.
constexpr rlim_t kDescriptors = 65'536;

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kDescriptors) return;
  limit.rlim_cur = std::min(limit.rlim_max, kDescriptors);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Batches of 64 KiB come and go all the time. Without this glibc gives their pages back and takes
/// them again: three times the page faults under load.
void keep_freed_memory() {
  ::mallopt(M_TRIM_THRESHOLD, 32 * 1024 * 1024);
  ::mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
}

std::uint64_t random_number() {
  std::random_device device;  // the kernel's generator
  std::uint64_t number = 0;
  while (number == 0) number = (std::uint64_t{device()} << 32) | device();
  return number;
}

void say_error(std::string_view event, const std::string& detail) {
  podring::observe::write_error_line(podring::observe::Level::error, event, detail);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view{argv[1]} == "doctor") {
    return podring::doctor::run({argv + 2, argv + argc}, podring::read_environment(),
                                podring::read_host());
  }
  if (argc > 1 && std::string_view{argv[1]} == "top") {
    return podring::top::run({argv + 2, argv + argc});
  }
  auto loaded = podring::load_config({argv + 1, argv + argc}, podring::read_environment(),
                                     podring::read_host());
  if (!loaded.completion.empty()) {
    loaded.print =
        podring::terminal::completion_script(loaded.completion, podring::podring_command(),
                                             {podring::doctor::command(), podring::top::command()});
  }
  if (loaded.print) {
    std::fputs(loaded.print->c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : kExitFailed;
  }
  if (loaded.errors.empty()) podring::look_for_ring_key(loaded);
  for (const std::string& error : loaded.errors) say_error("bad_configuration", error);
  if (!loaded.errors.empty()) return kExitUsage;
  raise_descriptor_limit();
  keep_freed_memory();
  try {
    podring::Node node{std::move(loaded),
                       {.boot = {random_number()},
                        .client_boot = {random_number()},
                        .jitter_seed = random_number()}};
    return node.run();
  } catch (const std::exception& error) {
    say_error("start_failed", error.what());
    return kExitFailed;
  }
}
