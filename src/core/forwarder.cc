#include "core/forwarder.h"

#include <algorithm>

#include "core/check.h"

namespace podring {
namespace {

constexpr int kSelfHandOversPerTurn = 64;  // alone: then the loop looks at its sockets again
constexpr std::size_t kPrefetched = 6;     // entries ahead that are fetched while one is worked on

}  // namespace

HandOver Forwarder::hand_over_of(const CustodyEntry& entry, Address to) const {
  const EnvelopeHead& head = entry.envelope.head;
  const bool running = head.ended == End::none;
  return {.hop = head.hop + (running ? 1 : 0),
          .lap = head.lap + (rules::adds_lap(local_.address(), to, head.origin) ? 1 : 0),
          .time_left_ms = Custody::time_left_ms(entry, turn_.steady()),
          .append_entry = running,
          .pod = local_.identity.pod,
          .arrived = entry.arrived};
}

// ---- what waits

/// The envelope to be sent next, still in its queue.
EntryIndex Forwarder::next_queued() {
  Custody& custody = delivery_.custody();
  ForwardQueue& queue = delivery_.queue();
  while (!queue.empty()) {
    const IndexQueue& order = queue.order();
    if (order.size() > kPrefetched) custody.prefetch(order[kPrefetched]);
    if (order.size() > kPrefetched / 2)
      __builtin_prefetch(custody[order[kPrefetched / 2]].envelope.tail.data());
    const EntryIndex index = order.front();
    CustodyEntry& entry = custody[index];
    if (entry.state == CustodyEntry::State::queued) {
      if (Custody::time_left_ms(entry, turn_.steady()) > 0) return index;
      delivery_.expire(index);
    }
    pop(index);
  }
  return kNoEntry;
}

void Forwarder::pop(EntryIndex index) {
  delivery_.custody()[index].in_order = false;
  delivery_.queue().pop();
}

void Forwarder::expire_queue() {
  delivery_.queue().for_each([this](EntryIndex index) {
    const CustodyEntry& entry = delivery_.custody()[index];
    if (entry.state == CustodyEntry::State::queued &&
        Custody::time_left_ms(entry, turn_.steady()) == 0)
      delivery_.expire(index);
  });
}

void Forwarder::hand_to_self() {
  Custody& custody = delivery_.custody();
  for (int i = 0; i < kSelfHandOversPerTurn; ++i) {
    const EntryIndex index = next_queued();
    if (index == kNoEntry) return;
    pop(index);
    codecs_.loop_back(custody[index].envelope, hand_over_of(custody[index], local_.address()),
                      scratch_);
    ++turn_.counters.hops_sent;
    delivery_.accept({local_.address()}, scratch_);
    CustodyEntry& entry = custody[index];
    if (entry.state != CustodyEntry::State::queued) continue;
    const std::uint64_t own_site = local_.site(entry.envelope.head.copies_on);
    Custody::set_replicas(entry, own_site, own_site, std::nullopt);
    delivery_.update_level(index);
  }
}

TimePoint Forwarder::next_deadline(bool alone) const {
  if (delivery_.queue().empty()) return TimePoint::max();
  if (alone) return turn_.steady();
  const OutSession* link = out_.target();
  return link != nullptr && link->is_up() ? link->retries.offer_at : TimePoint::max();
}

// ---- sending

void Forwarder::send_queue(OutSession& link) {
  RelayCodec& codec = codecs_.of(link.version);
  const std::size_t frame_max = out_.frame_max(link);
  std::uint64_t first = link.window.end();
  while (link.window.size() < OutSessions::kWindowMax) {
    const EntryIndex index = next_queued();
    if (index == kNoEntry) break;
    const CustodyEntry& entry = delivery_.custody()[index];
    if (!may_send(link, entry.bytes)) break;
    pop(index);
    const HandOver hand_over = hand_over_of(entry, link.to);
    note_cut(entry, hand_over);
    codec.add(entry.envelope, hand_over);
    if (codec.count() > 1 && codec.bytes() > frame_max) {
      const auto count = static_cast<std::uint32_t>(codec.count() - 1);
      out_.send(link, codec.finish_but_last(link.header(), link.window.base(), first),
                SendId{first, count});
      first = link.window.end();
    }
    put_in_flight(link, index);
    ++turn_.counters.hops_sent;
  }
  send_batch(link, codec, first);
  if (link.window.unreceived() > 0 && !link.timers.is_on(LinkTimer::resend))
    link.timers.set(LinkTimer::resend, turn_.steady() + out_.timeout(link, 0));
}

bool Forwarder::send_one(OutSession& link, EntryIndex index) {
  const CustodyEntry& entry = delivery_.custody()[index];
  if (!may_send(link, entry.bytes)) return false;
  RelayCodec& codec = codecs_.of(link.version);
  const std::uint64_t first = link.window.end();
  codec.add(entry.envelope, hand_over_of(entry, link.to));
  put_in_flight(link, index);
  ++turn_.counters.receipts_direct;
  send_batch(link, codec, first);
  if (!link.timers.is_on(LinkTimer::resend))
    link.timers.set(LinkTimer::resend, turn_.steady() + out_.timeout(link, 0));
  return true;
}

/// To a remote without credit one envelope is offered each time-out, more while it takes them.
bool Forwarder::may_send(OutSession& link, std::size_t bytes) {
  Retries& retries = link.retries;
  if (link.window.fits(bytes)) {
    retries.offer_at = TimePoint::max();
    retries.offered = 1;
    return true;
  }
  if (link.window.unreceived() >= retries.offered) {  // resending is the attempt
    retries.offer_at = TimePoint::max();
    return false;
  }
  if (retries.offer_at == TimePoint::max())
    retries.offer_at = turn_.steady() + out_.timeout(link, 0);
  if (turn_.steady() < retries.offer_at) return false;
  if (link.window.unreceived() + 1 >= retries.offered) retries.offer_at = TimePoint::max();
  return true;
}

void Forwarder::note_cut(const CustodyEntry& entry, const HandOver& hand_over) {
  if (entry.envelope.head.limit_kind != LimitKind::hops || !trace_is_cut(entry.envelope, hand_over))
    return;
  ++turn_.counters.trace_trimmed;
  turn_.drop(Shed::What::trace_trimmed);
}

void Forwarder::put_in_flight(OutSession& link, EntryIndex index) {
  CustodyEntry& entry = delivery_.custody()[index];
  entry.state = CustodyEntry::State::sent;
  entry.link = link.id;
  entry.sequence = link.window.end();
  ++entry.attempt;
  link.window.push(turn_.steady(), index, entry.bytes);
}

void Forwarder::send_batch(OutSession& link, RelayCodec& codec, std::uint64_t first) {
  if (codec.count() == 0) return;
  const SendId id{first, static_cast<std::uint32_t>(codec.count())};
  out_.send(link, codec.finish(link.header(), link.window.base(), first), id);
}

// ---- again

/// A frame's worth of what the remote does not say it has of these numbers, or one envelope.
void Forwarder::resend_range(OutSession& link, std::uint64_t first, std::uint64_t end) {
  RelayCodec& codec = codecs_.of(link.version);
  const std::size_t frame_max = out_.frame_max(link);
  std::uint64_t run = 0;  // the first number of the frame
  std::size_t bytes = 0;
  std::size_t tried = 0;
  for (std::uint64_t sequence = std::max(first, link.window.base());
       sequence < std::min(end, link.window.end()); ++sequence) {
    SendWindow::Slot& slot = link.window.at(sequence);
    if (slot.entry == kNoEntry || !rules::is_sent_again(slot.received)) {
      send_batch(link, codec, run);
      continue;
    }
    if (bytes > 0 && bytes + slot.bytes > local_.settings.frame_bytes) break;
    if (!link.window.credit().any() && tried == link.retries.offered) break;
    if (codec.count() > 0 && codec.bytes() + slot.bytes > frame_max) send_batch(link, codec, run);
    if (codec.count() == 0) run = sequence;
    const CustodyEntry& entry = delivery_.custody()[slot.entry];
    codec.add(entry.envelope, hand_over_of(entry, link.to));
    bytes += slot.bytes;
    ++tried;
    slot.resent = true;
    ++turn_.counters.hops_resent;
  }
  send_batch(link, codec, run);
}

void Forwarder::resend(OutSession& link) {
  resend_range(link, link.window.oldest_unreceived(), link.window.end());
  Retries& retries = link.retries;
  ++retries.resends;
  retries.offered = std::max<std::size_t>(retries.offered / 2, 1);
  if (link.window.unreceived() > 0) {
    link.timers.set(LinkTimer::resend, turn_.steady() + out_.timeout(link, retries.resends));
  } else {
    link.timers.stop(LinkTimer::resend);
  }
}

std::uint32_t Forwarder::reroute(OutSession& link) {
  std::uint32_t count = 0;
  for (std::uint64_t sequence = link.window.end(); sequence > link.window.base();) {
    const SendWindow::Slot slot = link.window.at(--sequence);
    if (slot.entry == kNoEntry) continue;
    if (!rules::is_rerouted(slot.received)) {
      delivery_.release(slot.entry, false);
      continue;
    }
    CustodyEntry& entry = delivery_.custody()[slot.entry];
    const EnvelopeHead& head = entry.envelope.head;
    const DetourEntry detour{head.hop + (head.ended == End::none ? 1 : 0), entry.attempt + 1};
    std::vector<DetourEntry>& detours = entry.envelope.detours;
    if (detours.size() == kDetoursKept) detours.erase(detours.begin());
    detours.push_back(detour);
    ++turn_.counters.detours;
    ++count;
    turn_.emit(DetourTaken{head.id, detour.hop, detour.attempt, link.to});
    delivery_.enqueue(slot.entry, /*rerouted=*/true);
    delivery_.update_level(slot.entry);
  }
  link.window.clear();
  return count;
}

}  // namespace podring
