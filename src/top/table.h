// The table of pods, with as many columns as the terminal has room for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/types.h"
#include "top/model.h"

namespace podring::top {

struct ColumnKind;

class PodTable {
 public:
  /// `width` in columns of the terminal; `troubled_only`: without the pods that are well.
  PodTable(const Model& model, TimePoint now, std::size_t width, bool troubled_only);

  [[nodiscard]] std::size_t size() const { return shown_.size(); }
  [[nodiscard]] std::string head(bool colour) const;
  /// `index` below size(). A blank is behind the last column, too.
  [[nodiscard]] std::string row(std::size_t index, bool colour) const;

 private:
  struct Column {
    const ColumnKind* kind = nullptr;
    std::vector<std::string> cells{};  ///< of each pod shown
    std::size_t width = 0;
  };
  void fit(std::size_t width);
  /// Padded and cut to the column.
  [[nodiscard]] static std::string fitted(const Column& column, const std::string& text);

  std::vector<const Pod*> shown_;  ///< the model's
  std::vector<Column> columns_;
};

/// Hand-overs sent again, and their share: "3 (0.2 %)".
[[nodiscard]] std::string sent_again(std::uint64_t retries, std::uint64_t handed_on);

}  // namespace podring::top
