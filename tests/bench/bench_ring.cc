// A ring of 3 podring processes beside the same ring made of libzmq alone (bench_bare_peer) and of
// the kernel's UDP alone (bench_bare_udp), in turns on the same machine: hops per second, time per
// hop, CPU time per hop; and what memory a full ring takes.
//
//   bench_ring               a few minutes; bench_ring --help for what can be varied
//   bench_ring --smoke       a few seconds, to see that it works
//
// Of large messages fewer are in flight, so that the kernel's buffers hold them: kUnderWayMax.
//
// A hop is timed from the arrival at one peer to the arrival at the next, as the peers' own clocks
// (one machine, one clock) say it in the trace.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "bench/bare_ring.h"
#include "bench/figures.h"
#include "bench/ring_load.h"
#include "e2e/support/ring.h"
#include "net/loopback.h"
#include "terminal/command_line.h"

namespace {

using namespace std::chrono_literals;
using namespace podring;         // NOLINT(google-build-using-namespace): main() of this program
using namespace podring::bench;  // NOLINT(google-build-using-namespace)
using e2e::TestRing;

constexpr std::size_t kPeers = 3;
constexpr const char* kSealed = "sealed";  // udp with a ring key
constexpr const char* kCurve = "curve";    // zmq with a ring key
const std::string kKey(64, 'a');
constexpr auto kFormedWithin = 20s;
constexpr auto kFullWithin = 20s;
constexpr std::size_t kUnderWayMax = 2 * 1024 * 1024;  // bytes of messages
constexpr BareKind kBare[] = {BareKind::zmq, BareKind::udp, BareKind::udp_segments};
constexpr std::size_t kOverFull = kPeers * 1200;  // queues of 1,024

struct Options {
  std::vector<int> copies{2, 1, 3};
  std::vector<std::string> lanes{"zmq"};
  std::size_t in_flight = 1000;
  std::vector<std::size_t> sizes{256};
  std::uint32_t hops = 100;
  int repetitions = 5;
  int warm_up_ms = 1000;
  int measure_ms = 3000;
  bool json = false;
  bool smoke = false;
};

/// What several runs of the same thing gave.
struct Series {
  std::string name;
  std::size_t bytes = 0;  ///< of each message
  std::size_t in_flight = 0;
  std::vector<double> hops_per_s = {};
  std::vector<double> p50_us = {};
  std::vector<double> p99_us = {};
  std::vector<double> cpu_s_per_million = {};

  void add(std::uint64_t hops, double seconds, double cpu_seconds, const HopTimes& times) {
    const auto made = static_cast<double>(std::max<std::uint64_t>(hops, 1));
    hops_per_s.push_back(static_cast<double>(hops) / seconds);
    p50_us.push_back(times.quantile(0.5));
    p99_us.push_back(times.quantile(0.99));
    cpu_s_per_million.push_back(cpu_seconds * 1e6 / made);
  }
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class DevNull {
 public:
  ~DevNull() { ::close(fd_); }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
};

/// Lines go to /dev/null: whoever reads them takes time that is not the ring's.
class PodringRing {
 public:
  PodringRing(int copies, const std::string& lanes) : ring_{kPeers, flags(copies, lanes)} {
    for (std::size_t n = 1; n <= kPeers; ++n) ring_.start(n, {}, {.output = null_.fd()});
    if (!ring_.closed(kFormedWithin)) throw std::runtime_error{"the ring did not close"};
  }
  [[nodiscard]] static LoadOptions load(std::size_t in_flight, std::size_t bytes,
                                        const std::string& lanes) {
    LoadOptions options;
    if (has_key(lanes)) options.keys = {*lane::RingKey::parse(kKey)};
    for (std::size_t n = 1; n <= kPeers; ++n) {
      options.peers.push_back(loopback(static_cast<std::uint32_t>(n)));
    }
    options.port = e2e::kRingPort;
    options.in_flight = in_flight;
    options.bytes = bytes;
    return options;
  }
  [[nodiscard]] double cpu_seconds() {
    double sum = 0;
    for (std::size_t n = 1; n <= kPeers; ++n) sum += ring_.peer(n).cpu_seconds();
    return sum;
  }
  [[nodiscard]] std::vector<double> resident_mib() {
    std::vector<double> each;
    for (std::size_t n = 1; n <= kPeers; ++n) {
      each.push_back(static_cast<double>(ring_.peer(n).resident_kib()) / 1024);
    }
    return each;
  }

 private:
  static bool has_key(const std::string& lanes) { return lanes == kSealed || lanes == kCurve; }
  static std::string lanes_flag(const std::string& lanes) {
    return lanes == kSealed ? "udp" : lanes == kCurve ? "zmq" : lanes;
  }
  static std::vector<std::string> flags(int copies, const std::string& lanes) {
    std::vector<std::string> flags{
        "--copies", std::to_string(copies), "--lanes", lanes_flag(lanes), "--log-hops",
        "false",    "--seed-on-start",      "0",       "--ring",          "podring"};
    if (has_key(lanes)) flags.insert(flags.end(), {"--ring-key-file", key_file()});
    return flags;
  }
  static std::string key_file() {
    std::string path = e2e::scratch_folder() + "/ring-key";
    if (::access(path.c_str(), F_OK) == 0) return path;  // a peer that starts may be reading it
    std::ofstream{path} << kKey << '\n';
    ::chmod(path.c_str(), 0600);
    return path;
  }
  DevNull null_;
  TestRing ring_;
};

void run_podring(const Options& options, int copies, const std::string& lanes, Series& series) {
  PodringRing ring{copies, lanes};
  LoadOptions load_options = PodringRing::load(series.in_flight, series.bytes, lanes);
  load_options.limit = options.hops;
  RingLoad load{load_options};
  (void)load.run_for(std::chrono::milliseconds{options.warm_up_ms});
  const double cpu_before = ring.cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  const RingLoad::Done done = load.run_for(std::chrono::milliseconds{options.measure_ms});
  const double seconds = seconds_since(begin);
  series.add(done.completed * options.hops, seconds, ring.cpu_seconds() - cpu_before,
             done.hop_times);
}

void run_bare(const Options& options, BareKind kind, Series& series) {
  BareRing ring{kind, kPeers, series.in_flight, series.bytes};
  std::this_thread::sleep_for(std::chrono::milliseconds{options.warm_up_ms});
  const auto begin = std::chrono::steady_clock::now();
  (void)ring.hop_times();
  const double cpu_before = ring.cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds{options.measure_ms});
  const double seconds = seconds_since(begin);
  const double cpu = ring.cpu_seconds() - cpu_before;
  const HopTimes times = ring.hop_times();
  series.add(times.total(), seconds, cpu, times);
}

struct Memory {
  std::size_t bytes = 0;  ///< of each message
  std::vector<double> idle_mib;
  std::vector<double> full_mib;  ///< the highest seen of each peer
  std::uint64_t refused = 0;     ///< seeds, once it was full
};

/// Seeds until every peer refuses, and keeps it so.
Memory run_full(const Options& options, std::size_t bytes) {
  Memory memory;
  memory.bytes = bytes;
  PodringRing ring{2, options.lanes.front()};
  memory.idle_mib = memory.full_mib = ring.resident_mib();
  LoadOptions load_options = PodringRing::load(kOverFull, bytes, options.lanes.front());
  load_options.seeds_at_once = 16;
  load_options.limit_kind = LimitKind::laps;
  load_options.limit = kLapsMax;
  RingLoad load{load_options};
  const auto until = std::chrono::steady_clock::now() +
                     std::chrono::milliseconds{options.warm_up_ms + options.measure_ms};
  while (std::chrono::steady_clock::now() < until || memory.refused == 0) {
    memory.refused += load.run_for(100ms).refused;
    if (std::chrono::steady_clock::now() > until + kFullWithin) {
      throw std::runtime_error{"the ring does not get full"};
    }
    const std::vector<double> now = ring.resident_mib();
    for (std::size_t i = 0; i < now.size(); ++i) {
      memory.full_mib[i] = std::max(memory.full_mib[i], now[i]);
    }
  }
  return memory;
}

/// From the start of the process to its `ready` line, in ms.
double start_ms() {
  TestRing ring{1};
  const auto begin = std::chrono::steady_clock::now();
  ring.start(1);
  if (!ring.peer(1).wait_for_lines(R"("event":"ready")", 1, kFormedWithin)) {
    throw std::runtime_error{"podring did not get ready"};
  }
  return seconds_since(begin) * 1e3;
}

struct Table {
  std::size_t bytes = 0;
  std::size_t in_flight = 0;
  std::vector<Series> rows = {};  ///< kBare's first
};

struct Results {
  std::vector<Table> tables;
  std::vector<Memory> full;
  std::vector<double> start_ms;
};

Table empty_table(const Options& options, std::size_t bytes, std::size_t in_flight) {
  Table table{bytes, in_flight};
  for (const BareKind kind : kBare) table.rows.push_back({name_of(kind), bytes, in_flight});
  for (const std::string& lanes : options.lanes) {
    for (const int copies : options.copies) {
      const std::string name = "podring, copies " + std::to_string(copies) + ", " + lanes;
      table.rows.push_back({name, bytes, in_flight});
    }
  }
  return table;
}

Results measure(const Options& options) {
  Results results;
  for (const std::size_t bytes : options.sizes) {
    for (const std::size_t in_flight :
         {std::min(options.in_flight, kUnderWayMax / bytes), std::size_t{1}}) {
      results.tables.push_back(empty_table(options, bytes, in_flight));
    }
  }
  for (int i = 0; i < options.repetitions; ++i) {
    for (Table& table : results.tables) {
      auto row = table.rows.begin();
      for (const BareKind kind : kBare) run_bare(options, kind, *row++);
      for (const std::string& lanes : options.lanes) {
        for (const int copies : options.copies) run_podring(options, copies, lanes, *row++);
      }
    }
    results.start_ms.push_back(start_ms());
  }
  for (const std::size_t bytes : {std::size_t{256}, std::size_t{16 * 1024}}) {
    results.full.push_back(run_full(options, bytes));
  }
  return results;
}

void print_table(const Options& options, const Table& table) {
  std::printf("ring of %zu, %zu B, %zu in flight, %u hops each; %d repetitions of %d ms\n", kPeers,
              table.bytes, table.in_flight, options.hops, options.repetitions, options.measure_ms);
  print_head();
  const Series& bare = table.rows.front();
  const auto rows = [&](std::vector<double> Series::*values, const char* unit) {
    for (const Series& series : table.rows) {
      char text[64];
      std::snprintf(text, sizeof text, "%-18s %5.2f x libzmq", unit,
                    median(series.*values) / std::max(median(bare.*values), 1e-9));
      print(series.name, series.*values, &series == &bare ? unit : text);
    }
  };
  if (table.in_flight > 1) rows(&Series::hops_per_s, "hops/s");
  rows(&Series::p50_us, "us a hop, median");
  rows(&Series::p99_us, "us a hop, p99");
  rows(&Series::cpu_s_per_million, "CPU s/million hops");
  std::printf("\n");
}

void print_text(const Options& options, const Results& results) {
  for (const Table& table : results.tables) print_table(options, table);
  print("start to ready", results.start_ms, "ms");
  for (const Memory& memory : results.full) {
    const std::string what = " with messages of " + std::to_string(memory.bytes) + " B";
    print("RSS, idle", memory.idle_mib, "MiB a peer");
    print("RSS, ring full" + what, memory.full_mib, "MiB a peer");
  }
}

std::string json_of(const std::vector<double>& values) {
  std::string text = "[";
  for (const double value : values) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.6g", text.size() > 1 ? "," : "", value);
    text += number;
  }
  return text + "]";
}

void print_json(const Options& options, const Results& results) {
  std::printf(R"({"peers":%zu,"hops":%u,"start_ms":%s,"rings":[)", kPeers, options.hops,
              json_of(results.start_ms).c_str());
  const char* separator = "";
  for (const Table& table : results.tables) {
    for (const Series& series : table.rows) {
      std::printf(
          R"(%s{"name":"%s","bytes":%zu,"in_flight":%zu,"hops_per_s":%s,"p50_us":%s,"p99_us":%s,)"
          R"("cpu_s_per_million_hops":%s})",
          std::exchange(separator, ","), series.name.c_str(), series.bytes, series.in_flight,
          json_of(series.hops_per_s).c_str(), json_of(series.p50_us).c_str(),
          json_of(series.p99_us).c_str(), json_of(series.cpu_s_per_million).c_str());
    }
  }
  std::printf(R"(],"full":[)");
  separator = "";
  for (const Memory& memory : results.full) {
    std::printf(R"(%s{"bytes":%zu,"idle_mib":%s,"full_mib":%s,"refused":%llu})",
                std::exchange(separator, ","), memory.bytes, json_of(memory.idle_mib).c_str(),
                json_of(memory.full_mib).c_str(), static_cast<unsigned long long>(memory.refused));
  }
  std::printf("]}\n");
}

/// That every figure is there; nothing of how high it is. (CPU time is known in steps of 10 ms, so
/// a lone envelope may seem to take none.)
bool plausible(const Results& results) {
  const auto positive = [](const std::vector<double>& values) {
    return !values.empty() &&
           std::all_of(values.begin(), values.end(), [](double value) { return value > 0; });
  };
  bool good = positive(results.start_ms);
  for (const Table& table : results.tables) {
    for (const Series& series : table.rows) {
      good = good && positive(series.hops_per_s) && positive(series.p50_us) &&
             positive(series.p99_us) &&
             (series.in_flight == 1 || positive(series.cpu_s_per_million));
    }
  }
  for (const Memory& memory : results.full) {
    good = good && positive(memory.full_mib) && memory.refused > 0;
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{
      "A ring of 3 podring processes beside the same ring made of bare libzmq and bare UDP."};
  app.add_option("--copies", options.copies, "what podring is run with, one after the other")
      ->check(CLI::Range(1, 3))
      ->delimiter(',');
  app.add_option("--lanes", options.lanes,
                 "the same: zmq, udp, curve (zmq with a ring key), sealed (udp with one)")
      ->check(CLI::IsMember({"zmq", "udp", kSealed, kCurve}))
      ->delimiter(',');
  app.add_option("--in-flight", options.in_flight, "messages going round at a time")
      ->check(CLI::Range(1, 1500));
  app.add_option("--size", options.sizes, "bytes of each message, one size after the other")
      ->check(CLI::Range(8, 32 * 1024))
      ->delimiter(',');
  app.add_option("--hops", options.hops, "of each of podring's envelopes; bare ones never end")
      ->check(CLI::Range(2, 500));
  app.add_option("--repetitions", options.repetitions)->check(CLI::Range(1, 100));
  app.add_option("--measure-ms", options.measure_ms, "of each repetition")
      ->check(CLI::Range(100, 600'000));
  app.add_flag("--json", options.json, "every repetition's figures, for a program");
  app.add_flag("--smoke", options.smoke, "once, and shortly: to see that it works");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "bench_ring: %s\n",
                 podring::terminal::mistake(app, error, "bench_ring").c_str());
    return 2;
  }
  if (options.smoke) {
    options.copies = {2};
    options.repetitions = 1;
    options.hops = 10;
    options.warm_up_ms = 100;
    options.measure_ms = 1000;
  }
  try {
    const Results results = measure(options);
    options.json ? print_json(options, results) : print_text(options, results);
    if (plausible(results)) return 0;
    std::fprintf(stderr, "bench_ring: a figure is missing or not above 0\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_ring: %s\n", error.what());
  }
  return 1;
}
