// A short story on the simulated network: a few peers named A, B, C ..., one scripted fault, and a
// record of what everybody did. For the tests named delivery_*.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/sim_net.h"
#include "support/sim_oracle.h"

namespace podring::sim {

struct StoryOptions {
  std::string hosts = "ABC";         ///< who is there from the start
  Settings settings{};               ///< everybody's, unless start() is given others
  std::vector<std::string> nodes{};  ///< by host letter; empty: each its own
  Lane lane = Lane::stream;
  Duration log_delay{};
  Duration delay = std::chrono::milliseconds{1};
  std::optional<ProgramOptions> program{};  ///< everybody has one
};

struct Visit {
  std::string pod;
  std::uint32_t hop = 0;
  std::uint32_t lap = 0;
  bool detours = false;
  friend bool operator==(const Visit&, const Visit&) = default;
};

/// What is said by an ack, or nothing (every frame of the type).
struct Match {
  char from = 0;
  char to = 0;
  FrameType type = FrameType::relay;
  std::optional<AckLevel> level_least{};  ///< an ack with a word at least as strong
};

class Story {
 public:
  /// Starts everybody with one fixed view and waits until the ring is whole. In a program
  /// with wrong rules the environment variable PODRING_MUTATION (a name from planted/fault.h)
  /// plants one: the stories must notice.
  explicit Story(StoryOptions options);

  SimNet net;

  /// The newest process at this host.
  [[nodiscard]] Pid at(char host) const { return net_pids_[static_cast<std::size_t>(host - 'A')]; }
  [[nodiscard]] static Host host(char letter) { return letter - 'A'; }
  Pid start(char host, std::string_view view, std::optional<Settings> settings = std::nullopt);
  void view(char host, std::string_view view);
  void view_of_all(std::string_view view);
  void answer(char host, std::string_view view);  ///< one DNS answer

  EnvelopeId seed(char host, SeedRequest request = {});
  EnvelopeId seed_hops(char host, std::uint32_t hops, bool receipt = false);
  EnvelopeId seed_laps(char host, std::uint32_t laps, bool receipt = false);

  void drop(Match match, int count = 1'000'000);
  void hold(Match match);
  /// Drops and holds no more; what was held goes on.
  void release();
  /// The same for one way only.
  void release(char from, char to);
  void cut(char from, char to);
  void cut_both(char a, char b);
  void heal();
  void crash(char host, Death death = Death::process) { net.crash(at(host), death); }
  void pause(char host) { net.pause(at(host)); }
  void resume(char host) { net.resume(at(host)); }

  void run(Duration duration) { net.run_for(duration); }
  bool until(const std::function<bool()>& condition, Duration bound = std::chrono::seconds{20}) {
    return net.run_until(condition, bound);
  }
  /// Everything ends and nobody holds anything.
  bool until_quiet(Duration bound = std::chrono::seconds{60});

  // ---- what happened
  [[nodiscard]] bool holds(char host, EnvelopeId id) const;
  /// Letters of all who hold it, in order of address.
  [[nodiscard]] std::string holders(EnvelopeId id) const;
  [[nodiscard]] HeldStatus held(char host, EnvelopeId id) const;
  [[nodiscard]] bool safe(EnvelopeId id) const { return net.oracle().id(id).confirmed; }
  [[nodiscard]] int completed(EnvelopeId id) const { return net.oracle().id(id).completed; }
  [[nodiscard]] int expired(EnvelopeId id) const { return net.oracle().id(id).expired; }
  [[nodiscard]] int receipts(EnvelopeId id) const { return net.oracle().id(id).receipts; }
  /// Ends whose line tells of a detour.
  [[nodiscard]] int ends_with_detours(EnvelopeId id) const;
  [[nodiscard]] std::vector<Visit> visits(EnvelopeId id) const;
  /// Names of the pods visited, with blanks between.
  [[nodiscard]] std::string path(EnvelopeId id) const;
  [[nodiscard]] std::vector<std::uint32_t> laps(char host, EnvelopeId id) const {
    return net.oracle().accepted(at(host), id);
  }
  [[nodiscard]] const Counters& counters(char host) const { return net.peer(at(host)).counters(); }
  [[nodiscard]] std::string successor(char host) const;
  [[nodiscard]] std::string view(char host) const;  ///< "ABC"
  /// Pods where it ended, in the order of ending.
  [[nodiscard]] std::string ended_at(EnvelopeId id) const;
  /// Empty, or which invariant of the oracle was broken.
  [[nodiscard]] std::string wrong() const;

 private:
  struct Rule {
    Match match;
    Fate fate = Fate::drop;
    int count = 0;
  };
  [[nodiscard]] Fate judge(const FrameInfo& info);
  void watch(Pid pid, const Event& event);
  [[nodiscard]] std::vector<Host> hosts_of(std::string_view letters) const;

  StoryOptions options_;
  std::vector<Pid> net_pids_;
  std::vector<Rule> rules_;
  std::vector<std::pair<EnvelopeId, Visit>> visits_;
  std::vector<std::tuple<EnvelopeId, std::string, bool>> ends_;
};

}  // namespace podring::sim
