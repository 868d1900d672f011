#include "lane/lanes.h"

#include <algorithm>

#include "core/check.h"
#include "lane/rules.h"

namespace podring::lane {
namespace {

constexpr Duration kForgetEvery = std::chrono::seconds{1};

std::string in_words(const std::optional<RingKeyId>& key) {
  return key ? "ring key " + to_string(*key) : "no ring key";
}

}  // namespace

// ---- lanes and what they belong to
// ----------------------------------------------------------------------

Lanes::Entry* Lanes::find(const Numbers& ids, std::uint32_t id) {
  const auto found = ids.find(id);
  return found == ids.end() ? nullptr : &entries_.at(found->second);
}

Lanes::Entry& Lanes::add(TimePoint now, bool outgoing, std::uint32_t id, Address peer) {
  const std::uint32_t number = next_number_++;
  Entry& entry = entries_[number];
  entry.outgoing = outgoing;
  entry.id = id;
  entry.peer = peer;
  entry.heard = now;
  entry.own = {
      options_.port,         number,
      options_.draw_token(), options_.datagram_max,
      options_.window,       options_.key ? std::optional{options_.key->id()} : std::nullopt};
  (outgoing ? links_ : routes_)[id] = number;
  return entry;
}

void Lanes::remove(Numbers& ids, std::uint32_t id) {
  const auto found = ids.find(id);
  if (found == ids.end()) return;
  const auto entry = entries_.find(found->second);
  if (entry->second.lane) lost_before_ += entry->second.lane->figures().sent_lost;
  entries_.erase(entry);
  ids.erase(found);
}

/// The other side's offer is known: probes begin.
void Lanes::open(TimePoint now, Entry& entry, const LaneOffer& offer) {
  if (entry.lane || entry.refused) return;  // the same hello again
  if (offer.key != entry.own.key) {
    entry.refused = true;
    changes_.push_back(
        {entry.peer,
         entry.outgoing,
         {},
         "this side has " + in_words(entry.own.key) + ", the other " + in_words(offer.key)});
    return;
  }
  const auto& key = entry.second_key ? options_.second_key : options_.key;
  if (key) entry.seal.emplace(*key, entry.own.token, offer.token);
  entry.port = offer.port;
  entry.lane.emplace(now, offer, options_.datagram_max, seeds_.next());
}

void Lanes::use_second_key(LinkId link) {
  Entry* entry = find(links_, link);
  if (entry == nullptr || !options_.second_key) return;
  entry->second_key = true;
  entry->own.key = options_.second_key->id();
}

void Lanes::forget_silent(TimePoint now) {
  if (now < forget_at_) return;
  forget_at_ = now + kForgetEvery;
  std::vector<RouteId> silent;
  for (const auto& [number, entry] : entries_) {
    if (!entry.outgoing && now - entry.heard > kForgottenAfter) silent.push_back(entry.id);
  }
  for (const RouteId route : silent) remove(routes_, route);
}

// ---- what passes on its way to the stream and from it
// ----------------------------------------------------

/// The hello again, with the offer in it.
bool Lanes::offer_in(Bytes& hello, const LaneOffer& offer) {
  if (!read_frame(hello, frame_)) return false;
  frame_.hello.lane = offer;
  hello = write_frame({frame_.version, frame_.session}, frame_.hello);
  return true;
}

bool Lanes::send_link(LinkId link, Bytes& frame, const std::optional<SendId>& id) {
  Entry* entry = find(links_, link);
  if (entry == nullptr) return false;
  if (id) return entry->lane && entry->lane->send(*id, frame);
  if (frame_type(frame) == FrameType::hello) PODRING_CHECK(offer_in(frame, entry->own));
  return false;
}

bool Lanes::send_route(TimePoint now, RouteId route, Bytes& frame,
                       const std::optional<SendId>& id) {
  Entry* entry = find(routes_, route);
  if (id) return entry != nullptr && entry->lane && entry->lane->send(*id, frame);
  const auto wanted = wanted_.find(route);
  if (wanted == wanted_.end() || frame_type(frame) != FrameType::hello) return false;
  // The core answers the hello, so it has taken the session.
  const Wanted& hello = wanted->second;
  if (entry != nullptr && entry->session != hello.session) {
    remove(routes_, route);
    entry = nullptr;
  }
  if (entry == nullptr && routes_.size() < kIncomingMax) {
    entry = &add(now, false, route, hello.from);
    entry->session = hello.session;
  }
  if (entry != nullptr) {
    open(now, *entry, hello.offer);
    PODRING_CHECK(offer_in(frame, entry->own));
  } else {
    ++refused_;
  }
  wanted_.erase(wanted);
  return false;
}

void Lanes::on_link_frame(TimePoint now, LinkId link, ByteView frame) {
  Entry* entry = find(links_, link);
  if (entry != nullptr && frame_type(frame) == FrameType::hello && read_frame(frame, frame_) &&
      frame_.hello.answer && frame_.hello.lane) {
    open(now, *entry, *frame_.hello.lane);
  }
}

void Lanes::on_route_frame(TimePoint now, RouteId route, Address from, ByteView frame) {
  if (frame_type(frame) == FrameType::hello && read_frame(frame, frame_) &&
      frame_.hello.role == Role::peer && frame_.hello.lane) {
    if (wanted_.size() < kIncomingMax) {
      wanted_[route] = {frame_.session, from, *frame_.hello.lane};
    } else {
      ++refused_;
    }
  }
  if (Entry* entry = find(routes_, route); entry != nullptr) entry->heard = now;
}

// ---- datagrams and time
// ------------------------------------------------------------------------------------

/// The payload of a datagram from the other side of this lane; nullopt: somebody else's.
std::optional<ByteView> Lanes::authenticated(Entry& entry, const Header& header,
                                             ByteView datagram) {
  if (!entry.lane || header.sealed != entry.seal.has_value()) return std::nullopt;
  if (entry.seal) return entry.seal->open(datagram);
  if (!rules::is_known_token(header.token, entry.own.token)) return std::nullopt;
  return datagram.substr(kHeaderBytes);
}

bool Lanes::on_datagram(TimePoint now, ByteView datagram, LanesSink& sink) {
  const auto header = read_header(datagram);
  const auto found = header ? entries_.find(header->lane) : entries_.end();
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  const auto payload = authenticated(entry, *header, datagram);
  if (!payload || !rules::is_taken(read_payload(*payload, payload_), payload_)) return false;
  if (!entry.lane->fresh(now, header->number, payload_.ack_eliciting)) return true;
  if (!entry.lane->on_payload(now, payload_)) return false;
  entry.heard = now;
  for (const ByteView frame : payload_.frames) {
    const auto type = frame_type(frame);
    if (entry.outgoing && type == FrameType::ack) {
      sink.on_link_frame(entry.id, frame);
    } else if (!entry.outgoing && type == FrameType::relay) {
      sink.on_route_frame(entry.id, entry.peer, frame);
    }
  }
  return true;
}

void Lanes::on_tick(TimePoint now, LanesSink& sink) {
  for (auto& [number, entry] : entries_) {
    if (!entry.lane) continue;
    entry.lane->on_tick(now);
    tell(entry, sink);
    for (const SendId& id : entry.lane->take_lost()) {
      if (entry.outgoing) {
        sink.on_link_frame_lost(entry.id, id);
      } else {
        sink.on_route_frame_lost(entry.id, id);
      }
    }
  }
  forget_silent(now);
}

/// What has changed about it. First of all how large frames may be: lost ones are sent again.
void Lanes::tell(Entry& entry, LanesSink& sink) {
  const std::size_t frame_max = entry.lane->frame_max();
  if (frame_max != entry.frame_max_told && entry.outgoing) {
    sink.on_link_frame_max(entry.id, frame_max > 0 ? std::optional{frame_max} : std::nullopt);
  }
  entry.frame_max_told = frame_max;
  const LaneFigures figures = entry.lane->figures();
  if (std::exchange(entry.state_told, figures.state) != figures.state)
    changes_.push_back({entry.peer, entry.outgoing, figures, {}});
}

void Lanes::write(TimePoint now, const Out& out) {
  wanted_.clear();  // what the core has not answered in this turn it never will
  // Relays before acks: whoever gets a relay has work to do, and the ring waits for it.
  for (const bool outgoing : {true, false}) {
    for (auto& [number, entry] : entries_) {
      if (!entry.lane || entry.outgoing != outgoing) continue;
      while (entry.lane->write(now, datagram_)) {
        if (entry.seal) entry.seal->close(datagram_);
        out(entry.peer, entry.port, datagram_);
      }
    }
  }
}

TimePoint Lanes::next_deadline(TimePoint now) {
  TimePoint at = TimePoint::max();
  for (auto& [number, entry] : entries_) {
    if (entry.lane) at = std::min(at, entry.lane->next_deadline(now));
  }
  return at;
}

// ---- looking in
// --------------------------------------------------------------------------------------

std::optional<LaneFigures> Lanes::figures(const Numbers& ids, std::uint32_t id) const {
  const auto found = ids.find(id);
  if (found == ids.end()) return std::nullopt;
  const Entry& entry = entries_.at(found->second);
  return entry.lane ? std::optional{entry.lane->figures()} : std::nullopt;
}

std::vector<LaneChange> Lanes::all() const {
  std::vector<LaneChange> lanes;
  for (const auto& [number, entry] : entries_) {
    if (entry.lane) lanes.push_back({entry.peer, entry.outgoing, entry.lane->figures(), {}});
  }
  return lanes;
}

std::uint64_t Lanes::lost() const {
  std::uint64_t lost = lost_before_;
  for (const auto& [number, entry] : entries_) {
    if (entry.lane) lost += entry.lane->figures().sent_lost;
  }
  return lost;
}

}  // namespace podring::lane
