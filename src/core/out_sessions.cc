#include "core/out_sessions.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/check.h"

namespace podring {
namespace {

constexpr auto kHelloAgainAfter = std::chrono::milliseconds{200};

template <typename Links>
auto* find_id(Links& links, LinkId id) {
  const auto found =
      std::find_if(links.begin(), links.end(), [id](const auto& link) { return link->id == id; });
  return found == links.end() ? nullptr : found->get();
}

template <typename Links>
auto* find_address(Links& links, Address to) {
  const auto found =
      std::find_if(links.begin(), links.end(), [to](const auto& link) { return link->to == to; });
  return found == links.end() ? nullptr : found->get();
}

}  // namespace

// Session numbers begin with the boot id: two processes that follow one another at an address share
// none, so a late frame of the first is nobody's. Below 2^53, which JSON readers keep exactly.
OutSessions::OutSessions(const Local& local, Turn& turn)
    : local_{local},
      turn_{turn},
      next_session_{(fnv1a(to_string(local.identity.boot)) >> 12) + 1} {}

OutSession* OutSessions::find(LinkId id) { return find_id(links_, id); }
const OutSession* OutSessions::find(LinkId id) const { return find_id(links_, id); }
OutSession* OutSessions::find(Address to) { return find_address(links_, to); }
const OutSession* OutSessions::find(Address to) const { return find_address(links_, to); }

bool OutSessions::set_target(std::optional<Address> successor) {
  const LinkId before = target_;
  target_ = successor ? find(*successor)->id : 0;
  if (target_ == before) return false;
  if (OutSession* old = find(before); old != nullptr) old->idle_since = turn_.steady();
  return true;
}

void OutSessions::dial(Address to) {
  auto link = std::make_unique<OutSession>();
  link->id = next_link_++;
  link->to = to;
  link->last_heard = turn_.steady();
  link->timers.set(LinkTimer::hello_timeout, turn_.steady() + local_.settings.hello_timeout);
  turn_.act(Dial{link->id, to});
  links_.push_back(std::move(link));
}

void OutSessions::hang_up(LinkId id) {
  turn_.act(HangUp{id});
  if (target_ == id) target_ = 0;
  std::erase_if(links_, [id](const auto& link) { return link->id == id; });
}

void OutSessions::on_connected(OutSession& link, Credit credit) {
  link.phase = OutSession::Phase::greeting;
  link.session = next_session_++;
  say_hello(link, credit);
}

void OutSessions::say_hello(OutSession& link, Credit credit) {
  send(link, write_frame({1, link.session}, local_.hello(link.to, credit)));
  link.timers.set(LinkTimer::hello_again, turn_.steady() + kHelloAgainAfter);
}

void OutSessions::on_up(OutSession& link, const HelloFrame& hello, std::uint8_t version) {
  link.phase = OutSession::Phase::up;
  link.version = version;
  link.remote = hello.identity;
  link.takes_status = hello.takes_status;
  link.sites[0] = site_of(hello.identity, CopiesOn::peers);
  link.sites[1] = site_of(hello.identity, CopiesOn::nodes);
  link.window.set_credit({hello.credit_envelopes, hello.credit_bytes});
  link.idle_since = turn_.steady();
  link.timers.stop(LinkTimer::hello_timeout);
  link.timers.stop(LinkTimer::hello_again);
  link.timers.set(LinkTimer::ping, turn_.steady() + local_.settings.ping_every);
  on_heard(link);
}

void OutSessions::on_heard(OutSession& link) {
  link.last_heard = turn_.steady();
  if (link.is_up())
    link.timers.set(LinkTimer::silence, link.last_heard + local_.settings.silent_after);
}

void OutSessions::on_pong(OutSession& link, const PongFrame& pong) {
  const bool had_credit = link.window.credit().any();
  link.window.set_credit({pong.credit_envelopes, pong.credit_bytes});
  use_credit(link, had_credit);
  if (pong.token != link.pings.token) return;
  const Duration round_trip = turn_.steady() - link.pings.sent_at;
  link.round_trip.sample(round_trip);
  link.pings.round_trip.sample(round_trip);
  link.pings.token = 0;
}

void OutSessions::ping(OutSession& link, std::vector<SequenceRange> asks) {
  if (link.pings.token == 0) {
    link.pings.token = next_token_++;
    link.pings.sent_at = turn_.steady();
  }
  send(link, write_frame(link.header(),
                         PingFrame{link.pings.token, link.window.base(), std::move(asks)}));
  link.timers.set(LinkTimer::ping, turn_.steady() + local_.settings.ping_every);
}

/// Acks get lost too: asks for the present level of what was received and is not released.
void OutSessions::ask(OutSession& link) {
  const TimePoint sent_before = turn_.steady() - local_.settings.rto_min / 2;
  std::vector<SequenceRange> asks;
  for (std::uint64_t sequence = link.window.base(); sequence < link.window.end(); ++sequence) {
    const SendWindow::Slot& slot = link.window.at(sequence);
    if (slot.entry == kNoEntry || !slot.received || slot.sent_at > sent_before) continue;
    if (!asks.empty() && asks.back().last + 1 == sequence) {
      ++asks.back().last;
    } else if (asks.size() == kRangesMax) {
      break;
    } else {
      asks.push_back({sequence, sequence});
    }
    ++turn_.counters.asks;
  }
  if (!asks.empty()) ping(link, std::move(asks));
  ++link.retries.asks;
  if (link.window.unsafe() > 0) {
    link.timers.set(LinkTimer::ask, turn_.steady() + timeout(link, link.retries.asks));
  } else {
    link.timers.stop(LinkTimer::ask);
  }
}

void OutSessions::use_credit(OutSession& link, bool had_credit) {
  if (!had_credit && link.window.credit().any() && link.window.unreceived() > 0)
    link.timers.set(LinkTimer::resend, turn_.steady());
}

Duration OutSessions::timeout(const OutSession& link, unsigned expiries) {
  const Settings& settings = local_.settings;
  const Duration base = link.round_trip.timeout(settings.rto_min, settings.rto_max, expiries);
  return base + base / 1000 * (static_cast<Duration::rep>(turn_.jitter.below(201)) - 100);
}

std::size_t OutSessions::frame_max(const OutSession& link) const {
  const std::size_t most = local_.settings.frame_bytes;
  return std::min(link.frame_max.value_or(most), most);
}

void OutSessions::put_off(Duration late) {
  for (const auto& link : links_) {
    link->last_heard += late;
    link->timers.put_off(LinkTimer::silence, late);
    link->timers.put_off(LinkTimer::hello_timeout, late);
  }
}

TimePoint OutSessions::next_deadline() const {
  TimePoint at = TimePoint::max();
  for (const auto& link : links_) at = std::min(at, link->timers.next());
  return at;
}

void OutSessions::check_invariants() const {
  for (const auto& link : links_) {
    link->window.check_invariants();
    PODRING_CHECK(link->window.unreceived() == 0 || link->timers.is_on(LinkTimer::resend));
    PODRING_CHECK(link->window.unsafe() == 0 || link->timers.is_on(LinkTimer::ask));
  }
}

}  // namespace podring
