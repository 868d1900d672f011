#include "app/node_delivery.h"

#include <utility>

namespace podring {
namespace {

/// What is not asked twice: a key, or an id where there is none.
std::string name_of(EnvelopeId id, const std::string& key) {
  return key.empty() ? "id " + to_string(id) : "key " + key;
}

/// When and where it was seeded, from the first trace entry; at hop 0 that is now and here.
void set_origin(deliver::Delivery& delivery, const Envelope& envelope, const Identity& self,
                Now now) {
  const std::vector<TraceEntry> trace = trace_of(envelope);
  delivery.origin_pod = trace.empty() ? self.pod : std::string{trace.front().pod};
  delivery.seeded = trace.empty() ? now.wall : trace.front().at;
}

}  // namespace

NodeDelivery::NodeDelivery(const Config& config, Identity self, Loop& loop)
    : config_{config}, self_{std::move(self)} {
  const auto timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(config.deliver_timeout);
  if (config.deliver_to) {
    deliver::PusherOptions options;
    options.target = *config.deliver_to;
    options.ring = config.ring;
    options.timeout = timeout;
    options.concurrency = config.deliver_concurrency;
    options.waiting_max =
        2 * config.queue;  // what waits counts as queue, but for seeds' own visits
    options.rules = deliver::RequestRules{config.deliver_allow};
    pusher_ = std::make_unique<deliver::Pusher>(std::move(options), [&loop] { loop.wake(); });
  } else if (config.deliver_pull) {
    inbox_ = std::make_unique<deliver::Inbox>(deliver::Inbox::Options{timeout, 2 * config.queue},
                                              [&loop] { loop.wake(); });
  }
}

void NodeDelivery::ask(Now now, std::vector<Deliver>& questions) {
  for (Deliver& question : questions) ask_one(now, question);
}

void NodeDelivery::ask_one(Now now, Deliver& question) {
  const EnvelopeHead& head = question.envelope.head;
  Annotations notes = annotations_of(question.envelope);
  const Question asked{question.number, head.id, head.hop};
  const std::string name = name_of(head.id, notes.sender.key);
  deliver::DeliveryResult result;
  if (const auto* yes = delivered_.find(now.steady, name)) {
    result.outcome = Outcome::delivered;
    result.status = yes->status;
    result.answer = yes->answer;
    answer(asked, result, true);
    return;
  }
  if (const auto number = number_of_.find(name); number != number_of_.end()) {
    asked_.at(number->second).questions.push_back(asked);
    return;
  }
  deliver::Delivery delivery;
  delivery.number = question.number;
  delivery.id = head.id;
  delivery.hop = head.hop;
  delivery.lap = head.lap;
  set_origin(delivery, question.envelope, self_, now);
  delivery.body = question.envelope.message();
  delivery.content_type = std::move(notes.sender.content_type);
  delivery.key = notes.sender.key;
  delivery.traceparent = std::move(notes.sender.traceparent);
  delivery.attributes = std::move(notes.sender.attributes);
  delivery.request = std::move(notes.sender.request);
  if (offer(now, std::move(delivery))) {
    number_of_.emplace(name, question.number);
    asked_.emplace(question.number, Asked{name, {asked}});
    return;
  }
  ++metrics_.refused;
  result.outcome = Outcome::timed_out;
  result.detail = "too many messages wait for the program";
  answer(asked, result, false);
}

bool NodeDelivery::offer(Now now, deliver::Delivery delivery) {
  if (pusher_) return pusher_->offer(std::move(delivery));
  if (!delivery.request) return inbox_->offer(now.steady, std::move(delivery));
  return false;  // a request is made, never pulled
}

void NodeDelivery::read_results(Now now) {
  if (inbox_) inbox_->on_tick(now.steady);
  for (deliver::DeliveryResult& result :
       pusher_ ? pusher_->take_results() : inbox_->take_results()) {
    const auto found = asked_.find(result.number);
    if (found == asked_.end()) continue;
    Asked asked = std::move(found->second);
    asked_.erase(found);
    number_of_.erase(asked.name);
    if (result.outcome == Outcome::delivered) {
      delivered_.add(now.steady, asked.name, {result.status, result.answer});
    }
    bool known = false;
    for (const Question& question : asked.questions)
      answer(question, result, std::exchange(known, true));
  }
  if (pusher_) {
    const deliver::PusherStats stats = pusher_->stats();
    metrics_.waiting = stats.waiting + stats.running;
    metrics_.away = stats.away;
    metrics_.times_away = stats.times_away;
    metrics_.attempts = stats.attempts;
  } else {
    const deliver::Inbox::Stats stats = inbox_->stats();
    metrics_.waiting = stats.waiting;
    metrics_.away = stats.away;
    metrics_.times_away = stats.times_away;
    metrics_.attempts = stats.offers;
  }
}

void NodeDelivery::answer(const Question& question, const deliver::DeliveryResult& result,
                          bool known) {
  ++metrics_.outcomes.at(static_cast<std::size_t>(result.outcome));
  if (!known) metrics_.times.add(result.took);
  answers_.push_back({question.id,
                      {question.hop, result.outcome, result.status},
                      result.attempts,
                      result.took,
                      known,
                      result.detail});
  for_peer_.push_back({question.number, result.outcome, result.status, result.answer});
}

std::vector<observe::ProgramAnswered> NodeDelivery::take(Now now, Peer& peer) {
  if (!on()) return {};
  read_results(now);
  for (const Delivered& result : std::exchange(for_peer_, {})) peer.on_delivered(now, result);
  return std::exchange(answers_, {});
}

std::optional<observe::ProgramAway> NodeDelivery::take_change() {
  if (metrics_.away == away_) return std::nullopt;
  away_ = metrics_.away;
  return observe::ProgramAway{away_, config_.deliver_to ? config_.deliver_to->url() : "the inbox"};
}

TimePoint NodeDelivery::next_deadline() const {
  if (!for_peer_.empty()) return TimePoint{};
  return inbox_ ? inbox_->next_deadline() : TimePoint::max();
}

}  // namespace podring
