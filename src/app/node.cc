#include "app/node.h"

#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "app/version.h"

namespace podring {
namespace {

using namespace std::chrono_literals;

constexpr auto kPublishEvery = 100ms;  // snapshots for HTTP, while something changes
constexpr auto kPublishAnyway = 1s;    // ages grow even when nothing happens
constexpr auto kLagTold = 200ms;       // from here on the core suspects itself
constexpr auto kLagLineEvery = 1s;
constexpr auto kLastLinesWait = 1s;  // for an output that takes nothing at the end
constexpr int kRoundsPerTurn = 4;    // core, log, core again: acks follow their lines at once

Identity identity_of(const Config& config, BootId boot) {
  return {config.name, config.uid, config.node, config.address, boot};
}

Settings settings_of(const Config& config) {
  Settings settings;
  settings.ring = config.ring;
  settings.version_min = protocol_version_min();
  settings.version_max = protocol_version_max();
  settings.copies = config.copies;
  settings.copies_on = config.copies_on;
  settings.hops = config.hops;
  settings.ttl = config.ttl;
  settings.queue = config.queue;
  settings.queue_bytes = config.queue_bytes;
  settings.drain_linger = config.drain_linger;
  settings.report_visits = config.log_hops;
  settings.deliver = config.delivers();
  settings.hellos_are_proven = !config.ring_keys.empty();
  settings.strangers_relay = settings.hellos_are_proven || !config.service.empty();
  return settings;
}

observe::LogSettings log_settings_of(const Config& config) {
  observe::LogSettings settings;
  settings.format = config.log_format;
  settings.level = config.log_level;
  return settings;
}

http::FrontEndOptions http_options_of(const Config& config, const NodeDelivery& delivery) {
  http::FrontEndOptions options;
  options.bind = config.bind;
  options.port = config.http_port;
  options.admin_port = config.admin_port;
  options.broadcast = config.broadcast;
  options.inbox = delivery.inbox();
  if (delivery.on()) options.app_port = config.app_port;
  return options;
}

std::optional<LaneOptions> lanes_of(const Config& config, std::uint64_t seed) {
  if (config.lanes == Lanes::zmq) return std::nullopt;
  return LaneOptions{.bind = config.bind,
                     .port = config.port,
                     .required = config.lanes == Lanes::udp,
                     .seed = seed,
                     .keys = config.ring_keys};
}

ZmqOptions zmq_options_of(const Config& config) {
  ZmqOptions options{.bind = config.bind, .port = config.port};
  // A predecessor may have as much under way as the queue takes, and acks, and what is sent again.
  const std::uint64_t unread = std::uint64_t{config.queue_bytes} + 8 * 1024 * 1024;
  options.keys = config.ring_keys;
  if (is_own_address(config.address)) options.dial_from = config.address;
  options.guard.unread = options.guard.all_unread = std::max(unread, options.guard.unread);
  return options;
}

std::string signal_name(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

}  // namespace

Node::Node(LoadedConfig loaded, const NodeRandom& random)
    : config_{std::move(loaded.config)},
      entries_{std::move(loaded.entries)},
      warnings_{std::move(loaded.warnings)},
      now_{clock_.read()},
      started_at_{now_.steady},
      self_{identity_of(config_, random.boot)},
      signals_{loop_, [this](int signal, int times) { on_signal(signal, times); }},
      logger_{self_, log_settings_of(config_)},
      recents_{self_},
      feed_{self_},
      peer_{self_, settings_of(config_), random.jitter_seed},
      zmq_{loop_, zmq_options_of(config_)},
      transport_{loop_, zmq_, lanes_of(config_, random.jitter_seed)},
      names_{loop_, config_, random.jitter_seed},
      start_seeds_{loop_, zmq_.context(), config_, random.client_boot, now_.steady},
      view_{config_, self_},
      statuses_{self_, started_at_},
      delivery_{config_, self_, loop_},
      backend_{loop_,
               recents_,
               feed_,
               {.seed = [this](const auto& order,
                               const auto& ticket) { seeds_.seed(now_, peer_, order, ticket); },
                .shed =
                    [this](std::string what, std::uint64_t count) {
                      tell(observe::FrontEndShed{std::move(what), count});
                    }}},
      front_end_{http_options_of(config_, delivery_), backend_} {}

Node::~Node() = default;

int Node::run() {
  int exit_code = 0;
  try {
    start();
    while (!stopped_) turn();
  } catch (const std::exception& error) {
    exit_code = 1;
    tell(observe::Stopped{error.what(), exit_code, peer_.held_ids().size(), false});
  }
  feed_.close();
  front_end_.stop();
  logger_.flush_blocking(now_, kLastLinesWait);
  return exit_code;
}

void Node::start() {
  now_ = clock_.read();
  observe::Started started{version(), config_.ring, {}};
  for (const ConfigEntry& entry : entries_) {
    started.configuration.push_back({entry.name, entry.value, entry.source});
  }
  tell(started);
  for (const std::string& warning : std::exchange(warnings_, {})) tell(observe::Warned{warning});
  if (const std::string& why = transport_.trouble(); !why.empty())
    tell(observe::Warned{"frames go by ZeroMQ alone: " + why});
  backend_.set_readiness({false, "waiting for the first answer of the name service"});
  names_.start(now_, peer_);
  wake_at_ = now_.steady;
  look_whether_ready();
  end_turn();
  front_end_.start();
}

// ---- the turn
// -------------------------------------------------------------------------------------

void Node::turn() {
  loop_.wait(time_to_wait());
  now_ = clock_.read();
  measure_lateness();
  backend_.turned(now_.steady);
  loop_.dispatch();
  transport_.begin_turn(now_.steady);
  more_ = transport_.receive(*this);
  if (const auto news = names_.on_tick(now_, peer_)) {
    tell(*news);
    changed_ = true;
  }
  if (now_.steady >= peer_.next_deadline()) peer_.on_tick(now_);
  if (!start_seeds_.done()) send_start_seeds();
  hear_program();
  tell_sheds();
  tell_lanes();
  end_turn();
  look_whether_ready();
  look_whether_done();
}

void Node::send_start_seeds() {
  const auto news =
      start_seeds_.on_tick(now_.steady, peer_.settled(now_), [this] { return names_.pick(); });
  if (news) tell(*news);
}

Duration Node::time_to_wait() {
  wake_at_ =
      std::min({peer_.next_deadline(), logger_.next_deadline(), names_.next_deadline(),
                start_seeds_.next_deadline(), transport_.next_deadline(),
                statuses_.exchange().next_deadline(), delivery_.next_deadline(), grace_until_});
  if (changed_) wake_at_ = std::min(wake_at_, published_at_ + kPublishEvery);
  wake_at_ = std::max(wake_at_, now_.steady);  // a past time says `at once`, and is no lateness
  if (more_ || !transport_.may_wait()) return {};
  return std::max(wake_at_ - clock_.read().steady, Duration{});
}

void Node::measure_lateness() {
  const Duration late = std::max(now_.steady - wake_at_, Duration{});
  view_.lateness().turned(now_.steady, late);
  if (late >= kLagTold) lag_untold_ = std::max(lag_untold_, late);
  if (lag_untold_ == Duration{} || now_.steady - lag_told_at_ < kLagLineEvery) return;
  tell(observe::LoopLagged{std::exchange(lag_untold_, Duration{})});
  lag_told_at_ = now_.steady;
}

/// The core says what is to be done, until it has no more to say: its log lines first, then what
/// goes out; and what waited for those lines comes in the next round.
void Node::end_turn() {
  bool more = true;
  for (int round = 0; more && round < kRoundsPerTurn; ++round) {
    statuses_.exchange().tell(now_, peer_);
    Outputs& outputs = peer_.flush(now_);
    more = !outputs.empty();
    changed_ = changed_ || more;
    tell(outputs.events);
    if (!outputs.deliveries.empty()) delivery_.ask(now_, outputs.deliveries);
    (void)statuses_.exchange().take(now_, outputs.statuses);
    logger_.flush(now_);
    carry_out(outputs.actions);
    if (const LogTicket written = logger_.written_up_to(); written > logged_) {
      logged_ = written;
      peer_.on_logged(now_, written);
      more = true;
    }
    seeds_.on_logged(logged_);
  }
  transport_.flush();
  more_ = more_ || more;
  feed_.publish();
  watch_log_output();
  publish_if_due();
}

void Node::carry_out(std::vector<Action>& actions) {
  for (Action& action : actions) {
    if (auto* link = std::get_if<SendLink>(&action)) {
      transport_.send_link(link->link, std::move(link->frame), link->id);
    } else if (auto* route = std::get_if<SendRoute>(&action)) {
      transport_.send_route(route->route, std::move(route->frame), route->id);
    } else if (const auto* dial = std::get_if<Dial>(&action)) {
      transport_.dial(dial->link, dial->to);
    } else {
      transport_.hang_up(std::get<HangUp>(action).link);
    }
  }
}

void Node::tell(std::vector<Event>& events) {
  for (const Event& event : events) {
    logger_.log(now_, event);
    feed_.stage(now_, event);
    seeds_.note(event);
    view_.note(now_, event, peer_);
    statuses_.exchange().note(event);
  }
  recents_.take(now_, events);
}

void Node::tell(const observe::NodeEvent& event) {
  logger_.log(now_, event);
  feed_.stage(now_, event);
}

void Node::tell_sheds() {
  if (!sheds_.due(now_.steady)) return;
  TransportCounters counters = zmq_.counters();
  counters.lanes_refused = transport_.refused();
  for (const auto& line : sheds_.look(now_.steady, counters)) tell(line);
  if (const std::uint64_t count = seeds_.take_forgotten(); count > 0) {
    tell(observe::FrontEndShed{"seeds_followed", count});
  }
  if (const std::uint64_t count = statuses_.take_left_out(); count > 0) {
    tell(observe::FrontEndShed{"status_left_out", count});
  }
}

void Node::tell_lanes() {
  for (const lane::LaneChange& change : transport_.take_changes()) {
    changed_ = true;
    tell(observe::LaneChanged{
        change.peer, change.outgoing, change.figures.state == lane::LaneState::open,
        change.figures.round_trip, change.figures.sent, change.figures.sent_lost, change.detail});
  }
}

/// What the program said: its line first, then the envelope goes on.
void Node::hear_program() {
  if (!delivery_.on()) return;
  for (const observe::ProgramAnswered& answered : delivery_.take(now_, peer_)) {
    changed_ = true;
    seeds_.note(answered);
    recents_.note(now_, answered);
    tell(answered);
  }
  if (const auto change = delivery_.take_change()) {
    changed_ = true;
    tell(*change);
  }
}

/// Polls the log's output only while it takes nothing.
void Node::watch_log_output() {
  const int wanted = logger_.want_write_fd();
  if (wanted == log_fd_watched_) return;
  if (log_fd_watched_ >= 0) loop_.unwatch(log_fd_watched_);
  log_fd_watched_ = wanted;
  // What waits is written in end_turn(), which comes after whatever ends the waiting.
  if (wanted >= 0) loop_.watch(wanted, EPOLLOUT, [](std::uint32_t) {});
}

void Node::publish_if_due() {
  const Duration age = now_.steady - published_at_;
  if (age < (changed_ ? kPublishEvery : kPublishAnyway)) return;
  changed_ = false;
  published_at_ = now_.steady;
  Status status = peer_.status(now_);
  const LinkLanes lanes{zmq_, transport_};
  look_at_neighbours(neighbour_lanes_, status, lanes);
  for (const auto& line : neighbour_lanes_.lines(now_.steady)) tell(line);
  statuses_.exchange().set_lanes(neighbour_lanes_.zmq_to_successor(),
                                 neighbour_lanes_.udp_to_successor());
  auto ring = view_.ring(status, names_.view(now_.steady), &lanes,
                         [this](http::RingView& view) { statuses_.describe(now_, view); });
  const observe::StatusMetrics statuses = statuses_.metrics(now_, status.view);
  auto metrics =
      std::make_shared<observe::MetricsSnapshot>(view_.metrics(peer_, std::move(status)));
  metrics->statuses = statuses;
  metrics->delivery = delivery_.metrics();
  metrics->ready = ready_ && leaving_for_.empty();
  metrics->lanes = neighbour_lanes_.metrics();
  metrics->datagrams = datagram_metrics(transport_, config_.ring_keys);
  const TransportCounters frames = zmq_.counters();
  metrics->transport = {.bytes_sent = frames.bytes_sent,
                        .bytes_received = frames.bytes_received,
                        .sends_full = frames.sends_full,
                        .sends_unreachable = frames.sends_unreachable,
                        .messages_bad = frames.messages_bad,
                        .dials = frames.dials,
                        .dials_failed = frames.dials_failed,
                        .links_broken = frames.links_broken,
                        .links = frames.links,
                        .connections = frames.connections,
                        .connections_accepted = frames.connections_accepted,
                        .connections_refused = frames.connections_refused,
                        .handshakes_failed = frames.handshakes_failed,
                        .connections_cut = frames.connections_cut,
                        .strangers_unread = frames.strangers_unread,
                        .unread = frames.unread};
  metrics->names = names_.metrics(now_.steady);
  metrics->log = logger_.counters();
  metrics->feed_gaps = feed_.gaps();
  metrics->recents_forgotten = recents_.forgotten();
  backend_.publish(std::move(ring), std::move(metrics));
}

// ---- start and end
// --------------------------------------------------------------------------------

/// Ready: the ports are bound (or this would not run) and the name service has answered once.
void Node::look_whether_ready() {
  if (ready_ || !leaving_for_.empty() || !names_.answered()) return;
  ready_ = true;
  tell(observe::Ready{now_.steady - started_at_});
  backend_.set_readiness({true, "in the ring"});
}

void Node::on_signal(int signal, int times) {
  if (times > 1) {
    stop(!peer_.held_ids().empty());
    return;
  }
  leaving_for_ = signal_name(signal);
  grace_until_ = now_.steady + config_.grace;
  backend_.set_readiness({false, "leaving: " + leaving_for_});
  peer_.leave(now_);
  start_seeds_.give_up();
}

void Node::look_whether_done() {
  if (stopped_ || leaving_for_.empty()) return;
  if (peer_.may_exit(now_)) {
    stop(false);
  } else if (now_.steady >= grace_until_) {
    stop(true);
  }
}

/// What is still held is named id by id: whoever asks what became of it finds it here.
void Node::stop(bool grace_over) {
  if (std::exchange(stopped_, true)) return;
  end_turn();
  const std::vector<EnvelopeId> held = peer_.held_ids();
  std::vector<Event> lines;
  for (const EnvelopeId id : held) lines.emplace_back(HeldAtExit{id});
  tell(lines);
  tell(observe::Stopped{leaving_for_, 0, held.size(), grace_over});
  feed_.publish();
}

}  // namespace podring
