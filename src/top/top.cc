#include "top/top.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <system_error>

#include "net/loop.h"
#include "net/loop_clock.h"
#include "terminal/text.h"
#include "top/follower.h"
#include "top/full_screen.h"
#include "top/keys.h"
#include "top/options.h"
#include "top/screen.h"
#include "top/stream.h"

namespace podring::top {
namespace {

constexpr int kTickMs = 250;
constexpr Duration kRedrawAfter = std::chrono::seconds{1};  // ages grow while nothing happens
constexpr int kSignalled = 128;
constexpr std::size_t kOnceColumns = 1'000;  // nothing is left out or broken

int fail(int code, const std::string& sentence) {
  std::fprintf(stderr, "podring top: %s\n", terminal::printable(sentence).c_str());
  return code;
}

int unreachable(const HttpUrl& server, const std::string& why) {
  return fail(kExitUnreachable,
              "nothing to show from " + to_string(server) + ": " + why +
                  ". Start a peer there, or lead --url to one that can be asked: its address and "
                  "--http-port, such as http://10.42.0.9:8080");
}

int run_once(const HttpUrl& server) {
  Stream stream{server};
  Model model;
  LoopClock clock;
  std::string unreadable;
  const std::string why = stream.read([&](const SentEvent& event) {
    if (!model.take(event.type, event.data, clock.read())) unreadable = unreadable_event(event);
    return unreadable.empty() && !model.ring();
  });
  if (!model.ring()) return unreachable(server, why.empty() ? unreadable : why);
  Look look;
  look.columns = kOnceColumns;
  look.rows = std::nullopt;
  const TimePoint now = clock.read().steady;
  std::string text;
  for (const std::string& line : draw(model, {true, now, {}}, look, now).lines) {
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    return fail(kExitUsage, "the screen could not be written");
  }
  return kExitDone;
}

/// SIGWINCH and the signals that end, as a descriptor. To be made before any thread is.
OwnFd caught_signals() {
  sigset_t caught;
  sigemptyset(&caught);
  for (const int signal : {SIGWINCH, SIGINT, SIGTERM, SIGHUP}) sigaddset(&caught, signal);
  ::pthread_sigmask(SIG_BLOCK, &caught, nullptr);
  OwnFd fd{::signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (fd.get() < 0) throw std::system_error{errno, std::generic_category(), "signalfd"};
  return fd;
}

class Session {
 public:
  explicit Session(const HttpUrl& server)
      : server_{server}, signals_{caught_signals()}, follower_{server} {}

  int run() {
    if (const auto code = await_ring()) return *code;
    FullScreen terminal;
    while (!code_) {
      if (!show(terminal)) return kSignalled + SIGHUP;  // the terminal is gone
      read_input(terminal);
    }
    return *code_;
  }

 private:
  /// The exit code when no ring was told.
  std::optional<int> await_ring() {
    constexpr int kLookMs = 20;
    while (!follower_.has_ring()) {
      if (const auto why = follower_.failed()) return unreachable(server_, *why);
      pollfd waited{signals_.get(), POLLIN, 0};
      ::poll(&waited, 1, kLookMs);
      read_signals();
      if (code_) return code_;
    }
    return std::nullopt;
  }

  bool show(FullScreen& terminal) {
    const std::uint64_t changes = follower_.changes();
    const TimePoint now = clock_.read().steady;
    if (!redraw_ && changes == drawn_ && now - drawn_at_ < kRedrawAfter) return true;
    redraw_ = false;
    drawn_ = changes;
    drawn_at_ = now;
    const terminal::Size size = terminal::size_of(STDOUT_FILENO);
    look_.columns = size.columns;
    look_.rows = size.rows;
    const Follower::Seen seen = follower_.seen();
    const Screen screen = draw(seen.model, seen.connection, look_, seen.now);
    look_.first = screen.first;
    page_ = std::max<std::size_t>(screen.page, 1);
    return terminal.show(screen.lines);
  }

  void read_input(FullScreen& terminal) {
    std::array<pollfd, 2> waited{{{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    ::poll(waited.data(), waited.size(), kTickMs);
    read_signals();
    if (waited[0].revents == 0) return;
    std::array<char, 256> bytes{};
    const ssize_t size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN)) code_ = kSignalled + SIGHUP;
    if (size <= 0) return;
    for (const Key key : keys_.take({bytes.data(), static_cast<std::size_t>(size)})) {
      obey(key, terminal);
    }
  }

  void read_signals() {
    signalfd_siginfo told{};
    while (::read(signals_.get(), &told, sizeof told) == sizeof told) {
      if (told.ssi_signo == SIGWINCH) {
        redraw_ = true;
      } else {
        code_ = kSignalled + static_cast<int>(told.ssi_signo);
      }
    }
  }

  void obey(Key key, FullScreen& terminal) {
    redraw_ = true;
    std::size_t& first = look_.first;  // draw() keeps it within the pods
    switch (key) {
      case Key::quit:
        code_ = kExitDone;
        break;
      case Key::suspend:
        terminal.suspend();
        break;
      case Key::up:
        first -= std::min<std::size_t>(first, 1);
        break;
      case Key::down:
        ++first;
        break;
      case Key::page_up:
        first -= std::min(first, page_);
        break;
      case Key::page_down:
        first += page_;
        break;
      case Key::home:
        first = 0;
        break;
      case Key::end:
        first = kLast;
        break;
      case Key::troubled:
        look_.troubled_only = !look_.troubled_only;
        first = 0;
        break;
      case Key::redraw:
        break;
    }
  }

  static constexpr std::size_t kLast = 1'000'000;  // beyond the largest view

  const HttpUrl& server_;
  OwnFd signals_;
  Follower follower_;
  LoopClock clock_;
  Keys keys_;
  Look look_{.colour = terminal::wants_colour(STDOUT_FILENO)};
  std::size_t page_ = 1;
  bool redraw_ = true;
  std::uint64_t drawn_ = 0;
  TimePoint drawn_at_{};
  std::optional<int> code_;
};

}  // namespace

int run(const std::vector<std::string>& arguments) {
  const Parsed parsed = parse_options(arguments);
  if (parsed.print) {
    const bool written = std::fputs(parsed.print->c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    return written ? kExitDone : kExitUsage;
  }
  if (!parsed.error.empty()) return fail(kExitUsage, parsed.error);
  const Options& options = parsed.options;
  try {
    if (options.once) return run_once(options.server);
    if (::isatty(STDIN_FILENO) != 1 || !terminal::is_terminal(STDOUT_FILENO)) {
      return fail(kExitUsage,
                  "it needs a terminal for input and output, and TERM set (such as TERM=xterm); "
                  "podring top --once prints one screen as plain text");
    }
    return Session{options.server}.run();
  } catch (const std::exception& error) {
    return fail(kExitUsage, error.what());
  }
}

}  // namespace podring::top
