#include "app/node_names.h"

#include <string_view>

namespace podring {
namespace {

observe::NamesAnswered::Outcome word_for_log(NameAnswer::Outcome outcome) {
  using Word = observe::NamesAnswered::Outcome;
  switch (outcome) {
    case NameAnswer::Outcome::answer:
      return Word::answer;
    case NameAnswer::Outcome::empty:
      return Word::empty;
    case NameAnswer::Outcome::unknown:
      break;
  }
  return Word::unknown;
}

std::string_view word_for_view(const NameAnswer* answer) {
  if (answer == nullptr) return "none";
  switch (answer->outcome) {
    case NameAnswer::Outcome::answer:
      return "answer";
    case NameAnswer::Outcome::empty:
      return "empty";
    case NameAnswer::Outcome::unknown:
      break;
  }
  return "unknown";
}

}  // namespace

NodeNames::NodeNames(Loop& loop, const Config& config, std::uint64_t jitter_seed)
    : fixed_{config.peers}, random_{jitter_seed} {
  if (config.service.empty()) return;
  ResolverSettings settings;
  settings.name = config.service;
  settings.v4 = config.address.is_v4();
  settings.dns_server = config.dns_server;
  settings.poll = config.poll;
  resolver_.emplace(loop, settings, jitter_seed);
}

void NodeNames::start(Now now, Peer& peer) {
  if (!resolver_) peer.set_fixed_view(now, fixed_);
}

std::optional<observe::NamesAnswered> NodeNames::on_tick(Now now, Peer& peer) {
  if (!resolver_) return std::nullopt;
  resolver_->on_tick(now.steady);
  std::optional<observe::NamesAnswered> news;
  while (const std::optional<NameAnswer> answer = resolver_->take()) {
    // Unknown is no input at all: the last view stays.
    if (answer->outcome != NameAnswer::Outcome::unknown) peer.on_names(now, answer->addresses);
    if (told_ == answer->outcome) continue;
    told_ = answer->outcome;
    news.emplace();
    news->outcome = word_for_log(answer->outcome);
    news->name = resolver_->settings().name;
    news->detail = answer->detail;
    news->addresses = static_cast<std::uint32_t>(answer->addresses.size());
    news->ttl_s = answer->ttl_s;
    if (const auto known_at = resolver_->known_at()) news->answer_age = now.steady - *known_at;
  }
  return news;
}

TimePoint NodeNames::next_deadline() const {
  return resolver_ ? resolver_->next_deadline() : TimePoint::max();
}

std::optional<Address> NodeNames::pick() {
  if (resolver_) return resolver_->pick_address();
  if (fixed_.empty()) return std::nullopt;
  return fixed_[random_.below(fixed_.size())];
}

http::DnsView NodeNames::view(TimePoint now) const {
  http::DnsView view;
  if (!resolver_) {
    view.mode = "fixed";
    view.outcome = "answer";
    view.addresses = static_cast<std::uint32_t>(fixed_.size());
    return view;
  }
  view.mode = "service";
  view.name = resolver_->settings().name;
  view.outcome = word_for_view(resolver_->last());
  if (resolver_->last() != nullptr) view.detail = resolver_->last()->detail;
  if (const NameAnswer* known = resolver_->last_known(); known != nullptr) {
    view.answer_age =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - *resolver_->known_at());
    view.ttl_s = known->ttl_s;
    view.addresses = static_cast<std::uint32_t>(known->addresses.size());
  }
  return view;
}

observe::NamesMetrics NodeNames::metrics(TimePoint now) const {
  observe::NamesMetrics metrics;
  if (!resolver_) {
    metrics.addresses = fixed_.size();
    return metrics;
  }
  const ResolverCounters& counters = resolver_->counters();
  metrics.answers = counters.answers;
  metrics.empty = counters.empty;
  metrics.unknown = counters.unknown;
  if (const NameAnswer* known = resolver_->last_known(); known != nullptr) {
    metrics.answer_age = now - *resolver_->known_at();
    metrics.ttl_s = known->ttl_s;
    metrics.addresses = known->addresses.size();
  }
  return metrics;
}

}  // namespace podring
