// The whole terminal as one picture, and keys as they are pressed.
#pragma once

#include <termios.h>

#include <string>
#include <vector>

namespace podring::top {

/// Takes the terminal behind standard input and output while it lives, and gives it back as it was.
class FullScreen {
 public:
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  /// False when the terminal is gone.
  [[nodiscard]] bool show(const std::vector<std::string>& lines);
  /// Gives the terminal back, lets the shell stop this job, and takes it again when it goes on.
  void suspend();

 private:
  void enter();
  void leave();

  termios before_{};
};

}  // namespace podring::top
