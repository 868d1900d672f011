// What `podring top` shows: the model as lines. No I/O, no clock.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "top/model.h"

namespace podring::top {

/// How the one stream is.
struct Connection {
  bool live = false;     ///< the stream is open
  TimePoint heard_at{};  ///< of its last event
  std::string why;       ///< when not live: a sentence
};

struct Look {
  std::size_t columns = 80;           ///< 20 or more are filled; fewer cut the lines
  std::optional<std::size_t> rows{};  ///< nullopt: as many as all pods take
  bool colour = false;
  std::size_t first = 0;       ///< of the pods shown, the first at the top
  bool troubled_only = false;  ///< leave out the pods that are well
};

struct Screen {
  std::vector<std::string> lines;  ///< at most Look::rows
  std::size_t first = 0;           ///< Look::first, as far as the pods allow
  std::size_t page = 0;            ///< pods that were shown at a time
};

/// Needs a ring in the model.
[[nodiscard]] Screen draw(const Model& model, const Connection& connection, const Look& look,
                          TimePoint now);

}  // namespace podring::top
