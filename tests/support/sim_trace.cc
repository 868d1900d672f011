// A simulation for people: one line for everything that happens.
#include <cstdio>

#include "support/sim_net.h"

namespace podring::sim {
namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string ranges_of(const std::vector<SequenceRange>& ranges) {
  std::string text;
  for (const SequenceRange& range : ranges) {
    text += " " + number(range.first);
    if (range.last != range.first) text += "-" + number(range.last);
  }
  return text;
}

}  // namespace

std::string SimNet::host_name(Host host) {
  return host >= 0 && host < 26 ? std::string(1, static_cast<char>('A' + host))
                                : "h" + std::to_string(host) + ".";
}

std::string SimNet::name_of(Address address) const { return host_name(host_of(address)); }

std::string SimNet::name_of(EnvelopeId id) const {
  const Pid pid = pid_of(id.boot);
  return (pid < 0 ? to_string(id.boot) : name(pid)) + "#" + number(id.counter);
}

void SimNet::say(const std::string& line) {
  if (!options_.trace) return;
  char stamp[32];
  std::snprintf(stamp, sizeof stamp, "%10.3f ms  ",
                static_cast<double>(now_.time_since_epoch().count()) / 1e6);
  options_.trace(stamp + line);
}

void SimNet::trace_event(Pid pid, const Event& event) {
  const std::string& who = name(pid);
  if (const auto* visit = std::get_if<Visited>(&event)) {
    const EnvelopeHead& head = visit->envelope.head;
    say(who + " RECEIVED " + name_of(head.id) + " hop " + number(head.hop) + " lap " +
        number(head.lap) + " from " + name_of(visit->sender));
  } else if (const auto* ended = std::get_if<Ended>(&event)) {
    std::string trace;
    for (const TraceEntry& entry : trace_of(ended->envelope)) trace += " " + std::string{entry.pod};
    say(who + (ended->end == End::completed ? " COMPLETED " : " EXPIRED ") +
        name_of(ended->envelope.head.id) + " after" + trace +
        (ended->envelope.detours.empty() ? "" : ", with detours"));
  } else if (const auto* safe = std::get_if<SafeConfirmed>(&event)) {
    say(who + " SAFE " + name_of(safe->id));
  } else if (const auto* receipt = std::get_if<ReceiptArrived>(&event)) {
    say(who + " has the receipt of " + name_of(receipt->envelope.head.id));
  } else if (const auto* detour = std::get_if<DetourTaken>(&event)) {
    say(who + " takes " + name_of(detour->id) + " back from " + name_of(detour->from_successor) +
        ", attempt " + number(detour->attempt));
  } else if (const auto* duplicate = std::get_if<DuplicateDropped>(&event)) {
    say(who + " drops a duplicate of " + name_of(duplicate->id) + " in lap " +
        number(duplicate->lap) + (duplicate->held ? ", held here" : ", let go here"));
  } else if (const auto* up = std::get_if<LinkUp>(&event)) {
    say(who + " link up to " + up->identity.pod + ", session " + number(up->session % 1000));
  } else if (const auto* down = std::get_if<LinkDown>(&event)) {
    static constexpr const char* kReasons[] = {"broken", "silent", "no_session", "refused", "idle"};
    say(who + " link down to " + name_of(down->peer) + ": " +
        kReasons[static_cast<int>(down->reason)] + " " + down->detail + ", handed back " +
        number(down->handed_back));
  } else if (const auto* successor = std::get_if<SuccessorChanged>(&event)) {
    say(who + " successor " + (successor->successor ? name_of(*successor->successor) : "nobody"));
  } else if (const auto* health = std::get_if<PeerHealth>(&event)) {
    static constexpr const char* kStates[] = {"up", "down", "leaving"};
    say(who + " calls " + name_of(health->peer) + " " + kStates[static_cast<int>(health->state)]);
  } else if (const auto* view = std::get_if<ViewChanged>(&event)) {
    std::string text = who + " view";
    for (const Address& added : view->added) text += " +" + name_of(added);
    for (const Address& removed : view->removed) text += " -" + name_of(removed);
    say(text);
  } else if (const auto* refused = std::get_if<HelloRefused>(&event)) {
    say(who + " refuses hello of " + refused->identity.pod + ": " + refused->reason);
  } else if (const auto* shed = std::get_if<Shed>(&event)) {
    static constexpr const char* kWhat[] = {"transit_full",  "transit_over_queue",
                                            "ids_forgotten", "session_evicted",
                                            "trace_trimmed", "seeds_waiting"};
    say(who + " shed " + kWhat[static_cast<int>(shed->what)] + " " + number(shed->count));
  }
}

void SimNet::trace_frame(Pid from, Host to, bool to_dialler, const Bytes& bytes, const char* verb) {
  AnyFrame frame;
  if (!read_frame(bytes, frame)) return say(name(from) + " " + verb + " a bad frame");
  std::string text = "    " + name(from) + " " + verb + " " + host_name(to) +
                     (to_dialler ? " (answer)" : "") + " s" + number(frame.session % 1000) + " ";
  switch (frame.type) {
    case FrameType::hello:
      text += frame.hello.leaving ? "hello, leaving" : "hello";
      break;
    case FrameType::relay:
      text += "relay floor " + number(frame.relay.floor);
      for (std::size_t i = 0; i < frame.relay.envelopes.size(); ++i) {
        Envelope envelope;
        if (!read_envelope(frame.relay.envelopes[i], envelope)) continue;
        text += " [" + number(frame.relay.first + i) + ": " + name_of(envelope.head.id) + " hop " +
                number(envelope.head.hop) + " lap " + number(envelope.head.lap) +
                (envelope.head.ended != End::none ? " ended]" : "]");
      }
      break;
    case FrameType::ack:
      text += "ack room " + number(frame.ack.credit_envelopes);
      for (const AckRange& range : frame.ack.ranges) {
        static constexpr const char* kWords[] = {" received", " safe", " final"};
        text += kWords[static_cast<int>(range.level)] + ranges_of({range.range});
        if (range.replica_count > 0) text += " place";
      }
      break;
    case FrameType::refuse:
      text += "refuse " + frame.refuse.reason;
      break;
    case FrameType::leaving:
      text += "leaving";
      break;
    case FrameType::ping:
      text += "ping floor " + number(frame.ping.floor) + " asks" + ranges_of(frame.ping.asks);
      break;
    case FrameType::pong:
      text += "pong room " + number(frame.pong.credit_envelopes);
      break;
    case FrameType::status:
      text += "status";
      break;
    default:
      text += "frame " + number(static_cast<std::uint64_t>(frame.type));
  }
  say(text);
}

}  // namespace podring::sim
