#include "core/turn.h"

#include <chrono>

namespace podring {
namespace {

constexpr auto kDropLineEvery = std::chrono::seconds{1};

}  // namespace

void Turn::send_link(LinkId link, Bytes frame, std::optional<SendId> id) {
  ++counters.frames_sent;
  act(SendLink{link, std::move(frame), id});
}

void Turn::send_route(RouteId route, Bytes frame, std::optional<SendId> id) {
  ++counters.frames_sent;
  act(SendRoute{route, std::move(frame), id});
}

void Turn::drop(Shed::What what, std::uint64_t count) {
  DropLine& line = drops_[static_cast<std::size_t>(what)];
  line.count += count;
  if (line.written && steady() - line.last < kDropLineEvery) return;
  write(what, line);
}

void Turn::report_drops() {
  for (std::size_t i = 0; i < drops_.size(); ++i) {
    DropLine& line = drops_[i];
    if (line.count > 0 && steady() - line.last >= kDropLineEvery)
      write(static_cast<Shed::What>(i), line);
  }
}

void Turn::write(Shed::What what, DropLine& line) {
  emit(Shed{what, std::exchange(line.count, 0)});
  line.last = steady();
  line.written = true;
}

}  // namespace podring
