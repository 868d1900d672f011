// Processes and their turns; the clock. Links are in sim_wires.cc, names in sim_names.cc.
#include "support/sim_net.h"

#include <utility>

#include "support/sim_lanes.h"
#include "support/sim_oracle.h"

namespace podring::sim {
namespace {

constexpr std::uint32_t kFirstAddress = 0x0a2a0001;        // 10.42.0.1
constexpr std::int64_t kWallBase = 1'790'000'000'000'000;  // some day in 2026
constexpr int kTicksAtOnceMax = 200;                       // more is a timer that does not move on

}  // namespace

SimNet::SimNet(NetOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      lane_random_(~options_.seed),
      program_random_(options_.seed * 3),
      oracle_(std::make_unique<Oracle>(*this)) {}
SimNet::~SimNet() = default;

Address SimNet::address_of(Host host) {
  return Address::v4(kFirstAddress + static_cast<std::uint32_t>(host));
}

Host SimNet::host_of(Address address) {
  return static_cast<Host>((address.low & 0xffff'ffffU) - kFirstAddress);
}

Pid SimNet::pid_of(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? -1 : found->second;
}

Pid SimNet::pid_of(BootId boot) const {
  const auto found = by_boot_.find(boot);
  return found == by_boot_.end() ? -1 : found->second;
}

Pid SimNet::pid_at(Host host) const {
  const auto index = static_cast<std::size_t>(host);
  return host < 0 || index >= at_host_.size() ? -1 : at_host_[index];
}

std::vector<Pid> SimNet::live() const {
  std::vector<Pid> pids;
  for (Pid pid = 0; pid < processes(); ++pid) {
    if (alive(pid)) pids.push_back(pid);
  }
  return pids;
}

void SimNet::fail(std::string invariant, std::string text) {
  if (failure_) return;
  if (tracing()) say("*** " + invariant + ": " + text);
  failure_ = Failure{std::move(invariant), std::move(text)};
}

Now SimNet::now_of(const Process& process) const {
  return {now_ + process.offset,
          {kWallBase +
           std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch()).count()}};
}

// ---- processes
// ------------------------------------------------------------------------------------

Pid SimNet::start(Host host, ProcessOptions options) {
  const auto index = static_cast<std::size_t>(host);
  if (index >= at_host_.size()) {
    at_host_.resize(index + 1, -1);
    host_silent_.resize(index + 1, false);
    starts_at_host_.resize(index + 1, 0);
    listed_.resize(index + 1);
  }
  const Pid pid = processes();
  processes_.emplace_back();
  Process& fresh = processes_.back();
  const int starts = ++starts_at_host_[index];
  fresh.name = host_name(host) + (starts > 1 ? std::to_string(starts) : std::string{});
  fresh.host = host;
  fresh.offset = std::chrono::milliseconds{random_.below(100'000'000)};
  Identity identity;
  identity.pod = fresh.name;
  identity.uid = "uid-" + fresh.name;
  identity.node = options.node;
  identity.address = address_of(host);
  do {
    identity.boot = {random_.next()};
  } while (identity.boot.value == 0);
  fresh.peer = std::make_unique<Peer>(identity, options.settings, random_.next());
  if (options_.statuses && options.settings.takes_status)
    fresh.exchange = std::make_unique<StatusExchange>(identity, "sim", now_of(fresh).steady);
  fresh.options = std::move(options);
  if (options_.lanes && fresh.options.datagrams) {
    fresh.lanes = std::make_unique<LanesOf>(
        *this, pid,
        lane::LanesOptions{.port = 1,
                           .datagram_max = fresh.options.datagram_max,
                           .window = fresh.options.lane_window,
                           .seed = lane_random_.next(),
                           .draw_token = [this] { return draw_token(); }});
  }
  by_name_[fresh.name] = pid;
  by_boot_[identity.boot] = pid;
  at_host_[index] = pid;
  host_silent_[index] = false;
  if (tracing()) say(fresh.name + " starts at " + to_string(identity.address));
  close_connections_of(-1 - host, Death::process);  // what the last one there left open is reset
  oracle_->on_start(pid);
  if (options_.names) {
    plans_.push(now_ + std::chrono::milliseconds{random_.below(50)},
                {.kind = Plan::Kind::names, .a = static_cast<std::uint32_t>(pid)});
  }
  finish_turn(pid);
  return pid;
}

void SimNet::crash(Pid pid, Death death) {
  if (!alive(pid)) return;
  if (tracing())
    say(name(pid) + (death == Death::host ? " dies with its host" : " dies") + ", holding " +
        std::to_string(peer(pid).held_ids().size()));
  gone(pid, death);
}

void SimNet::gone(Pid pid, Death death) {
  Process& dying = process(pid);
  oracle_->on_gone(pid);
  dying.alive = false;
  for (Item& item : dying.inbox) acks_under_way_.give_back(item.ack);
  dying.inbox.clear();
  dying.lanes.reset();
  dying.unwritten.clear();
  at_host_[static_cast<std::size_t>(dying.host)] = -1;
  host_silent_[static_cast<std::size_t>(dying.host)] = death == Death::host;
  close_connections_of(pid, death);
  set_listed(dying.host, false);
}

void SimNet::exit(Pid pid) {
  if (tracing()) say(name(pid) + " exits, holding " + std::to_string(peer(pid).held_ids().size()));
  gone(pid, Death::process);
}

void SimNet::pause(Pid pid) {
  if (tracing()) say(name(pid) + " is paused");
  process(pid).paused = true;
}

void SimNet::resume(Pid pid) {
  if (!alive(pid) || !paused(pid)) return;
  if (tracing()) say(name(pid) + " goes on");
  process(pid).paused = false;
  process(pid).awake_since = now_;
  catch_up(pid);
}

void SimNet::block_log(Pid pid) {
  if (tracing()) say("the log of " + name(pid) + " takes nothing");
  process(pid).log_blocked = true;
}

void SimNet::unblock_log(Pid pid) {
  Process& writer = process(pid);
  if (!writer.alive || !writer.log_blocked) return;
  if (tracing()) say("the log of " + name(pid) + " takes lines again");
  writer.log_blocked = false;
  for (const Event& event : std::exchange(writer.unwritten, {})) written(pid, event);
  finish_turn(pid);
}

void SimNet::set_service(Pid pid, Duration service, Duration tick_lag_max) {
  process(pid).options.service = service;
  process(pid).options.tick_lag_max = tick_lag_max;
  process(pid).awake_since = now_;
}

void SimNet::leave(Pid pid, Duration grace) {
  Process& leaver = process(pid);
  if (!leaver.alive || leaver.leaving) return;
  if (tracing()) say(leaver.name + " is told to leave");
  leaver.leaving = true;
  set_listed(leaver.host, false);
  plans_.push(now_ + grace, {.kind = Plan::Kind::exit, .a = static_cast<std::uint32_t>(pid)});
  leaver.peer->leave(now_of(leaver));
  finish_turn(pid);
}

SeedResult SimNet::seed(Pid pid, const SeedRequest& request) {
  Process& taker = process(pid);
  const SeedResult result = taker.peer->seed(now_of(taker), request);
  oracle_->on_seed(pid, request, result);
  if (tracing()) {
    say(result.error == SeedError::none
            ? taker.name + " takes a seed: " + name_of(result.first) +
                  (request.count > 1 ? " and " + std::to_string(request.count - 1) + " more" : "")
            : taker.name + " refuses a seed: " + result.reason);
  }
  finish_turn(pid);
  return result;
}

void SimNet::forge(Host from, RouteId route, Pid to, Bytes frame) {
  if (!alive(to)) return;
  if (tracing()) trace_frame(-1, host(to), false, frame, "forged");
  deliver(to, {.kind = Item::Kind::route_frame,
               .number = route,
               .from = address_of(from),
               .bytes = std::move(frame)});
}

// ---- turns
// ----------------------------------------------------------------------------------------

void SimNet::deliver(Pid pid, Item item) {
  Process& reader = process(pid);
  if (!reader.alive) {
    acks_under_way_.give_back(item.ack);
    return;
  }
  if (reader.paused || now_ < reader.busy_until) {
    reader.inbox.push_back(std::move(item));
    return;
  }
  feed(reader, item);
  acks_under_way_.give_back(item.ack);
  if (reader.lanes) reader.lanes->tick();
  finish_turn(pid);
}

void SimNet::feed(Process& reader, Item& item) {
  const Now now = now_of(reader);
  if (options_.lane == Lane::datagram && !find_connection(reader, item)) return;
  switch (item.kind) {
    case Item::Kind::connected:
      return reader.peer->on_link_connected(now, item.number);
    case Item::Kind::broken:
      std::erase_if(reader.links, [&](const auto& link) { return link.first == item.number; });
      if (reader.lanes) reader.lanes->lanes().on_link_broken(item.number);
      return reader.peer->on_link_broken(now, item.number);
    case Item::Kind::link_frame:
      if (reader.lanes) reader.lanes->lanes().on_link_frame(now.steady, item.number, item.bytes);
      return reader.peer->on_link_frame(now, item.number, item.bytes);
    case Item::Kind::route_frame:
      if (reader.lanes) reader.lanes->on_route_frame_of_stream(item);
      return reader.peer->on_route_frame(now, item.number, item.from, item.bytes);
    case Item::Kind::datagram:
      return reader.lanes->read(item.bytes);
  }
}

/// Everything that came while the process was paused or busy, in one turn.
void SimNet::catch_up(Pid pid) {
  Process& reader = process(pid);
  if (!reader.alive || reader.paused || now_ < reader.busy_until) return;
  if (reader.inbox.empty() && reader.answers.empty() && !reader.tick_due && reader.logged_due == 0)
    return;
  if (const LogTicket due = std::exchange(reader.logged_due, 0); due != 0)
    reader.peer->on_logged(now_of(reader), due);
  for (const Delivered& answer : std::exchange(reader.answers, {}))
    reader.peer->on_delivered(now_of(reader), answer);
  for (Item& item : std::exchange(reader.inbox, {})) {
    feed(reader, item);
    acks_under_way_.give_back(item.ack);
  }
  if (reader.lanes) reader.lanes->tick();
  if (std::exchange(reader.tick_due, false)) reader.peer->on_tick(now_of(reader));
  finish_turn(pid);
}

void SimNet::on_tick(Pid pid) {
  Process& ticking = process(pid);
  if (!ticking.alive || ticking.tick_at != now_) return;  // planned before it was put off
  ticking.tick_at = TimePoint::max();
  if (ticking.paused || now_ < ticking.busy_until) {
    ticking.tick_due = true;
    return;
  }
  if (ticking.lanes) ticking.lanes->tick();
  const bool core_due = ticking.peer->next_deadline() <= now_ + ticking.offset;
  if (!core_due && !ticking.lanes) return finish_turn(pid);
  ticking.ticks_at_once = ticking.last_tick == now_ ? ticking.ticks_at_once + 1 : 0;
  ticking.last_tick = now_;
  if (ticking.ticks_at_once > kTicksAtOnceMax) {
    return fail("spin", ticking.name + " has a deadline that is always now");
  }
  if (core_due) ticking.peer->on_tick(now_of(ticking));
  finish_turn(pid);
}

void SimNet::finish_turn(Pid pid) {
  Process& actor = process(pid);
  ++turns_;
  while (true) {
    if (actor.exchange) tell_statuses(actor);
    Outputs& outputs = actor.peer->flush(now_of(actor));
    bool more = actor.exchange && actor.exchange->take(now_of(actor), outputs.statuses);
    take_events(pid, outputs.events);
    for (Action& action : outputs.actions) act(pid, action);
    for (Deliver& question : outputs.deliveries) ask_program(pid, question);
    if (actor.tickets != actor.told && actor.options.log_delay == Duration::zero()) {
      actor.told = actor.tickets;
      actor.peer->on_logged(now_of(actor), actor.told);
      more = true;
    }
    if (!more) break;
  }
  if (actor.lanes) actor.lanes->write();
  if (options_.check_peers) actor.peer->check_invariants();
  oracle_->after_turn(pid);
  if (actor.leaving && actor.alive && actor.peer->may_exit(now_of(actor))) return exit(pid);
  if (actor.options.service > Duration::zero()) {
    actor.busy_until = now_ + actor.options.service;
    plans_.push(actor.busy_until, {.kind = Plan::Kind::wake, .a = static_cast<std::uint32_t>(pid)});
  }
  TimePoint deadline = actor.peer->next_deadline();
  if (actor.exchange) deadline = std::min(deadline, actor.exchange->next_deadline());
  if (actor.lanes) deadline = std::min(deadline, actor.lanes->next_deadline());
  TimePoint due = std::max(deadline - actor.offset, now_);
  if (actor.options.tick_lag_max > Duration::zero()) {
    due += Duration{static_cast<Duration::rep>(
        random_.below(static_cast<std::uint64_t>(actor.options.tick_lag_max.count())))};
  }
  if (due < actor.tick_at) {
    actor.tick_at = due;
    plans_.push(due, {.kind = Plan::Kind::tick, .a = static_cast<std::uint32_t>(pid)});
  }
}

/// A status goes only to a process that said it reads them. Another one that has its address since
/// may still be the one that gets it, and then counts a bad frame.
void SimNet::tell_statuses(Process& teller) {
  const std::uint64_t sent = teller.exchange->counters().frames_sent;
  teller.exchange->tell(now_of(teller), *teller.peer);
  if (teller.exchange->counters().frames_sent == sent) return;
  for (const StatusNeighbour& neighbour : teller.peer->status_neighbours(now_of(teller))) {
    const Process& there = process(by_boot_.at(neighbour.boot));
    if (!there.options.settings.takes_status)
      fail("status", there.name + " is sent what it cannot read by " + teller.name);
  }
}

void SimNet::take_events(Pid pid, std::vector<Event>& events) {
  Process& actor = process(pid);
  for (Event& event : events) {
    if (actor.exchange) actor.exchange->note(event);
    if (tracing()) trace_event(pid, event);
    if (on_event) on_event(pid, event);
    oracle_->on_event(pid, event);
    if (!std::holds_alternative<Ended>(event) && !std::holds_alternative<SafeConfirmed>(event))
      continue;
    if (actor.log_blocked) {
      actor.unwritten.push_back(std::move(event));
    } else {
      written(pid, event);
    }
  }
}

void SimNet::written(Pid pid, const Event& event) {
  Process& writer = process(pid);
  const auto* ended = std::get_if<Ended>(&event);
  const auto* safe = std::get_if<SafeConfirmed>(&event);
  const LogTicket ticket = ended != nullptr ? ended->ticket : safe->ticket;
  writer.tickets = std::max(writer.tickets, ticket);
  oracle_->on_written(pid, event);
  if (writer.options.log_delay > Duration::zero()) {
    plans_.push(now_ + writer.options.log_delay, {.kind = Plan::Kind::logged,
                                                  .a = static_cast<std::uint32_t>(pid),
                                                  .b = static_cast<std::uint32_t>(ticket)});
  }
}

// ---- time
// -----------------------------------------------------------------------------------------

void SimNet::at(TimePoint when, std::function<void()> script) {
  plans_.push(when, {.kind = Plan::Kind::script, .script = std::move(script)});
}

void SimNet::carry_out(Plan& plan) {
  const auto pid = static_cast<Pid>(plan.a);
  switch (plan.kind) {
    case Plan::Kind::connect:
      return connect(plan.a);
    case Plan::Kind::arrival_out:
      return arrival(plan.a, false);
    case Plan::Kind::arrival_back:
      return arrival(plan.a, true);
    case Plan::Kind::datagram:
      return arrive_datagram(plan);
    case Plan::Kind::packet:
      return arrive_packet(plan);
    case Plan::Kind::tick:
      return on_tick(pid);
    case Plan::Kind::wake:
      return catch_up(pid);
    case Plan::Kind::names:
      return ask_names(pid);
    case Plan::Kind::logged:
      process(pid).logged_due = std::max<LogTicket>(process(pid).logged_due, plan.b);
      return catch_up(pid);
    case Plan::Kind::exit:
      if (alive(pid) && leaving(pid)) exit(pid);
      return;
    case Plan::Kind::script:
      return plan.script();
  }
}

void SimNet::step(TimePoint until) {
  if (plans_.empty() || plans_.next_at() > until) {
    now_ = until;
    return;
  }
  now_ = plans_.next_at();
  Plan plan = plans_.pop();
  carry_out(plan);
  oracle_->after_step();
}

void SimNet::run_for(Duration duration) {
  const TimePoint until = now_ + duration;
  while (!failure_ && now_ < until) step(until);
}

bool SimNet::run_until(const std::function<bool()>& condition, Duration bound) {
  const TimePoint until = now_ + bound;
  while (!failure_) {
    if (condition()) return true;
    if (now_ >= until) return false;
    step(until);
  }
  return false;
}

}  // namespace podring::sim
