// The simulator's command: runs scenarios by number on several processes, or one of them with
// everything that happens printed.
//
// Processes and not threads: a broken invariant inside the core aborts, and the number that did it
// must still be told.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <new>
#include <thread>

#include <CLI/CLI.hpp>

#include "sim/long_ring.h"
#include "sim/scenario.h"
#include "support/sim_mutations.h"
#include "terminal/command_line.h"

namespace {

using namespace podring;
using namespace podring::sim;

constexpr int kJobsMax = 64;
constexpr int kFailuresKept = 256;

struct FoundFailure {
  std::uint64_t number = 0;
  char text[480] = {};
};

/// Between the processes. A failure is written once, by the worker that found it.
struct Shared {
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::uint64_t> ids{0};
  std::atomic<std::uint64_t> confirmed{0};
  std::atomic<std::uint64_t> excused{0};
  std::atomic<std::uint64_t> deaths{0};
  std::atomic<std::uint64_t> visits{0};
  std::atomic<std::uint64_t> lane_frames{0};
  std::atomic<std::uint64_t> slowest_us{0};
  std::atomic<std::uint64_t> slowest_number{0};
  std::atomic<std::uint64_t> at_work[kJobsMax];
  FoundFailure failures[kFailuresKept];
};

struct Command {
  std::uint64_t from = 1;
  std::uint64_t count = 10'000;
  int jobs = 2;
  bool large = false;
  bool trace = false;
  bool keep_going = false;
  std::uint64_t number = 0;
  std::string mutation = "none";
  int ring = 0;
};

void record(Shared& shared, std::uint64_t number, const std::string& text) {
  const std::uint64_t slot = shared.failed++;
  if (slot >= kFailuresKept) return;
  shared.failures[slot].number = number;
  std::snprintf(shared.failures[slot].text, sizeof shared.failures[slot].text, "%s", text.c_str());
}

void work(Shared& shared, const Command& command, int job) {
  while (command.keep_going || shared.failed == 0) {
    const std::uint64_t number = shared.next++;
    if (number >= command.from + command.count) return;
    shared.at_work[job] = number + 1;
    const auto began = std::chrono::steady_clock::now();
    const ScenarioResult result =
        run_scenario({number, command.large ? Size::large : Size::small, {}});
    const auto took =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                       std::chrono::steady_clock::now() - began)
                                       .count());
    shared.at_work[job] = 0;
    if (took > shared.slowest_us) {
      shared.slowest_us = took;
      shared.slowest_number = number;
    }
    ++shared.done;
    shared.turns += result.turns;
    shared.ids += result.ids;
    shared.confirmed += result.confirmed;
    shared.excused += result.excused;
    shared.deaths += result.deaths;
    shared.visits += result.visits;
    shared.lane_frames += result.lane_frames;
    if (result.failure)
      record(shared, number, result.failure->invariant + ": " + result.failure->text);
  }
}

std::string replay(const Command& command, std::uint64_t number) {
  return (command.mutation == "none" ? "simulate" : "simulate_wrong") +
         std::string{command.large ? " --large" : ""} + " --seed " + std::to_string(number) +
         (command.mutation == "none" ? "" : " --mutation " + command.mutation) + " --trace";
}

int run_many(const Command& command) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("simulate: mmap");
    return 2;
  }
  Shared& shared = *new (memory) Shared;
  shared.next = command.from;
  const auto began = std::chrono::steady_clock::now();
  std::map<pid_t, int> workers;
  const auto spawn = [&](int job) {
    const pid_t pid = fork();
    if (pid == 0) {
      work(shared, command, job);
      std::_Exit(0);
    }
    if (pid < 0) {
      std::perror("simulate: fork");
      std::exit(2);
    }
    workers[pid] = job;
  };
  for (int job = 0; job < command.jobs; ++job) spawn(job);
  while (!workers.empty()) {
    int status = 0;
    const pid_t pid = wait(&status);
    const auto found = workers.find(pid);
    if (found == workers.end()) continue;
    const int job = found->second;
    workers.erase(found);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    const std::uint64_t number = shared.at_work[job].exchange(0);
    record(shared, number - 1, "crash: a check of the core failed, or a signal came");
    ++shared.done;
    if (command.keep_going) spawn(job);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf(
      "%llu scenarios in %.1f s, %.0f a second on %d jobs; slowest %.0f ms (%llu)\n"
      "%llu turns, %llu visits, %llu ids, %llu confirmed, %llu excused, %llu deaths, "
      "%llu frames by lanes\n",
      static_cast<unsigned long long>(shared.done), seconds,
      static_cast<double>(shared.done) / seconds, command.jobs,
      static_cast<double>(shared.slowest_us) / 1000,
      static_cast<unsigned long long>(shared.slowest_number),
      static_cast<unsigned long long>(shared.turns), static_cast<unsigned long long>(shared.visits),
      static_cast<unsigned long long>(shared.ids),
      static_cast<unsigned long long>(shared.confirmed),
      static_cast<unsigned long long>(shared.excused),
      static_cast<unsigned long long>(shared.deaths),
      static_cast<unsigned long long>(shared.lane_frames));
  const std::uint64_t failed = shared.failed;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(failed, kFailuresKept); ++i) {
    std::printf("FAILED %llu: %s\n  replay: %s\n",
                static_cast<unsigned long long>(shared.failures[i].number), shared.failures[i].text,
                replay(command, shared.failures[i].number).c_str());
  }
  if (failed > 0) std::printf("%llu failed\n", static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

int run_one(const Command& command) {
  ScenarioOptions options{command.number, command.large ? Size::large : Size::small, {}};
  if (command.trace) options.trace = [](const std::string& line) { std::puts(line.c_str()); };
  const ScenarioResult result = run_scenario(options);
  std::printf(
      "%llu: %llu ids, %llu confirmed, %llu excused, %llu deaths, %llu turns, %.1f s\n",
      static_cast<unsigned long long>(command.number), static_cast<unsigned long long>(result.ids),
      static_cast<unsigned long long>(result.confirmed),
      static_cast<unsigned long long>(result.excused),
      static_cast<unsigned long long>(result.deaths), static_cast<unsigned long long>(result.turns),
      static_cast<double>(result.ended_at.time_since_epoch().count()) / 1e9);
  if (!result.failure) return 0;
  std::printf("FAILED %llu: %s: %s\n", static_cast<unsigned long long>(command.number),
              result.failure->invariant.c_str(), result.failure->text.c_str());
  return 1;
}

int run_ring(const Command& command) {
  const LongRingResult result = run_long_ring({.peers = command.ring});
  std::printf(
      "ring of %d: formed in %.1f s of CPU time; %llu messages, %llu hops; CPU time of core and "
      "simulator together: "
      "%.0f ns a hop, %.0f ns a turn; at most %llu links at a peer\n",
      command.ring, result.formed_cpu_s, static_cast<unsigned long long>(result.messages),
      static_cast<unsigned long long>(result.hops), result.cpu_ns_per_hop, result.cpu_ns_per_turn,
      static_cast<unsigned long long>(result.links_most));
  if (!result.failure) return 0;
  std::printf("FAILED: %s: %s\n", result.failure->invariant.c_str(), result.failure->text.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Command command;
  CLI::App app{"Runs the protocol in a simulated ring with faults drawn from a number."};
  app.add_option("--seed", command.number, "run this scenario only");
  app.add_flag("--trace", command.trace, "with --seed: print everything that happens");
  app.add_option("--from", command.from, "number of the first scenario");
  app.add_option("--count", command.count, "how many scenarios");
  app.add_option("--jobs", command.jobs, "processes")->check(CLI::Range(1, kJobsMax));
  app.add_flag("--large", command.large, "8 to 40 peers instead of 2 to 7");
  app.add_flag("--keep-going", command.keep_going, "do not stop at the first failure");
  app.add_option("--ring", command.ring,
                 "one calm ring of so many peers, and what a hop costs in it")
      ->check(CLI::Range(3, 20'000));
  app.add_option("--mutation", command.mutation, "break the protocol like this");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "simulate: %s\n",
                 podring::terminal::mistake(app, error, "simulate").c_str());
    return 2;
  }
  const std::optional<AnyMutation> mutation = mutation_named(command.mutation);
  if (!mutation) {
    std::fprintf(stderr, "simulate: --mutation: there is no mutation '%s'; there are:\n",
                 command.mutation.c_str());
    for (const NamedMutation& known : kMutations) std::fprintf(stderr, "  %s\n", known.name);
    return 2;
  }
  if (!planted::plant(mutation->core) || !planted::plant(mutation->lane)) {
    std::fprintf(stderr,
                 "simulate: --mutation: no rule is wrong in this program; use simulate_wrong\n");
    return 2;
  }
  if (command.ring != 0) return run_ring(command);
  return command.number != 0 ? run_one(command) : run_many(command);
}
