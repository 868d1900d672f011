// Figures of several runs, printed as min, median and max.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace podring::bench {

/// `values` is not empty.
[[nodiscard]] inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// The value that a share `part` (0..1) of them does not exceed; 0 when there are none.
template <typename T>
[[nodiscard]] double quantile(std::vector<T>& values, double part) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return static_cast<double>(values[at]);
}

inline void print(const std::string& what, const std::vector<double>& values, const char* unit) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  std::printf("%-44s %11.4g %11.4g %11.4g  %s\n", what.c_str(), *low, median(values), *high, unit);
  std::fflush(stdout);
}
inline void print_head() { std::printf("%-44s %11s %11s %11s\n", "", "min", "median", "max"); }

}  // namespace podring::bench
