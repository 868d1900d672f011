// Ends: the line that says so is written before the end is acked, and the receipt that travels on
// to the origin.
#include <utility>

#include "core/delivery.h"

namespace podring {

void Delivery::expire(EntryIndex index) {
  if (custody_[index].envelope.head.ended == End::none) return end(index, End::expired);
  give_up_receipt(index);
}

void Delivery::end(EntryIndex index, End how) {
  CustodyEntry& entry = custody_[index];
  if (entry.in_queue()) count_out(entry);
  ++(how == End::completed ? turn_.counters.completed : turn_.counters.expired);
  if (entry.envelope.head.receipt) {  // the last visit has no trace entry: name it for the origin
    Annotations notes = annotations_of(entry.envelope);
    notes.last_visit = {local_.identity.pod, entry.arrived};
    annotate(entry.envelope, std::move(notes));
    entry.bytes = static_cast<std::uint32_t>(Custody::bytes_of(entry.envelope));
  }
  entry.state = CustodyEntry::State::logging;
  entry.received = false;
  entry.end = how;
  entry.ticket = gate_.draw();
  count_in(entry);
  turn_.emit(Ended{entry.envelope, how, entry.ticket});
  gate_.wait({.what = AfterLine::What::end,
              .ticket = entry.ticket,
              .entry = index,
              .id = entry.envelope.head.id,
              .ended = how});
  if (const auto level = rules::level_of_unwritten_end()) set_level(entry, {*level});
}

void Delivery::on_written(LogTicket up_to) {
  gate_.on_written(up_to);
  while (std::optional<AfterLine> after = gate_.take()) {
    switch (after->what) {
      case AfterLine::What::end: {
        const CustodyEntry& entry = custody_[after->entry];
        if (entry.state == CustodyEntry::State::logging && entry.ticket == after->ticket)
          on_end_written(after->entry);
        break;
      }
      case AfterLine::What::safe:
        report_stage(after->id, Stage::safe, {});
        break;
      case AfterLine::What::receipt:
        report_stage(after->id, after->ended == End::completed ? Stage::completed : Stage::expired,
                     std::move(after->receipt));
        break;
    }
  }
}

void Delivery::on_end_written(EntryIndex index) {
  CustodyEntry& entry = custody_[index];
  EnvelopeHead& head = entry.envelope.head;
  if (entry.own_seed && entry.end == End::expired) {
    entry.own_seed = false;  // it never became safe, so it is not confirmed
    if (!head.receipt) report_end(entry.envelope, End::expired);  // else with the receipt, below
  }
  if (!head.receipt) return release(index, true);
  head.ended = entry.end;
  head.time_left_ms = milliseconds_of(local_.settings.receipt_ttl);
  entry.accepted = turn_.steady();
  if (head.origin == local_.address()) return receipt_arrived(index);
  custody_.remember_longer(head.id, local_.settings.receipt_ttl);
  enqueue(index);
  update_level(index);
}

/// The receipt has reached or passed its origin's address. Passed: the views that it met lack the
/// origin, which may be alive all the same; it is handed to that address directly.
void Delivery::receipt_arrived(EntryIndex index) {
  CustodyEntry& entry = custody_[index];
  const Envelope& envelope = entry.envelope;
  if (envelope.head.id.boot == local_.identity.boot) {
    ++turn_.counters.receipts_home;
    report_end(envelope, envelope.head.ended);
    return release(index, true);
  }
  if (envelope.head.origin == local_.address() || envelope.head.time_left_ms == 0)
    return give_up_receipt(index);  // its origin was restarted here, or its time is over
  if (!entry.in_queue()) count_in(entry);
  entry.state = CustodyEntry::State::stranded;
  entry.received = false;
  entry.replica_count = 0;
  stranded_.push_back({index, envelope.head.id});
  update_level(index);
}

bool Delivery::is_stranded(const Stranded& receipt) const {
  const CustodyEntry& entry = custody_[receipt.entry];
  return entry.state == CustodyEntry::State::stranded && entry.envelope.head.id == receipt.id;
}

void Delivery::give_up_receipt(EntryIndex index) {
  ++turn_.counters.receipts_passed;
  release(index, true);
}

/// Reports the end of an id that was seeded here to whoever waits for it.
void Delivery::report_end(const Envelope& envelope, End how) {
  turn_.emit(ReceiptArrived{envelope, how});
  if (!clients_.contains(envelope.head.id.counter)) return;
  AfterLine after{.what = AfterLine::What::receipt,
                  .ticket = gate_.last(),
                  .id = envelope.head.id,
                  .ended = how};
  after.receipt.trace_omitted = envelope.trace_omitted;
  for (const TraceEntry& entry : trace_of(envelope))
    after.receipt.trace.emplace_back(entry.pod, entry.at);
  if (gate_.is_open()) {  // no line is waited for: nobody will call on_written()
    report_stage(after.id, how == End::completed ? Stage::completed : Stage::expired,
                 std::move(after.receipt));
    return;
  }
  gate_.wait(std::move(after));
}

void Delivery::report_stage(EnvelopeId id, Stage stage, SeededFrame seeded) {
  const std::optional<SeedClients::Client> client = clients_.on_stage(id.counter, stage);
  if (!client) return;
  if (!in_.is_waiting({client->session, client->generation, 0})) return clients_.remove(id.counter);
  seeded.request = client->request;
  seeded.stage = stage;
  seeded.first = id;
  seeded.count = 1;
  const InSession& session = in_[client->session];
  in_.send(session, write_frame(session.header(), seeded));
}

}  // namespace podring
