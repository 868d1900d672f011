// How long hops took, from one arrival to the next, in microseconds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

namespace podring::bench {

class HopTimes {
 public:
  static constexpr std::size_t kMicrosMax = 1'000'000;  ///< longer ones count as this long

  /// Less than 0 (somebody set the clock back) counts as 0.
  void add(std::int64_t micros, std::uint64_t count = 1) {
    const auto at = static_cast<std::size_t>(
        std::clamp<std::int64_t>(micros, 0, static_cast<std::int64_t>(kMicrosMax)));
    if (at >= counts_.size()) counts_.resize(at + 1);
    counts_[at] += count;
    total_ += count;
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// The microseconds that a share `part` (0..1) of the hops did not exceed; 0 when there are none.
  [[nodiscard]] double quantile(double part) const {
    const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(total_));
    std::uint64_t below = 0;
    for (std::size_t at = 0; at < counts_.size(); ++at) {
      below += counts_[at];
      if (below > wanted || below == total_) return static_cast<double>(at);
    }
    return 0;
  }

  /// "micros count micros count ..."
  [[nodiscard]] std::string text() const {
    std::string text;
    for (std::size_t at = 0; at < counts_.size(); ++at) {
      if (counts_[at] > 0) text += std::to_string(at) + " " + std::to_string(counts_[at]) + " ";
    }
    return text;
  }
  void add_text(const std::string& text) {
    std::istringstream in{text};
    std::int64_t micros = 0;
    for (std::uint64_t count = 0; in >> micros >> count;) add(micros, count);
  }

 private:
  std::vector<std::uint64_t> counts_;  // by microseconds
  std::uint64_t total_ = 0;
};

}  // namespace podring::bench
