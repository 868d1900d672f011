// What was found, counted by kind, with the first examples of each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace podring::verify {

enum class Severity : std::uint8_t { note, unproven, wrong };

/// In the order in which they are told.
enum class Finding : std::uint8_t {
  // wrong
  lost,
  visit_missing,
  visit_repeated,
  accepted_twice,
  ended_twice,
  end_wrong,
  order_wrong,
  trace_wrong,
  sender_wrong,
  lap_wrong,
  seed_wrong,
  view_wrong,
  line_doubled,
  lines_swapped,
  // unproven
  end_unproven,
  visit_unproven,
  order_unproven,
  seq_gap,
  begin_missing,
  log_cut,
  line_damaged,
  log_missing,
  // notes
  never_safe,
  held_at_exit,
  expired,
  repeated_with_detours,
  ended_again_with_detours,
  repeated_after_forgetting,
  lines_dropped,
  no_stopped,
};
inline constexpr std::size_t kFindings = static_cast<std::size_t>(Finding::no_stopped) + 1;

struct FindingKind {
  std::string_view name;  ///< for programs
  Severity severity = Severity::note;
  std::string_view title;  ///< for people; what it means
};
[[nodiscard]] const FindingKind& kind_of(Finding finding);

/// One line of an id's story, as the table shows it.
struct Row {
  std::string what;  ///< seeded, received, completed, ...
  std::optional<std::uint32_t> hop;
  std::optional<std::uint32_t> lap;
  WallTime ts;
  std::string pod;
  std::string address;
  std::string from;
  std::uint64_t seq = 0;
  std::string note;
  bool marked = false;  ///< this is where it is wrong
};
struct Example {
  std::string what;  ///< a sentence
  std::string id;    ///< empty: it is about a log, not about an id
  std::vector<Row> rows;
};

class Verdict {
 public:
  explicit Verdict(std::size_t examples_max) : examples_max_{examples_max} {}

  /// Counts one; the example to be filled in, or nullptr when there are enough.
  Example* add(Finding finding, std::uint64_t count = 1);
  /// The same with a sentence that costs little to make.
  void tell(Finding finding, std::string what);

  [[nodiscard]] std::uint64_t count(Finding finding) const {
    return found_[static_cast<std::size_t>(finding)].count;
  }
  [[nodiscard]] const std::vector<Example>& examples(Finding finding) const {
    return found_[static_cast<std::size_t>(finding)].examples;
  }
  [[nodiscard]] Severity worst() const;

 private:
  struct Found {
    std::uint64_t count = 0;
    std::vector<Example> examples;
  };
  std::size_t examples_max_;
  std::array<Found, kFindings> found_;
};

}  // namespace podring::verify
