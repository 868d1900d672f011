// Frames in which neighbours tell one another about themselves, and who gets them. What is in them
// is not read here (core/peer_status.h does).
#include <algorithm>

#include "core/peer_state.h"

namespace podring {
namespace {

// One in a healthy ring; more hand on to this peer while they pass over someone before it.
constexpr std::size_t kPredecessorsMax = 4;

}  // namespace

std::vector<StatusNeighbour> Peer::State::status_neighbours() const {
  std::vector<StatusNeighbour> neighbours;
  BootId successor;
  if (!settings.takes_status) return neighbours;
  if (const Link* link = target_link(); link != nullptr && link->takes_status) {
    successor = link->remote.boot;
    neighbours.push_back({successor, link->session, true, link->id});
  }
  std::vector<const Inbound*> diallers;
  for (const Inbound& session : inbound) {
    if (session.used && session.role == Role::peer && session.takes_status &&
        session.remote.boot != successor &&
        now.steady - session.last_heard < settings.silent_after) {
      diallers.push_back(&session);
    }
  }
  const auto nearer = [this](const Inbound* a, const Inbound* b) {  // going downward from here
    const bool a_wraps = a->remote.address > self.address;
    const bool b_wraps = b->remote.address > self.address;
    return a_wraps != b_wraps ? b_wraps : a->remote.address > b->remote.address;
  };
  std::sort(diallers.begin(), diallers.end(), nearer);
  for (std::size_t i = 0; i < std::min(diallers.size(), kPredecessorsMax); ++i) {
    const Inbound& session = *diallers[i];
    neighbours.push_back({session.remote.boot, session.session, false, session.route});
  }
  return neighbours;
}

void Peer::State::send_status(const StatusNeighbour& neighbour, ByteView told) {
  PODRING_CHECK(told.size() <= kStatusBytesMax);
  if (neighbour.successor) {
    if (const Link* link = link_by_id(neighbour.over);
        link != nullptr && link->is_up() && link->session == neighbour.session)
      send(*link, write_frame(header(*link), StatusFrame{told}));
  } else if (const std::uint32_t index = session_of(neighbour.over, neighbour.session);
             index != kNone) {
    send(inbound[index], write_frame(header(inbound[index]), StatusFrame{told}));
  }
}

void Peer::State::on_status(BootId from) {
  if (settings.takes_status) {
    out.statuses.push_back({from, Bytes{frame.status.told}});
  } else {
    ++counters.frames_bad;
  }
}

}  // namespace podring
