// Datagram lanes: what a lane takes, what the way does to datagrams, and what must stay true.
#include "support/sim_lanes.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace podring::sim {
namespace {

using namespace std::chrono_literals;

// Three probes unanswered, one a second, and the time-outs of a slow way.
constexpr auto kSilentMax = 8s;

std::uint64_t hash_of(ByteView frame) { return std::hash<ByteView>{}(frame); }

bool take_out(std::unordered_multiset<std::uint64_t>& hashes, ByteView frame) {
  const auto found = hashes.find(hash_of(frame));
  if (found == hashes.end()) return false;
  hashes.erase(found);
  return true;
}

}  // namespace

SimNet::LanesOf::LanesOf(SimNet& net, Pid pid, lane::LanesOptions options)
    : net_{net}, pid_{pid}, lanes_{std::move(options)} {}

SimNet::Connection* SimNet::LanesOf::connection(std::uint32_t number, bool to_dialler) const {
  if (to_dialler) {
    const auto found = routes_.find(number);
    return found == routes_.end() ? nullptr : &net_.connections_[found->second];
  }
  const std::uint32_t* index = net_.connection_of(net_.process(pid_), number, false);
  return index == nullptr ? nullptr : &net_.connections_[*index];
}

// ---- going out
// ---------------------------------------------------------------------------------

bool SimNet::LanesOf::take(std::uint32_t number, bool to_dialler, Bytes& frame,
                           const std::optional<SendId>& id) {
  const Bytes before = frame;
  const bool taken = to_dialler ? lanes_.send_route(now(), number, frame, id)
                                : lanes_.send_link(number, frame, id);
  if (!taken) return false;
  ++net_.lane_frames_taken_;
  if (to_dialler && !acks_waiting_) acks_waiting_ = net_.hold_ack();
  Connection* over = connection(number, to_dialler);
  if (over == nullptr) return true;
  LaneFrames& frames = to_dialler ? over->back_frames : over->out_frames;
  frames.to_come.insert(hash_of(before));
  frames.open.insert(hash_of(before));
  frames.sent.push_back({*id, hash_of(before)});
  if (net_.tracing())
    net_.trace_frame(pid_, to_dialler ? over->from : over->to, to_dialler, before, "~>");
  return true;
}

void SimNet::LanesOf::write() {
  const Host from = net_.process(pid_).host;
  lanes_.write(now(), [&](Address to, std::uint16_t, const Bytes& datagram) {
    look_at(to, datagram);
    net_.send_packet(from, host_of(to), datagram, acks_waiting_);
  });
  for (const lane::LaneChange& change : lanes_.take_changes()) {
    if (net_.tracing())
      net_.say(net_.name(pid_) + "'s lane " + (change.outgoing ? "to " : "from ") +
               net_.name_of(change.peer) +
               (change.figures.state == lane::LaneState::open ? " opens" : " fails"));
  }
  bool all_written = true;
  for (const lane::LaneChange& each : lanes_.all()) {
    all_written = all_written && (each.outgoing || each.figures.queued == 0);
  }
  if (all_written) acks_waiting_.reset();
  check_heard();
}

/// Frames go only where a datagram got through, and never more than there is room for.
void SimNet::LanesOf::look_at(Address to, const Bytes& datagram) {
  const auto header = lane::read_header(datagram);
  if (!header || !lane::read_payload(ByteView{datagram}.substr(lane::kHeaderBytes), payload_))
    return net_.fail("lane_datagram", net_.name(pid_) + " writes what cannot be read");
  if (payload_.frames.empty()) return;
  const auto known = net_.tokens_.find(header->token);
  if (known == net_.tokens_.end() || !known->second)
    return net_.fail("lane_unproven", net_.name(pid_) + " sends frames to " + net_.name_of(to) +
                                          " where no datagram has arrived yet");
  // Probes may go beyond the room; frames only while there is some, with everything counted.
  const bool outgoing = frame_type(payload_.frames.front()) == FrameType::relay;
  std::optional<lane::LaneFigures> its;
  for (const lane::LaneChange& each : lanes_.all()) {
    if (each.peer != to || each.outgoing != outgoing || each.figures.number != header->lane)
      continue;
    if (!its || each.figures.in_flight < its->in_flight) its = each.figures;
  }
  if (its && its->in_flight > its->room)
    net_.fail("lane_room", net_.name(pid_) + " has " + std::to_string(its->in_flight) +
                               " bytes under way to " + net_.name_of(to) + ", which has room for " +
                               std::to_string(its->room));
}

std::string SimNet::LanesOf::describe() const {
  std::string text;
  for (const lane::LaneChange& each : lanes_.all()) {
    static constexpr const char* kStates[] = {"probing", "open", "failed"};
    const lane::LaneFigures& figures = each.figures;
    text += "; " + net_.name(pid_) + (each.outgoing ? " to " : " from ") + net_.name_of(each.peer) +
            " " + kStates[static_cast<int>(figures.state)] + ", " + std::to_string(figures.queued) +
            " bytes queued, " + std::to_string(figures.in_flight) + " in flight of " +
            std::to_string(figures.window) + ", room " + std::to_string(figures.room) +
            ", datagrams of " + std::to_string(figures.path_mtu);
  }
  return text;
}

void SimNet::LanesOf::check_heard() {
  const Process& owner = net_.process(pid_);
  const bool awake =
      owner.options.service == Duration::zero() && net_.now() - owner.awake_since > kSilentMax;
  for (const lane::LaneChange& each : lanes_.all()) {
    if (!awake || each.figures.state != lane::LaneState::open) continue;
    const Duration silent = now() - each.figures.heard;
    if (silent > kSilentMax)
      net_.fail("lane_silent", net_.name(pid_) + "'s lane " + (each.outgoing ? "to " : "from ") +
                                   net_.name_of(each.peer) + " is open, and nothing has come for " +
                                   std::to_string(silent / 1ms) + " ms");
  }
}

// ---- coming in
// ---------------------------------------------------------------------------------

void SimNet::LanesOf::on_route_frame_of_stream(const Item& item) {
  if (const auto* index = net_.connection_of(net_.process(pid_), item.number, true))
    routes_[item.number] = *index;
  lanes_.on_route_frame(now(), item.number, item.from, item.bytes);
}

void SimNet::LanesOf::read(ByteView datagram) {
  if (const auto header = lane::read_header(datagram)) {
    if (const auto known = net_.tokens_.find(header->token); known != net_.tokens_.end())
      known->second = true;
  }
  (void)lanes_.on_datagram(now(), datagram, *this);
}

void SimNet::LanesOf::tick() { lanes_.on_tick(now(), *this); }

void SimNet::LanesOf::arrived(std::uint32_t number, bool to_dialler, ByteView frame) {
  // What came from the dialler came on a route, and the other way round.
  Connection* over = connection(number, !to_dialler);
  if (over == nullptr) return;
  LaneFrames& frames = to_dialler ? over->back_frames : over->out_frames;
  (void)take_out(frames.open, frame);
  if (!take_out(frames.to_come, frame))
    net_.fail("lane_repeat",
              net_.name(pid_) + " is handed a frame that no lane has taken, or that came before");
}

void SimNet::LanesOf::reported_lost(std::uint32_t number, bool to_dialler, const SendId& id) {
  Connection* over = connection(number, to_dialler);
  if (over == nullptr) return;
  LaneFrames& frames = to_dialler ? over->back_frames : over->out_frames;
  // What was sent again in the same numbers has the same id: the oldest that is open.
  const auto lost = std::find_if(frames.sent.begin(), frames.sent.end(), [&](const auto& sent) {
    return sent.first == id && frames.open.contains(sent.second);
  });
  if (lost != frames.sent.end()) {
    frames.open.erase(frames.open.find(lost->second));
    frames.sent.erase(lost);
  }
  if (net_.tracing())
    net_.say("    " + net_.name(pid_) + " is told that " + std::to_string(id.count) + " from " +
             std::to_string(id.first) + (id.ack == 0 ? "" : " of ack " + std::to_string(id.ack)) +
             " were lost");
}

void SimNet::LanesOf::on_link_frame(LinkId link, ByteView frame) {
  arrived(link, true, frame);
  net_.peer(pid_).on_link_frame(net_.now_of(net_.process(pid_)), link, frame);
}

void SimNet::LanesOf::on_route_frame(RouteId route, Address from, ByteView frame) {
  arrived(route, false, frame);
  net_.peer(pid_).on_route_frame(net_.now_of(net_.process(pid_)), route, from, frame);
}

void SimNet::LanesOf::on_link_frame_lost(LinkId link, const SendId& id) {
  reported_lost(link, false, id);
  net_.peer(pid_).on_link_frame_lost(net_.now_of(net_.process(pid_)), link, id);
}

void SimNet::LanesOf::on_route_frame_lost(RouteId route, const SendId& id) {
  reported_lost(route, true, id);
  net_.peer(pid_).on_route_frame_lost(net_.now_of(net_.process(pid_)), route, id);
}

void SimNet::LanesOf::on_link_frame_max(LinkId link, std::optional<std::size_t> bytes) {
  net_.peer(pid_).on_link_frame_max(net_.now_of(net_.process(pid_)), link, bytes);
}

// ---- the way of a datagram
// ---------------------------------------------------------------------

LaneToken SimNet::draw_token() {
  LaneToken token;
  for (std::size_t i = 0; i < token.bytes.size(); ++i)
    token.bytes[i] = static_cast<unsigned char>(lane_random_.below(256));
  tokens_[token] = false;
  return token;
}

std::shared_ptr<void> SimNet::hold_ack() {
  const std::uint64_t number = acks_under_way_.take();
  return {nullptr, [this, number](void*) { acks_under_way_.give_back(number); }};
}

void SimNet::send_packet(Host from, Host to, const Bytes& bytes, const std::shared_ptr<void>& ack) {
  const Way& on = way_of(from, to);
  const auto chance = [this](std::uint32_t per_mille) {
    return per_mille > 0 && lane_random_.below(1000) < per_mille;
  };
  const auto arrive = [&](const Bytes& copy, Duration later) {
    const auto spread = static_cast<std::uint64_t>(
        (options_.delay_max - options_.delay_min + on.datagram_spread).count());
    const Duration drawn{static_cast<Duration::rep>(spread == 0 ? 0 : lane_random_.below(spread))};
    plans_.push(
        now_ + options_.delay_min + drawn + later,
        {.kind = Plan::Kind::packet,
         .a = static_cast<std::uint32_t>(to),
         .item = {
             .kind = Item::Kind::datagram, .from = address_of(from), .bytes = copy, .hold = ack}});
  };
  if (chance(on.forge_pm)) arrive(forged(bytes), {});
  if (chance(on.damage_pm)) {
    if (const auto copy = damaged(bytes)) arrive(*copy, {});
    return;
  }
  if (on.cut || on.datagrams_cut || (on.datagram_max > 0 && bytes.size() > on.datagram_max) ||
      chance(on.loss_pm + options_.loss_pm)) {
    if (tracing())
      say("    a datagram of " + host_name(from) + " to " + host_name(to) + " is lost");
    return;
  }
  arrive(bytes, {});
  if (!chance(on.double_pm + options_.double_pm)) return;
  arrive(bytes,
         chance(300) ? Duration{std::chrono::milliseconds{lane_random_.below(3000)}} : Duration{});
}

/// What a stranger sends who knows everything but the token: old frames, and acks of everything.
Bytes SimNet::forged(const Bytes& bytes) {
  lane::Header header = *lane::read_header(bytes);
  lane::Payload payload;
  (void)lane::read_payload(ByteView{bytes}.substr(lane::kHeaderBytes), payload);
  header.token.bytes[lane_random_.below(header.token.bytes.size())] ^= 1;
  const std::uint64_t number = header.number;
  header.number += lane_random_.below(100);
  Bytes forgery;
  lane::write_header(forgery, header);
  lane::write_ack(forgery, {}, {{0, lane_random_.below(number + 1)}});
  for (const ByteView frame : payload.frames) lane::write_lane_frame(forgery, frame);
  return forgery;
}

/// One byte is another, or the end is missing. What cannot be seen in it, the kernel's checksum
/// sees.
std::optional<Bytes> SimNet::damaged(Bytes bytes) {
  if (lane_random_.below(2) == 0) {
    bytes.resize(lane_random_.below(bytes.size()));
  } else {
    bytes[lane_random_.below(bytes.size())] ^= static_cast<char>(1 + lane_random_.below(255));
  }
  const auto header = lane::read_header(bytes);
  lane::Payload payload;
  const bool taken = header && tokens_.contains(header->token) &&
                     lane::read_payload(ByteView{bytes}.substr(lane::kHeaderBytes), payload);
  return taken ? std::nullopt : std::optional{std::move(bytes)};
}

/// Whoever lives there now gets it, as long as its socket has room.
void SimNet::arrive_packet(Plan& plan) {
  const Host to = static_cast<Host>(plan.a);
  const Pid pid = pid_at(to);
  if (pid < 0 || way_of(host_of(plan.item.from), to).cut || !process(pid).lanes) return;
  Process& reader = process(pid);
  if (reader.paused || now_ < reader.busy_until) {
    std::size_t waiting = plan.item.bytes.size();
    for (const Item& item : reader.inbox) {
      if (item.kind == Item::Kind::datagram) waiting += item.bytes.size();
    }
    if (waiting > kSocketWindows * reader.options.lane_window) return;
  }
  deliver(pid, std::move(plan.item));
}

// ---- looking in
// ---------------------------------------------------------------------------------

std::size_t SimNet::lane_frames_open() const {
  std::size_t open = 0;
  for (const Connection& connection : connections_) {
    if (!connection.open || connection.acceptor < 0 || !alive(connection.acceptor) ||
        !alive(connection.dialler))
      continue;
    open += connection.out_frames.open.size();
    if (process(connection.acceptor).routes.contains(connection.route))
      open += connection.back_frames.open.size();
  }
  return open;
}

std::optional<lane::LaneFigures> SimNet::lane(Pid pid, Address to) const {
  const Process& owner = process(pid);
  if (!owner.lanes) return std::nullopt;
  for (const lane::LaneChange& each : owner.lanes->lanes().all()) {
    if (each.outgoing && each.peer == to) return each.figures;
  }
  return std::nullopt;
}

std::string SimNet::describe_lanes() const {
  std::string text;
  for (const Process& each : processes_) {
    if (each.lanes) text += each.lanes->describe();
  }
  return text;
}

}  // namespace podring::sim
