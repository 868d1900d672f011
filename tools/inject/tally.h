// What became of the messages: counts, latencies, the first few of them in full, and why others
// failed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "core/codec.h"
#include "core/types.h"

namespace podring::inject {

/// How one message ended for this program.
enum class Fate : std::uint8_t {
  reached,    ///< the stage that was waited for
  expired,    ///< no time was left before it was completed
  refused,    ///< not taken, and trying again is of no use
  timed_out,  ///< no word in time; it may still go on
  unknown     ///< the connection broke: nobody can tell
};
[[nodiscard]] std::string_view to_string(Fate fate);

struct Told {
  Fate fate = Fate::reached;
  std::string id;  ///< empty: it was not taken, or nobody knows
  Duration latency{};
  std::vector<std::pair<std::string, WallTime>> trace;
  std::uint32_t trace_omitted = 0;
};

struct Percentiles {
  Duration min{};
  Duration p50{};
  Duration p90{};
  Duration p99{};
  Duration max{};
};

class Tally {
 public:
  static constexpr std::size_t kToldMax = 1'000;  ///< kept in full
  static constexpr std::size_t kReasonsMax = 20;  ///< different ones kept

  /// `ids` gets the ids of those that reached the stage, one a line, as soon as they did; it may
  /// be nullptr.
  explicit Tally(std::ostream* ids) : ids_{ids} {}
  Tally() = default;

  void add(Told told);
  /// A sentence about a message that did not reach its stage, or about trying again.
  void add_reason(const std::string& reason);
  void add_retry() { ++retries_; }  ///< the ring was full; tried again

  [[nodiscard]] std::uint64_t of(Fate fate) const { return fates_[static_cast<int>(fate)]; }
  [[nodiscard]] std::uint64_t ended() const;
  [[nodiscard]] std::uint64_t retries() const { return retries_; }
  [[nodiscard]] const std::vector<Told>& told() const { return told_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& reasons() const { return reasons_; }
  /// Of those that reached the stage; nullopt when none did.
  [[nodiscard]] std::optional<Percentiles> latencies() const;

 private:
  std::ostream* ids_ = nullptr;
  std::uint64_t fates_[5] = {};
  std::uint64_t retries_ = 0;
  std::vector<std::uint32_t> latencies_us_;
  std::vector<Told> told_;
  std::map<std::string, std::uint64_t> reasons_;
};

}  // namespace podring::inject
