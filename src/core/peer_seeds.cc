// Seeds: what is taken into the ring here, and what their clients are told of them.
#include <algorithm>
#include <utility>

#include "core/peer_state.h"

namespace podring {
namespace {

constexpr auto kTtlMax = std::chrono::milliseconds{UINT32_MAX};

}  // namespace

SeedResult Peer::State::seed(const SeedRequest& request) {
  const auto bad = [&](std::string reason, SeedError error = SeedError::bad_request) {
    ++counters.seeds_refused_bad;
    return SeedResult{error, std::move(reason), {}};
  };
  if (request.count < 1 || request.count > kSeedCountMax) {
    return bad("count must be from 1 to " + std::to_string(kSeedCountMax));
  }
  if (request.hops && request.laps) return bad("give either hops or laps, not both");
  if (request.hops && (*request.hops < 1 || *request.hops > kHopsMax)) {
    return bad("hops must be from 1 to " + std::to_string(kHopsMax));
  }
  if (request.laps && (*request.laps < 1 || *request.laps > kLapsMax)) {
    return bad("laps must be from 1 to " + std::to_string(kLapsMax));
  }
  const Duration ttl = request.ttl.value_or(settings.ttl);
  if (ttl < std::chrono::milliseconds{1} || ttl > kTtlMax) {
    return bad("the time to live must be from 1 ms to " + std::to_string(UINT32_MAX) + " ms");
  }
  EnvelopeHead head;
  head.origin = self.address;
  head.limit_kind = request.laps ? LimitKind::laps : LimitKind::hops;
  head.limit = request.laps ? *request.laps : request.hops.value_or(settings.hops);
  head.copies = settings.copies;
  head.copies_on = settings.copies_on;
  head.receipt = request.receipt;
  head.time_left_ms = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(ttl).count());
  Envelope envelope = make_envelope(head, request.message);
  if (!(request.annotations == SenderAnnotations{})) {
    if (const std::size_t said = encoded_bytes(request.annotations);
        said > kSenderAnnotationBytesMax) {
      return bad("what is said of the message (key, content type, attributes, request) has " +
                     std::to_string(said) + " bytes; at most " +
                     std::to_string(kSenderAnnotationBytesMax) + " travel with it",
                 SeedError::too_large);
    }
    annotate(envelope, {request.annotations, {}, {}, 0, {}});
  }
  const std::size_t entries = request.laps ? kTraceFirstKept + kTraceLastKept : head.limit;
  // What the programs say of it grows in the extension map, up to that map's own bound.
  const std::size_t largest =
      encoded_bytes_after(envelope, entries, self.pod.size()) + kExtensionBytesMax;
  if (largest > kEnvelopeBytesMax) {
    return bad("with its trace the message could grow to " + std::to_string(largest) +
                   " bytes; at most " + std::to_string(kEnvelopeBytesMax) +
                   " travel: send fewer bytes or fewer hops",
               SeedError::too_large);
  }
  if (leaving && now.steady - leaving_since >= settings.drain_linger) {
    ++counters.seeds_refused_leaving;
    return {SeedError::leaving, "this peer is leaving the ring; seed at another one", {}};
  }
  // The bubble rule: a free slot is left after it. (A ring whose queues are all full stands still.)
  const std::size_t bytes = (envelope.tail.size() + 160) * request.count;
  const std::size_t bubble = mutated(Mutation::bubble_rule_off) ? 0 : 1;
  const std::size_t used = mutated(Mutation::custody_gates_sending) ? custody.size() : queue_used;
  if (used + request.count + bubble > settings.queue ||
      queue_used_bytes + bytes > settings.queue_bytes) {
    ++counters.seeds_refused_full;
    return {
        SeedError::ring_full, "the queue to the next peer has no room for it; try again later", {}};
  }
  const EnvelopeId first{self.boot, next_counter};
  emit(Seeded{first, request.count, request.sender, head.limit_kind, head.limit});
  for (std::uint32_t i = 0; i < request.count; ++i) {
    const std::uint32_t index = custody.take();
    Held& held = custody[index];
    held.envelope = envelope;
    held.envelope.head.id = {self.boot, next_counter++};
    held.bytes = static_cast<std::uint32_t>(envelope.tail.size() + 160);
    held.accepted = now.steady;
    held.arrived = now.wall;
    held.sender = request.sender;
    held.own_seed = true;
    Remembered& record = memory.at(held.envelope.head.id);
    memory.count_new();
    record.lap_plus_one = 1;
    record.held = index;
    ++counters.seeds_accepted;
    arrive(index);
  }
  return {SeedError::none, {}, first};
}

void Peer::State::on_seed_frame(std::uint32_t index, const SeedFrame& read) {
  const Inbound& session = inbound[index];
  const auto refused = [&](RefuseCode code, const std::string& reason) {
    refuse(session.route, header(session), code, reason, read.request);
  };
  // A leaving peer confirms only what is safe.
  const Stage wait = leaving && read.wait == Stage::accepted ? Stage::safe : read.wait;
  if (wait != Stage::accepted && seed_clients.size() + read.count > kSeedClientsMax) {
    ++counters.seeds_refused_waiting;
    shed(Shed::What::seeds_waiting, read.count);
    return refused(RefuseCode::too_many,
                   "too many seeds wait to be safe or completed; try again later");
  }
  SeedRequest request;
  request.message = read.message;
  request.count = read.count;
  if (read.limit != 0)
    (read.limit_kind == LimitKind::hops ? request.hops : request.laps) = read.limit;
  if (read.ttl_ms > UINT32_MAX)
    return refused(RefuseCode::bad_request, "ttl_ms must be at most 4294967295");
  if (read.ttl_ms != 0) request.ttl = std::chrono::milliseconds{read.ttl_ms};
  request.receipt = read.wait == Stage::completed;
  request.sender = session.remote.address;
  const std::uint64_t first = next_counter;
  const TimePoint until = now.steady + request.ttl.value_or(settings.ttl) + settings.receipt_ttl +
                          settings.memory_grace;
  if (wait != Stage::accepted) {
    for (std::uint64_t i = 0; i < std::min(read.count, kSeedCountMax); ++i) {
      seed_clients[first + i] = {index, session.generation, read.request, wait, until};
    }
  }
  const SeedResult result = seed(request);
  if (result.error != SeedError::none) {
    for (std::uint64_t i = 0; i < std::min(read.count, kSeedCountMax); ++i)
      seed_clients.erase(first + i);
    switch (result.error) {
      case SeedError::ring_full:
        return refused(RefuseCode::ring_full, result.reason);
      case SeedError::leaving:
        return refused(RefuseCode::leaving, result.reason);
      case SeedError::too_large:
        return refused(RefuseCode::too_large, result.reason);
      default:
        return refused(RefuseCode::bad_request, result.reason);
    }
  }
  if (leaving && read.wait == Stage::accepted) return;  // told at `safe`
  send(session,
       write_frame(header(session),
                   SeededFrame{read.request, Stage::accepted, result.first, read.count, 0, {}}));
}

/// A receipt may pass its origin by, and a client may go: what nothing can be told of any more.
void Peer::State::forget_seed_clients() {
  std::erase_if(seed_clients, [this](const auto& entry) {
    const SeedClient& client = entry.second;
    const Inbound& session = inbound[client.session];
    return !session.used || session.generation != client.generation || now.steady >= client.until;
  });
}

void Peer::State::tell_seed_client(EnvelopeId id, Stage stage, SeededFrame seeded) {
  const auto found = seed_clients.find(id.counter);
  if (found == seed_clients.end()) return;
  const SeedClient client = found->second;
  const Inbound& session = inbound[client.session];
  const bool done = stage >= client.wait;
  if (done) seed_clients.erase(found);
  if (!session.used || session.generation != client.generation) {
    seed_clients.erase(id.counter);
    return;
  }
  seeded.request = client.request;
  seeded.stage = stage;
  seeded.first = id;
  seeded.count = 1;
  send(session, write_frame(header(session), seeded));
}

}  // namespace podring
