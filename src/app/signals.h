// SIGTERM and SIGINT for the loop: the first asks to leave, the second to end at once, and the
// third ends the process even when the loop no longer turns.
#pragma once

#include "net/loop.h"

namespace podring {

/// One per process, made before any thread is. Also ignores SIGPIPE: a reader of the log or of HTTP
/// that goes away is an error of that write, not the end of the process.
class Signals {
 public:
  using Asked = std::function<void(int signal, int times)>;  ///< times: 1 or 2, from the loop

  Signals(Loop& loop, Asked asked);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  Loop& loop_;
  OwnFd wake_;
  int told_ = 0;
};

}  // namespace podring
