// What all parts of a peer share while an input is worked on: the time, what is to be done, what is
// counted. In: events, frames and drops as they happen. Out: the Outputs that flush() returns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/counters.h"
#include "core/outputs.h"
#include "core/random.h"
#include "core/types.h"

namespace podring {

class Turn {
 public:
  explicit Turn(std::uint64_t jitter_seed) : jitter{jitter_seed} {}

  [[nodiscard]] TimePoint steady() const { return now.steady; }
  void emit(Event event) { out.events.push_back(std::move(event)); }
  void act(Action action) { out.actions.push_back(std::move(action)); }
  void send_link(LinkId link, Bytes frame, std::optional<SendId> id = std::nullopt);
  void send_route(RouteId route, Bytes frame, std::optional<SendId> id = std::nullopt);
  /// Something was dropped at a bound: the line says how many, at most once a second and kind.
  void drop(Shed::What what, std::uint64_t count = 1);
  /// Writes the lines whose second is over.
  void report_drops();

  Now now;
  Counters counters;
  Outputs out;
  SplitMix jitter;

 private:
  struct DropLine {
    std::uint64_t count = 0;
    TimePoint last;
    bool written = false;
  };
  void write(Shed::What what, DropLine& line);

  std::array<DropLine, kShedKinds> drops_;  // by Shed::What
};

}  // namespace podring
