#include "inject/progress_bar.h"

#include <chrono>
#include <csignal>
#include <cstdlib>

#include "terminal/text.h"

namespace podring::inject {
namespace {

using terminal::grouped;

volatile std::sig_atomic_t interrupted_by_user = 0;

void on_interrupt(int) {
  if (interrupted_by_user != 0) std::_Exit(130);  // the second Ctrl-C: at once
  interrupted_by_user = 1;
}

}  // namespace

ProgressBar::ProgressBar(bool drawn) : line_{drawn} {
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // no SA_RESTART: waiting ends at once
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool ProgressBar::interrupted() { return interrupted_by_user != 0; }

bool ProgressBar::go_on(TimePoint now, const Standing& standing) {
  if (begun_ == TimePoint{}) begun_ = now;
  if (line_.is_due(now)) draw(now, standing);
  return !interrupted();
}

void ProgressBar::clear() { line_.clear(); }

void ProgressBar::draw(TimePoint now, const Standing& standing) {
  const double part = standing.count == 0 ? 1
                                          : static_cast<double>(standing.ended) /
                                                static_cast<double>(standing.count);
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  std::string text =
      grouped(standing.ended) + " of " + grouped(standing.count) + "  " +
      std::to_string(static_cast<int>(part * 100)) + " %  " +
      grouped(static_cast<std::uint64_t>(static_cast<double>(standing.ended) / seconds)) +
      " a second";
  if (standing.in_flight > 0) text += "  " + grouped(standing.in_flight) + " under way";
  line_.show(part, text,
             standing.failed > 0 ? grouped(standing.failed) + " failed" : std::string{});
}

}  // namespace podring::inject
