#include "core/custody.h"

#include <utility>

namespace podring {
namespace {

std::uint32_t seconds_up(Duration duration) {
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

}  // namespace

EntryIndex Custody::accept(Envelope& envelope, const Acceptance& acceptance, Remembered* known,
                           EntryIndex into) {
  const EntryIndex index = into == kNoEntry ? table_.take() : into;
  CustodyEntry& entry = table_[index];
  std::swap(entry.envelope, envelope);
  entry.bytes = static_cast<std::uint32_t>(bytes_of(entry.envelope));
  entry.accepted = acceptance.now.steady;
  entry.arrived = acceptance.now.wall;
  entry.sender = acceptance.sender;
  if (acceptance.own_seed) entry.own_seed = true;
  const EnvelopeHead& head = entry.envelope.head;
  Remembered& record = known != nullptr ? *known : memory_.at(head.id);
  if (record.lap_plus_one == 0) memory_.count_new();
  record.lap_plus_one = head.lap + 1;
  record.held = index;
  record.final = false;
  record.forget_at = seconds_up(
      (acceptance.now.steady + std::chrono::milliseconds{head.time_left_ms} + acceptance.grace)
          .time_since_epoch());
  return index;
}

void Custody::remember_longer(EnvelopeId id, Duration by) {
  memory_.at(id).forget_at += seconds_up(by);
}

std::vector<EnvelopeId> Custody::ids() const {
  std::vector<EnvelopeId> ids;
  for_each([&](EntryIndex, const CustodyEntry& entry) { ids.push_back(entry.envelope.head.id); });
  return ids;
}

}  // namespace podring
