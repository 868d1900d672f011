#include "verify_logs/progress.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "terminal/text.h"

namespace podring::verify {
namespace {

using terminal::grouped, terminal::shown_bytes;

TimePoint now() { return TimePoint{std::chrono::steady_clock::now().time_since_epoch()}; }

double part_of(std::uint64_t done, std::uint64_t in_all) {
  if (in_all == 0) return 1;
  return std::min(1.0, static_cast<double>(done) / static_cast<double>(in_all));  // a log may grow
}

std::string percent(double part) { return std::to_string(static_cast<int>(part * 100)) + " %"; }

}  // namespace

void Progress::on_read(std::uint64_t bytes, std::uint64_t lines) {
  if (!line_.is_due(now())) return;
  const std::string counted = "  " + grouped(lines) + " lines";
  if (!in_all_) return line_.show(std::nullopt, "reading  " + shown_bytes(bytes) + counted);
  const double part = part_of(bytes, *in_all_);
  line_.show(part, "reading  " + percent(part) + "  " + shown_bytes(bytes) + " of " +
                       shown_bytes(*in_all_) + counted);
}

void Progress::on_checked(std::uint64_t records, std::uint64_t in_all) {
  if (!line_.is_due(now())) return;
  const double part = part_of(records, in_all);
  line_.show(part, "checking  " + percent(part));
}

}  // namespace podring::verify
