// Links: connections of the stream lane, datagrams of the other one, and what can go wrong on them.
#include <utility>

#include "support/sim_lanes.h"
#include "support/sim_net.h"
#include "support/sim_oracle.h"

namespace podring::sim {
namespace {

constexpr auto kConnectAgain = std::chrono::milliseconds{200};
const Way kGoodWay{};

std::uint64_t way_key(Host from, Host to) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(from)) << 32) |
         static_cast<std::uint32_t>(to);
}

}  // namespace

// ---- ways
// -----------------------------------------------------------------------------------------

Way& SimNet::way(Host from, Host to) { return ways_[way_key(from, to)]; }

const Way& SimNet::way_of(Host from, Host to) const {
  if (ways_.empty()) return kGoodWay;
  const auto found = ways_.find(way_key(from, to));
  return found == ways_.end() ? kGoodWay : found->second;
}

void SimNet::set_loss(std::uint32_t loss_pm, std::uint32_t double_pm) {
  options_.loss_pm = loss_pm;
  options_.double_pm = double_pm;
}

Duration SimNet::delay(Host from, Host to) {
  const auto spread = static_cast<std::uint64_t>((options_.delay_max - options_.delay_min).count());
  return options_.delay_min + way_of(from, to).extra +
         Duration{spread == 0 ? 0 : static_cast<Duration::rep>(random_.below(spread))};
}

void SimNet::healed(Host from, Host to) {
  for (std::uint32_t index = 0; index < connections_.size(); ++index) {
    Connection& connection = connections_[index];
    for (const bool back : {false, true}) {
      Wire& wire = back ? connection.back : connection.out;
      if (wire.stalled == 0 || (back ? connection.to : connection.from) != from ||
          (back ? connection.from : connection.to) != to)
        continue;
      for (std::uint32_t n = std::exchange(wire.stalled, 0); n > 0; --n) {
        plans_.push(
            now_ + delay(from, to),
            {.kind = back ? Plan::Kind::arrival_back : Plan::Kind::arrival_out, .a = index});
      }
    }
  }
}

void SimNet::heal_all() {
  if (tracing()) say("the network heals");
  ways_.clear();
  for (std::uint32_t index = 0; index < connections_.size(); ++index) {
    const Host from = connections_[index].from;
    const Host to = connections_[index].to;
    if (connections_[index].out.stalled > 0) healed(from, to);
    if (connections_[index].back.stalled > 0) healed(to, from);
  }
}

// ---- what the core wants done
// ---------------------------------------------------------------------

void SimNet::act(Pid pid, Action& action) {
  LanesOf* lanes = process(pid).lanes.get();
  if (auto* send = std::get_if<SendLink>(&action)) {
    if (lanes != nullptr && lanes->take(send->link, false, send->frame, send->id)) return;
    transmit(pid, send->link, false, std::move(send->frame), true);
  } else if (auto* answer = std::get_if<SendRoute>(&action)) {
    if (lanes != nullptr && lanes->take(answer->route, true, answer->frame, answer->id)) return;
    transmit(pid, answer->route, true, std::move(answer->frame), true);
  } else if (const auto* wanted = std::get_if<Dial>(&action)) {
    dial(pid, wanted->link, wanted->to);
  } else {
    hang_up(pid, std::get<HangUp>(action).link);
  }
}

void SimNet::dial(Pid pid, LinkId link, Address to) {
  Process& dialler = process(pid);
  const Host to_host = host_of(to);
  if (dialler.lanes) dialler.lanes->lanes().dial(now_of(dialler).steady, link, to);
  const auto index = static_cast<std::uint32_t>(connections_.size());
  if (tracing()) say(dialler.name + " dials " + host_name(to_host));
  if (options_.lane == Lane::datagram) {
    dialler.links.emplace_back(link, static_cast<std::uint32_t>(to_host));
    plans_.push(now_, {.kind = Plan::Kind::script, .script = [this, pid, link] {
                         deliver(pid, {.kind = Item::Kind::connected, .number = link});
                       }});
    return;
  }
  dialler.links.emplace_back(link, index);
  Connection& fresh = connections_.emplace_back();
  fresh.dialler = pid;
  fresh.link = link;
  fresh.from = dialler.host;
  fresh.to = to_host;
  plans_.push(now_ + delay(dialler.host, to_host), {.kind = Plan::Kind::connect, .a = index});
}

void SimNet::connect(std::uint32_t index) {
  Connection& wanted = connections_[index];
  if (!wanted.open) return;
  const Pid there = pid_at(wanted.to);
  const auto to = static_cast<std::size_t>(wanted.to);
  const bool silent = to >= host_silent_.size() || host_silent_[to];
  if (way_of(wanted.from, wanted.to).cut || way_of(wanted.to, wanted.from).cut || silent) {
    plans_.push(now_ + kConnectAgain, {.kind = Plan::Kind::connect, .a = index});
    return;
  }
  if (there < 0) {  // the host lives, nobody listens
    wanted.open = false;
    deliver(wanted.dialler, {.kind = Item::Kind::broken, .number = wanted.link});
    return;
  }
  Process& acceptor = process(there);
  wanted.acceptor = there;
  wanted.route = acceptor.next_route++;
  acceptor.routes[wanted.route] = index;
  deliver(wanted.dialler, {.kind = Item::Kind::connected, .number = wanted.link});
}

void SimNet::hang_up(Pid pid, LinkId link) {
  Process& dialler = process(pid);
  const auto found = std::find_if(dialler.links.begin(), dialler.links.end(),
                                  [&](const auto& open) { return open.first == link; });
  if (found == dialler.links.end()) return;
  const std::uint32_t index = found->second;
  dialler.links.erase(found);
  if (dialler.lanes) dialler.lanes->lanes().hang_up(link);
  if (options_.lane == Lane::datagram) return;
  // What waits to be read on it is dropped.
  std::erase_if(dialler.inbox, [&](const Item& item) {
    const bool its = item.kind != Item::Kind::route_frame && item.kind != Item::Kind::datagram &&
                     item.number == link;
    if (its) acks_under_way_.give_back(item.ack);
    return its;
  });
  Connection& connection = connections_[index];
  connection.open = false;
  drop_queue(connection.back);
  // What the dialler's kernel had taken may still arrive: all of it, or only the beginning.
  if (!connection.out.queue.empty() && random_.below(2) == 0)
    connection.out.queue.resize(random_.below(connection.out.queue.size() + 1));
}

// ---- sending
// --------------------------------------------------------------------------------------

/// The index of the connection, or on the datagram lane the host; nullptr: it is gone.
const std::uint32_t* SimNet::connection_of(const Process& owner, std::uint32_t number,
                                           bool to_dialler) {
  if (to_dialler) {
    const auto found = owner.routes.find(number);
    return found == owner.routes.end() ? nullptr : &found->second;
  }
  const auto found = std::find_if(owner.links.begin(), owner.links.end(),
                                  [&](const auto& open) { return open.first == number; });
  return found == owner.links.end() ? nullptr : &found->second;
}

void SimNet::transmit(Pid pid, std::uint32_t number, bool to_dialler, Bytes bytes, bool filtered) {
  Process& sender = process(pid);
  const std::uint32_t* found = connection_of(sender, number, to_dialler);
  if (found == nullptr) return;
  const std::uint32_t where = *found;
  const bool datagram = options_.lane == Lane::datagram;
  const Host to = datagram     ? static_cast<Host>(where)
                  : to_dialler ? connections_[where].from
                               : connections_[where].to;
  if (filtered && filter) {
    AnyFrame frame;
    if (read_frame(bytes, frame)) {
      const Fate fate = filter({pid, to, to_dialler, &frame});
      if (fate == Fate::hold) held_frames_.push_back({pid, to, number, to_dialler, bytes});
      if (fate != Fate::pass) {
        if (tracing())
          trace_frame(pid, to, to_dialler, bytes, fate == Fate::hold ? "held" : "dropped");
        return;
      }
    }
  }
  if (tracing()) trace_frame(pid, to, to_dialler, bytes, "->");
  if (datagram) return send_datagram(sender.host, to, to_dialler, std::move(bytes));
  Connection& connection = connections_[where];
  if (to_dialler ? !connection.open : connection.acceptor < 0 || !alive(connection.acceptor))
    return;
  enqueue(where, to_dialler,
          {.kind = to_dialler ? Item::Kind::link_frame : Item::Kind::route_frame,
           .number = to_dialler ? connection.link : connection.route,
           .from = address_of(sender.host),
           .bytes = std::move(bytes),
           .ack = to_dialler ? acks_under_way_.take() : Outstanding::kNone});
}

void SimNet::release_held() {
  for (HeldFrame& held : std::exchange(held_frames_, {})) release(held);
}

void SimNet::release_held(Pid from, Host to) {
  for (HeldFrame& held : std::exchange(held_frames_, {})) {
    if (held.from == from && held.to == to) {
      release(held);
    } else {
      held_frames_.push_back(std::move(held));
    }
  }
}

void SimNet::release(HeldFrame& held) {
  if (options_.lane == Lane::datagram) {  // it was under way, whatever became of its sender
    if (tracing()) trace_frame(held.from, held.to, held.to_dialler, held.bytes, "at last ->");
    return send_datagram(host(held.from), held.to, held.to_dialler, std::move(held.bytes));
  }
  if (alive(held.from))
    transmit(held.from, held.number, held.to_dialler, std::move(held.bytes), false);
}

// ---- the stream lane
// ------------------------------------------------------------------------------

void SimNet::enqueue(std::uint32_t index, bool back, Item item) {
  Connection& connection = connections_[index];
  Wire& wire = back ? connection.back : connection.out;
  const Host from = back ? connection.to : connection.from;
  const Host to = back ? connection.from : connection.to;
  wire.last = std::max(wire.last, now_ + delay(from, to));
  wire.queue.push_back(std::move(item));
  plans_.push(wire.last,
              {.kind = back ? Plan::Kind::arrival_back : Plan::Kind::arrival_out, .a = index});
}

/// One item is due. Which one does not matter to the plan: a wire hands out in order.
void SimNet::arrival(std::uint32_t index, bool back) {
  Connection& connection = connections_[index];
  Wire& wire = back ? connection.back : connection.out;
  if (wire.queue.empty()) return;
  const Host from = back ? connection.to : connection.from;
  const Host to = back ? connection.from : connection.to;
  if (way_of(from, to).cut) {
    ++wire.stalled;
    return;
  }
  Item item = std::move(wire.queue.front());
  wire.queue.pop_front();
  if (back) {
    if (item.kind == Item::Kind::broken) connection.open = false;
    return deliver(connection.dialler, std::move(item));
  }
  if (connection.acceptor >= 0) deliver(connection.acceptor, std::move(item));
}

void SimNet::drop_queue(Wire& wire) {
  for (const Item& item : wire.queue) acks_under_way_.give_back(item.ack);
  wire.queue.clear();
  wire.stalled = 0;
}

/// `pid` is gone; or -1 - host: somebody new lives there, and answers what is old with a reset.
void SimNet::close_connections_of(Pid pid, Death death) {
  for (std::uint32_t index = 0; index < connections_.size(); ++index) {
    Connection& connection = connections_[index];
    if (pid >= 0 && connection.dialler == pid) {
      connection.open = false;
      drop_queue(connection.back);
      if (random_.below(2) == 0)
        connection.out.queue.resize(random_.below(connection.out.queue.size() + 1));
      continue;
    }
    if (!connection.open || connection.acceptor < 0) continue;
    const bool its = pid >= 0 ? connection.acceptor == pid
                              : connection.to == -1 - pid && !alive(connection.acceptor);
    if (!its) continue;
    drop_queue(connection.out);
    if (death == Death::host) continue;
    if (pid >= 0 && random_.below(4) == 0) drop_queue(connection.back);  // reset, not closed
    enqueue(index, true, {.kind = Item::Kind::broken, .number = connection.link});
  }
}

bool SimNet::connected(Pid dialler, Pid acceptor) const {
  return std::any_of(connections_.begin(), connections_.end(), [&](const Connection& connection) {
    return connection.dialler == dialler && connection.acceptor == acceptor && connection.open &&
           process(acceptor).routes.contains(connection.route);
  });
}

void SimNet::break_connections(Host a, Host b) {
  if (tracing()) say("connections between " + host_name(a) + " and " + host_name(b) + " break");
  for (std::uint32_t index = 0; index < connections_.size(); ++index) {
    Connection& connection = connections_[index];
    const bool its = (connection.from == a && connection.to == b) ||
                     (connection.from == b && connection.to == a);
    if (!its || !connection.open || connection.acceptor < 0) continue;
    if (alive(connection.acceptor)) process(connection.acceptor).routes.erase(connection.route);
    drop_queue(connection.out);
    drop_queue(connection.back);
    enqueue(index, true, {.kind = Item::Kind::broken, .number = connection.link});
  }
}

// ---- the datagram lane
// ----------------------------------------------------------------------------

void SimNet::send_datagram(Host from, Host to, bool to_dialler, Bytes bytes) {
  const Way& on = way_of(from, to);
  if (random_.below(1000) < on.loss_pm + options_.loss_pm) return;
  const bool twice = random_.below(1000) < on.double_pm + options_.double_pm;
  for (int copy = twice ? 2 : 1; copy > 0; --copy) {
    plans_.push(now_ + delay(from, to),
                {.kind = Plan::Kind::datagram,
                 .a = static_cast<std::uint32_t>(to),
                 .item = {.kind = to_dialler ? Item::Kind::link_frame : Item::Kind::route_frame,
                          .from = address_of(from),
                          .bytes = copy == 1 ? std::move(bytes) : bytes,
                          .ack = to_dialler ? acks_under_way_.take() : Outstanding::kNone}});
  }
}

/// Whoever lives there now gets it.
void SimNet::arrive_datagram(Plan& plan) {
  const Host to = static_cast<Host>(plan.a);
  const Pid pid = pid_at(to);
  if (pid < 0 || way_of(host_of(plan.item.from), to).cut) {
    acks_under_way_.give_back(plan.item.ack);
    return;
  }
  deliver(pid, std::move(plan.item));
}

/// When it is read: an answer is for the newest link to where it came from, anything else is on the
/// one route that this address has. So late frames of a dead session meet the living one.
bool SimNet::find_connection(Process& reader, Item& item) {
  const auto from = static_cast<std::uint32_t>(host_of(item.from));
  if (item.kind == Item::Kind::link_frame) {
    const auto newest = std::find_if(reader.links.rbegin(), reader.links.rend(),
                                     [&](const auto& open) { return open.second == from; });
    if (newest == reader.links.rend()) return false;
    item.number = newest->first;
  } else if (item.kind == Item::Kind::route_frame) {
    auto [known, fresh] = reader.route_of_host.try_emplace(from, reader.next_route);
    if (fresh) reader.routes[reader.next_route++] = from;
    item.number = known->second;
  }
  return true;
}

}  // namespace podring::sim
