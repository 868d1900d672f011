// `podring top`: the page's essence in a terminal.
//
// A client of one pod's GET /events, as the page is: model.h keeps what it tells, screen.h makes
// lines of it, follower.h reads it, and what is here is the terminal.
#pragma once

#include <string>
#include <vector>

namespace podring::top {

/// `arguments` without "podring top". Returns the exit code, as options.h has them.
[[nodiscard]] int run(const std::vector<std::string>& arguments);

}  // namespace podring::top
