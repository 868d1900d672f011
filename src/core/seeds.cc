#include "core/seeds.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace podring {
namespace {

constexpr auto kTtlMax = std::chrono::milliseconds{UINT32_MAX};

std::string out_of(const char* what, std::uint32_t most) {
  return std::string{what} + " must be from 1 to " + std::to_string(most);
}

RefuseCode code_of(SeedError error) {
  switch (error) {
    case SeedError::ring_full:
      return RefuseCode::ring_full;
    case SeedError::leaving:
      return RefuseCode::leaving;
    case SeedError::too_large:
      return RefuseCode::too_large;
    default:
      return RefuseCode::bad_request;
  }
}

}  // namespace

std::string Seeds::fault_of(const SeedRequest& request) const {
  if (request.count < 1 || request.count > kSeedCountMax) return out_of("count", kSeedCountMax);
  if (request.hops && request.laps) return "give either hops or laps, not both";
  if (request.hops && (*request.hops < 1 || *request.hops > kHopsMax))
    return out_of("hops", kHopsMax);
  if (request.laps && (*request.laps < 1 || *request.laps > kLapsMax))
    return out_of("laps", kLapsMax);
  const Duration ttl = request.ttl.value_or(local_.settings.ttl);
  if (ttl < std::chrono::milliseconds{1} || ttl > kTtlMax)
    return "the time to live must be from 1 ms to " + std::to_string(UINT32_MAX) + " ms";
  return {};
}

EnvelopeHead Seeds::head_of(const SeedRequest& request) const {
  const Settings& settings = local_.settings;
  EnvelopeHead head;
  head.origin = local_.address();
  head.limit_kind = request.laps ? LimitKind::laps : LimitKind::hops;
  head.limit = request.laps ? *request.laps : request.hops.value_or(settings.hops);
  head.copies = settings.copies;
  head.copies_on = settings.copies_on;
  head.receipt = request.receipt;
  head.time_left_ms = milliseconds_of(request.ttl.value_or(settings.ttl));
  return head;
}

SeedResult Seeds::refused_as_bad(std::string reason, SeedError error) {
  ++turn_.counters.seeds_refused_bad;
  return {error, std::move(reason), {}};
}

/// The bubble rule: a free slot is left after it. (A ring whose queues are all full stands still.)
bool Seeds::has_room(const Envelope& envelope, std::uint32_t count) const {
  return delivery_.queue().has_room_for_seeds(count, Custody::bytes_of(envelope) * count,
                                              rules::bubble());
}

SeedResult Seeds::seed(const SeedRequest& request) {
  if (std::string fault = fault_of(request); !fault.empty())
    return refused_as_bad(std::move(fault), SeedError::bad_request);
  Envelope envelope = make_envelope(head_of(request), request.message);
  if (!(request.annotations == SenderAnnotations{})) {
    if (const std::size_t said = encoded_bytes(request.annotations);
        said > kSenderAnnotationBytesMax) {
      return refused_as_bad(
          "what is said of the message (key, content type, attributes, request) has " +
              std::to_string(said) + " bytes; at most " +
              std::to_string(kSenderAnnotationBytesMax) + " travel with it",
          SeedError::too_large);
    }
    annotate(envelope, {request.annotations, {}, {}, 0, {}});
  }
  const EnvelopeHead& head = envelope.head;
  // What the programs say of it grows in the extension map, up to that map's own bound.
  const std::size_t entries = request.laps ? kTraceFirstKept + kTraceLastKept : head.limit;
  const std::size_t largest =
      encoded_bytes_after(envelope, entries, local_.identity.pod.size()) + kExtensionBytesMax;
  if (largest > kEnvelopeBytesMax) {
    return refused_as_bad("with its trace the message could grow to " + std::to_string(largest) +
                              " bytes; at most " + std::to_string(kEnvelopeBytesMax) +
                              " travel: send fewer bytes or fewer hops",
                          SeedError::too_large);
  }
  if (local_.leaving() && turn_.steady() - *local_.leaving_since >= local_.settings.drain_linger) {
    ++turn_.counters.seeds_refused_leaving;
    return {SeedError::leaving, "this peer is leaving the ring; seed at another one", {}};
  }
  if (!has_room(envelope, request.count)) {
    ++turn_.counters.seeds_refused_full;
    return {
        SeedError::ring_full, "the queue to the next peer has no room for it; try again later", {}};
  }
  const EnvelopeId first{local_.identity.boot, next_counter_};
  turn_.emit(Seeded{first, request.count, request.sender, head.limit_kind, head.limit});
  for (std::uint32_t i = 0; i < request.count; ++i) {
    envelope.head.id = {local_.identity.boot, next_counter_};
    delivery_.set_last_counter(next_counter_++);
    scratch_ = envelope;
    delivery_.accept_seed(scratch_, request.sender);
  }
  return {SeedError::none, {}, first};
}

// ---- clients over ZeroMQ

void Seeds::on_frame(SessionIndex index, const SeedFrame& frame) {
  const InSession& session = in_[index];
  const auto refused = [&](RefuseCode code, const std::string& reason) {
    in_.refuse(session.route, session.header(), code, reason, frame.request);
  };
  // A leaving peer confirms only what is safe.
  const bool confirms_safe_only = local_.leaving() && frame.wait == Stage::accepted;
  const Stage stage = confirms_safe_only ? Stage::safe : frame.wait;
  if (stage != Stage::accepted && !delivery_.clients().has_room(frame.count)) {
    ++turn_.counters.seeds_refused_waiting;
    turn_.drop(Shed::What::seeds_waiting, frame.count);
    return refused(RefuseCode::too_many,
                   "too many seeds wait to be safe or completed; try again later");
  }
  if (frame.ttl_ms > UINT32_MAX)
    return refused(RefuseCode::bad_request, "ttl_ms must be at most 4294967295");
  SeedRequest request;
  request.message = frame.message;
  request.count = frame.count;
  if (frame.limit != 0)
    (frame.limit_kind == LimitKind::hops ? request.hops : request.laps) = frame.limit;
  if (frame.ttl_ms != 0) request.ttl = std::chrono::milliseconds{frame.ttl_ms};
  request.receipt = frame.wait == Stage::completed;
  request.sender = session.remote.address;
  const std::uint64_t first = next_counter_;
  const Settings& settings = local_.settings;
  wait(index, frame, stage,
       turn_.steady() + request.ttl.value_or(settings.ttl) + settings.receipt_ttl +
           settings.memory_grace);
  const SeedResult result = seed(request);
  if (result.error != SeedError::none) {
    stop_waiting(first, frame);
    return refused(code_of(result.error), result.reason);
  }
  if (confirms_safe_only) return;
  in_.send(
      session,
      write_frame(session.header(),
                  SeededFrame{frame.request, Stage::accepted, result.first, frame.count, 0, {}}));
}

void Seeds::wait(SessionIndex index, const SeedFrame& frame, Stage stage, TimePoint until) {
  if (stage == Stage::accepted) return;
  for (std::uint64_t i = 0; i < std::min(frame.count, kSeedCountMax); ++i) {
    delivery_.clients().add(next_counter_ + i,
                            {index, in_[index].generation, frame.request, stage, until});
  }
}

void Seeds::stop_waiting(std::uint64_t first, const SeedFrame& frame) {
  for (std::uint64_t i = 0; i < std::min(frame.count, kSeedCountMax); ++i)
    delivery_.clients().remove(first + i);
}

void Seeds::forget_clients() {
  delivery_.clients().forget(turn_.steady(), [this](const SeedClients::Client& client) {
    return !in_.is_waiting({client.session, client.generation, 0});
  });
}

}  // namespace podring
