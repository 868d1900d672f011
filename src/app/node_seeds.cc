#include "app/node_seeds.h"

#include <utility>

namespace podring {
namespace {

http::SeedRefusal refusal_of(SeedError error) {
  switch (error) {
    case SeedError::ring_full:
      return http::SeedRefusal::ring_full;
    case SeedError::leaving:
      return http::SeedRefusal::leaving;
    case SeedError::too_large:
      return http::SeedRefusal::too_large;
    default:
      return http::SeedRefusal::bad_request;
  }
}

}  // namespace

void NodeSeeds::seed(Now now, Peer& peer, const http::SeedOrder& order,
                     const std::shared_ptr<http::SeedTicket>& ticket) {
  if (!ticket->begin()) return;  // the client has gone
  SeedRequest request;
  request.message = order.message;
  request.count = order.count;
  request.hops = order.hops;
  request.laps = order.laps;
  request.receipt = order.receipt;
  request.annotations = order.annotations;
  request.sender = order.sender;
  const SeedResult result = peer.seed(now, request);
  if (result.error != SeedError::none) {
    ticket->refuse(refusal_of(result.error), result.reason);
    return;
  }
  follow(result.first, order.count, ticket, order.receipt);
  ticket->accept(result.first, order.count);
}

void NodeSeeds::follow(EnvelopeId first, std::uint32_t count,
                       const std::shared_ptr<http::SeedTicket>& ticket, bool receipt) {
  if (followed_.size() + count > kFollowedMax) {
    std::erase_if(followed_, [](const auto& entry) { return entry.second.ticket.expired(); });
  }
  while (!followed_.empty() && followed_.size() + count > kFollowedMax) {
    followed_.erase(followed_.begin());
    ++forgotten_;
  }
  for (std::uint32_t i = 0; i < count; ++i) followed_[first.counter + i] = {ticket, receipt, {}};
}

void NodeSeeds::note(const Event& event) {
  if (const auto* ended = std::get_if<Ended>(&event)) {
    last_ticket_ = ended->ticket;
  } else if (const auto* safe = std::get_if<SafeConfirmed>(&event)) {
    last_ticket_ = safe->ticket;
    if (followed_.contains(safe->id.counter)) news_.push_back({safe->ticket, safe->id, {}});
  } else if (const auto* receipt = std::get_if<ReceiptArrived>(&event)) {
    const Envelope& envelope = receipt->envelope;
    if (!followed_.contains(envelope.head.id.counter)) return;
    Journey journey = journey_of(envelope);
    http::SeedEnd end{receipt->end, std::move(journey.trace), envelope.trace_omitted,
                      std::move(journey.last_visit), journey.answers_omitted};
    const auto& at_origin = followed_.at(envelope.head.id.counter).at_origin;
    if (at_origin && !end.trace.empty()) end.trace.front().outcome = at_origin;
    news_.push_back({last_ticket_, envelope.head.id, std::move(end)});
  }
}

void NodeSeeds::note(const observe::ProgramAnswered& answered) {
  if (answered.visit.hop > 0) return;  // the envelope carries it
  const auto found = followed_.find(answered.id.counter);
  if (found != followed_.end()) found->second.at_origin = answered.visit;
}

void NodeSeeds::on_logged(LogTicket up_to) {
  while (!news_.empty() && news_.front().after <= up_to) {
    tell(std::move(news_.front()));
    news_.pop_front();
  }
}

void NodeSeeds::tell(News&& news) {
  const auto found = followed_.find(news.id.counter);
  if (found == followed_.end()) return;
  const auto ticket = found->second.ticket.lock();
  const bool done = news.end.end != End::none || !found->second.receipt;
  if (!ticket || done) followed_.erase(found);
  if (!ticket) return;
  if (news.end.end == End::none) {
    ticket->safe(news.id);
  } else {
    ticket->end(news.id, std::move(news.end));
  }
}

}  // namespace podring
