// What links show of themselves, and the frames in which neighbours tell one another about
// themselves. What is in those is not read here (core/peer_status.h does).
#include <algorithm>

#include "core/check.h"
#include "core/links.h"

namespace podring {
namespace {

// One in a healthy ring; more hand on to this peer while they pass over someone before it.
constexpr std::size_t kPredecessorsMax = 4;

}  // namespace

std::vector<StatusNeighbour> Links::status_neighbours(TimePoint now) const {
  std::vector<StatusNeighbour> neighbours;
  BootId successor;
  if (!local_.settings.takes_status) return neighbours;
  if (const OutSession* link = out_.target(); link != nullptr && link->takes_status) {
    successor = link->remote.boot;
    neighbours.push_back({successor, link->session, true, link->id});
  }
  std::vector<const InSession*> diallers;
  for (const InSession& session : in_.all()) {
    if (session.is_peer() && session.takes_status && session.remote.boot != successor &&
        now - session.last_heard < local_.settings.silent_after)
      diallers.push_back(&session);
  }
  const auto nearer = [this](const InSession* a, const InSession* b) {  // going downward from here
    const bool a_wraps = a->remote.address > local_.address();
    const bool b_wraps = b->remote.address > local_.address();
    return a_wraps != b_wraps ? b_wraps : a->remote.address > b->remote.address;
  };
  std::sort(diallers.begin(), diallers.end(), nearer);
  diallers.resize(std::min(diallers.size(), kPredecessorsMax));
  for (const InSession* session : diallers)
    neighbours.push_back({session->remote.boot, session->session, false, session->route});
  return neighbours;
}

void Links::send_status(const StatusNeighbour& neighbour, ByteView status) {
  PODRING_CHECK(status.size() <= kStatusBytesMax);
  if (neighbour.successor) {
    const OutSession* link = out_.find(LinkId{neighbour.over});
    if (link != nullptr && link->is_up() && link->session == neighbour.session)
      out_.send(*link, write_frame(link->header(), StatusFrame{status}));
    return;
  }
  const SessionIndex index = in_.find(neighbour.over, neighbour.session);
  if (index == kNoSession) return;
  in_.send(in_[index], write_frame(in_[index].header(), StatusFrame{status}));
}

std::vector<LinkStatus> Links::link_statuses(TimePoint now) const {
  std::vector<LinkStatus> statuses;
  for (const auto& link : out_.all()) {
    const Health* known = membership_.health().find(link->to);
    LinkStatus status;
    status.link = link->id;
    status.address = link->to;
    if (link->remote.boot.value != 0) status.identity = link->remote;
    status.suspected = known != nullptr && known->suspected;
    status.up = link->is_up() && !status.suspected;
    status.leaving = known != nullptr && known->leaving;
    status.successor = link.get() == out_.target();
    status.session = link->session;
    status.round_trip = link->round_trip.smoothed();
    status.ping_round_trip = link->pings.round_trip.smoothed();
    status.ping_variation = link->pings.round_trip.variation();
    status.in_flight = link->window.unreceived();
    status.unsafe = link->window.unsafe();
    if (link->is_up()) status.heard_ago = now - link->last_heard;
    statuses.push_back(std::move(status));
  }
  membership_.health().for_each([&](Address address, const Health& known) {
    // Who is only remembered as having been suspected is not dialled, and needs no link.
    if (out_.find(address) != nullptr || !membership_.ring().contains(address) ||
        !(known.suspected || known.leaving))
      return;
    LinkStatus status;
    status.address = address;
    status.suspected = known.suspected;
    status.leaving = known.leaving;
    statuses.push_back(std::move(status));
  });
  return statuses;
}

std::vector<InboundStatus> Links::inbound_statuses(TimePoint now) const {
  std::vector<InboundStatus> statuses;
  for (const InSession& session : in_.all()) {
    if (!session.used) continue;
    const Duration heard_ago = now - session.last_heard;
    statuses.push_back({session.route, session.remote, session.role == Role::client,
                        session.session, session.leaving, heard_ago < local_.settings.silent_after,
                        heard_ago});
  }
  return statuses;
}

}  // namespace podring
