// The program beside this pod: the envelope waits for its answer, which travels on with it.
#include <utility>

#include "core/delivery.h"

namespace podring {

/// While the program is asked the envelope is held and acked as received, so the predecessor keeps
/// its copy: when this process dies before the answer, the next peer that takes the envelope over
/// asks its own program, and a restarted one asks again.
void Delivery::ask_program(EntryIndex index) {
  CustodyEntry& entry = custody_[index];
  const bool waits = rules::waits_for_program(entry.envelope.head.hop == 0);
  const DeliveryNumber number{(std::uint64_t{++deliveries_} << 32) | index};
  turn_.out.deliveries.push_back({number, entry.envelope, waits});
  if (!waits) return;
  if (!entry.in_queue()) count_in(entry);
  entry.state = CustodyEntry::State::delivering;
  entry.received = false;
  entry.replica_count = 0;
  entry.delivery = number.value;
  update_level(index);
}

void Delivery::on_delivered(const Delivered& result) {
  const auto index = static_cast<EntryIndex>(result.number.value & UINT32_MAX);
  if (!custody_.is_held(index)) return;
  CustodyEntry& entry = custody_[index];
  if (entry.state != CustodyEntry::State::delivering || entry.delivery != result.number.value)
    return;
  Annotations notes = annotations_of(entry.envelope);
  const std::uint32_t hop = entry.envelope.head.hop;
  notes.outcomes.push_back({hop, rules::reported_outcome(result.outcome), result.status});
  if (notes.sender.wants_answers && !result.answer.empty())
    notes.answers.push_back({hop, result.answer});
  annotate(entry.envelope, std::move(notes));
  const std::size_t before = entry.bytes;
  entry.bytes = static_cast<std::uint32_t>(Custody::bytes_of(entry.envelope));
  queue_.recount(before, entry.bytes);
  proceed(index);
}

}  // namespace podring
