#include "top/table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "terminal/text.h"

namespace podring::top {
namespace {

using terminal::Colour, terminal::columns_of, terminal::grouped, terminal::padded,
    terminal::painted, terminal::shortened, terminal::shown, terminal::shown_coarsely;

constexpr std::size_t kGap = 2;
constexpr std::size_t kCellMin = 6;  // a name that is cut further tells nothing

struct Cell {
  const Model& model;
  std::size_t index;  ///< of the pod
  const Pod& pod;
  Duration since;  ///< the ring was told
};

std::string percent(std::uint64_t part, std::uint64_t whole) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2g %%",
                100 * static_cast<double>(part) / static_cast<double>(whole));
  return text.data();
}

/// So that no colour alone carries a meaning.
std::string mark_cell(const Cell& cell) {
  const std::string& state = cell.pod.state;
  if (state == "suspected" || cell.model.is_astray(cell.index)) return "!";
  if (state == "leaving") return "-";
  if (state == "connecting") return "~";
  if (state != "up") return "?";
  return cell.pod.self ? "*" : " ";
}

std::string suspects_cell(const Cell& cell) {
  std::string out;
  for (const std::string& by : cell.pod.suspected_by) {
    out += (out.empty() ? "" : ", ") + cell.model.name_of(by);
  }
  return out;
}

std::string target_cell(const Cell& cell) {
  const std::vector<Pod>& pods = cell.model.ring()->pods;
  const std::string target = cell.model.target_of(cell.pod);
  if (target.empty()) return cell.pod.figures && cell.pod.state == "up" ? "nobody" : "";
  if (target == cell.pod.address) return "itself";
  if (target == pods[(cell.index + 1) % pods.size()].address) return "next";
  return cell.model.name_of(target);
}

/// Of the link to the next pod, which only its two ends have counted.
std::string loss_cell(const Cell& cell) {
  const Ring& ring = *cell.model.ring();
  std::vector<LaneLoss> told;
  if (cell.pod.address == ring.predecessor) told = cell.pod.lost_from;
  if (cell.pod.self) {
    const auto next = std::find_if(ring.pods.begin(), ring.pods.end(),
                                   [&](const Pod& one) { return one.address == ring.successor; });
    if (next != ring.pods.end()) told = next->lost_to;
  }
  std::string out;
  for (const LaneLoss& loss : told) {
    out += (out.empty() ? "" : ", ") + loss.lane + " " + percent(loss.lost, loss.of);
  }
  return out;
}

std::string age_cell(const Cell& cell) {
  const auto& told = cell.pod.figures;
  return told ? shown_coarsely(told->uptime + told->age + cell.since) : "";
}

std::string round_trip_cell(const Cell& cell) {
  const auto& told = cell.pod.figures;
  return told && told->round_trip ? shown(*told->round_trip) : "";
}

std::string again_cell(const Cell& cell) {
  const auto& told = cell.pod.figures;
  return told ? sent_again(told->retries, told->handed_on) : "";
}

std::string told_cell(const Cell& cell) {
  return cell.pod.told_age ? shown_coarsely(*cell.pod.told_age + cell.since) : "never";
}

}  // namespace

struct ColumnKind {
  const char* title;
  std::string (*cell)(const Cell& cell);
  std::size_t rank;       ///< the higher, the sooner it is left out; 0: never
  std::size_t width_max;  ///< what is longer is cut
  bool right = false;     ///< figures stand at the right
  bool keep_end = false;  ///< of what is cut: names differ at their ends
  bool of_state = false;  ///< painted in the state's colour
};

namespace {

const ColumnKind kColumns[] = {
    {"", mark_cell, 0, 1, false, false, true},
    {"#", [](const Cell& cell) { return std::to_string(cell.index + 1); }, 6, 6, true},
    {"pod",
     [](const Cell& cell) { return cell.pod.name.empty() ? cell.pod.address : cell.pod.name; }, 0,
     40, false, true},
    {"address", [](const Cell& cell) { return cell.pod.address; }, 3, 39, false, true},
    {"node", [](const Cell& cell) { return cell.pod.node; }, 8, 24, false, true},
    {"age", age_cell, 7, 9, true},
    {"state", [](const Cell& cell) { return cell.pod.state; }, 0, 10, false, false, true},
    {"suspected by", suspects_cell, 5, 30},
    {"hands to", target_cell, 4, 32, false, true},
    {"round trip", round_trip_cell, 1, 10, true},
    {"sent again", again_cell, 2, 16, true},
    {"lost", loss_cell, 9, 24, true},
    {"queue",
     [](const Cell& cell) { return cell.pod.figures ? grouped(cell.pod.figures->queue) : ""; }, 10,
     9, true},
    {"held",
     [](const Cell& cell) { return cell.pod.figures ? grouped(cell.pod.figures->held) : ""; }, 11,
     9, true},
    {"told", told_cell, 12, 9, true},
};

Colour colour_of(const Pod& pod) {
  return pod.state == "up"          ? Colour::green
         : pod.state == "suspected" ? Colour::red
                                    : Colour::yellow;
}

}  // namespace

std::string sent_again(std::uint64_t retries, std::uint64_t handed_on) {
  if (retries == 0) return "0";
  return grouped(retries) + (handed_on > 0 ? " (" + percent(retries, handed_on) + ")" : "");
}

PodTable::PodTable(const Model& model, TimePoint now, std::size_t width, bool troubled_only) {
  const std::vector<Pod>& pods = model.ring()->pods;
  for (const ColumnKind& kind : kColumns) columns_.push_back({&kind});
  for (std::size_t i = 0; i < pods.size(); ++i) {
    const Pod& pod = pods[i];
    const bool well = pod.state == "up" && pod.told_age && !model.is_astray(i);
    if (troubled_only && well) continue;
    shown_.push_back(&pod);
    const Cell cell{model, i, pod, now - model.ring_at()};
    for (Column& column : columns_) column.cells.push_back(column.kind->cell(cell));
  }
  fit(width);
}

void PodTable::fit(std::size_t width) {
  std::size_t taken = 0;
  const auto is_empty = [](const Column& column) {
    return column.kind->rank > 0 && std::all_of(column.cells.begin(), column.cells.end(),
                                                [](const auto& text) { return text.empty(); });
  };
  std::erase_if(columns_, is_empty);
  for (Column& column : columns_) {
    column.width = columns_of(column.kind->title);
    for (const std::string& text : column.cells) {
      column.width = std::max(column.width, columns_of(text));
    }
    column.width = std::min(column.width, column.kind->width_max);
    taken += column.width + kGap;
  }
  // The last column has no gap after it. Those that are the least missed go first.
  while (taken > width + kGap) {
    const auto worst = std::max_element(
        columns_.begin(), columns_.end(),
        [](const Column& a, const Column& b) { return a.kind->rank < b.kind->rank; });
    if (worst->kind->rank == 0) break;
    taken -= worst->width + kGap;
    columns_.erase(worst);
  }
  if (taken <= width + kGap) return;
  const auto widest =
      std::max_element(columns_.begin(), columns_.end(),
                       [](const Column& a, const Column& b) { return a.width < b.width; });
  const std::size_t over = taken - width - kGap;
  widest->width = widest->width > over + kCellMin ? widest->width - over : kCellMin;
}

std::string PodTable::fitted(const Column& column, const std::string& text) {
  return padded(shortened(text, std::max<std::size_t>(column.width, 2), column.kind->keep_end),
                column.width, column.kind->right);
}

std::string PodTable::head(bool colour) const {
  std::string line;
  for (const Column& column : columns_) {
    line += fitted(column, column.kind->title) + std::string(kGap, ' ');
  }
  return painted(line.substr(0, line.find_last_not_of(' ') + 1), Colour::bold, colour);
}

std::string PodTable::row(std::size_t index, bool colour) const {
  const Pod& pod = *shown_[index];
  std::string line;
  for (const Column& column : columns_) {
    const Colour of = column.kind->of_state ? colour_of(pod) : Colour::plain;
    line += painted(fitted(column, column.cells[index]), of, colour) + std::string(kGap, ' ');
  }
  return line;
}

}  // namespace podring::top
