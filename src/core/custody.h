// What this peer has custody of, and which ids it remembers. In: envelopes that were accepted,
// acks' replicas, releases. Out: entries, whether a copy is news, what may be acknowledged of an
// entry.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/custody_table.h"
#include "core/id_memory.h"
#include "core/peer_report.h"

namespace podring {

/// Whole milliseconds of a duration that is no longer than 49 days.
[[nodiscard]] constexpr std::uint32_t milliseconds_of(Duration duration) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// What the custody of an entry began with.
struct Acceptance {
  Now now;
  Address sender;
  bool own_seed = false;
  /// The id is remembered for so much longer than the envelope's time left.
  Duration grace{};
};

class Custody {
 public:
  explicit Custody(std::size_t ids_max) : memory_{ids_max} {}

  [[nodiscard]] CustodyEntry& operator[](EntryIndex index) { return table_[index]; }
  [[nodiscard]] const CustodyEntry& operator[](EntryIndex index) const { return table_[index]; }
  void prefetch(EntryIndex index) const { table_.prefetch(index); }
  [[nodiscard]] std::size_t size() const { return table_.size(); }

  /// Bytes that an envelope counts against byte budgets.
  [[nodiscard]] static std::size_t bytes_of(const Envelope& envelope) {
    return kHeadBytes + envelope.tail.size();
  }
  /// What is remembered of an id; nullptr: nothing. Good until the next call that adds ids.
  [[nodiscard]] Remembered* find(EnvelopeId id) {
    Remembered* known = memory_.find(id);
    return known != nullptr && rules::is_remembered(*known) ? known : nullptr;
  }
  [[nodiscard]] const Remembered* look_up(EnvelopeId id) const { return memory_.find(id); }
  /// A copy that is at most as far as the one remembered is a duplicate.
  [[nodiscard]] static bool is_news(const Envelope& envelope, const Remembered* known) {
    return known == nullptr || rules::is_later_lap(envelope.head.lap + 1, known->lap_plus_one);
  }
  /// Takes the envelope (what it is swapped for is scratch) and remembers its id and lap. `known`:
  /// as find() says. `into`: the entry of an earlier copy, detached by the caller; kNoEntry: a new
  /// one.
  EntryIndex accept(Envelope& envelope, const Acceptance& acceptance, Remembered* known,
                    EntryIndex into);
  /// Once more: its end travels on as a receipt.
  void remember_longer(EnvelopeId id, Duration by);
  /// Custody is over. Who waits for acks must have been told.
  void release(EntryIndex index, bool final) {
    Remembered* record = memory_.find(table_[index].envelope.head.id);
    if (record != nullptr && record->held == index) {
      record->held = Remembered::kNotHeld;
      record->final = final;
    }
    table_.give_back(index);
  }
  /// Forgets ids that are past their time, and the oldest beyond the bound: how many of those.
  std::size_t forget(TimePoint now) { return memory_.forget(now); }
  [[nodiscard]] bool is_over_bound() const { return memory_.is_over_bound(); }
  [[nodiscard]] std::size_t remembered() const { return memory_.size(); }

  /// The sites, beside this peer's own, that hold a replica by the successor's last ack: the
  /// successor's own, and one further on that it names.
  static void set_replicas(CustodyEntry& entry, std::uint64_t own_site,
                           std::uint64_t successor_site, std::optional<std::uint64_t> named_site) {
    entry.replica_count = rules::replicas_kept(entry.replica_count);
    const auto add = [&](std::uint64_t site) {
      if (!rules::is_further_site(site, own_site) || entry.replica_count == 2) return;
      if (entry.replica_count == 1 && entry.replicas[0] == site) return;
      entry.replicas[entry.replica_count++] = site;
    };
    add(successor_site);
    if (named_site) add(*named_site);
  }
  [[nodiscard]] static std::uint32_t time_left_ms(const CustodyEntry& entry, TimePoint now) {
    const std::uint32_t spent = milliseconds_of(now - entry.accepted);
    const std::uint32_t left = entry.envelope.head.time_left_ms;
    return left > spent ? left - spent : 0;
  }

  [[nodiscard]] bool is_held(EntryIndex index) const {
    return index < table_.slots() && table_[index].state != CustodyEntry::State::free;
  }
  void for_each(auto&& take) const {
    for (EntryIndex index = 0; index < table_.slots(); ++index) {
      if (table_[index].state != CustodyEntry::State::free) take(index, table_[index]);
    }
  }
  [[nodiscard]] std::vector<EnvelopeId> ids() const;

 private:
  static constexpr std::size_t kHeadBytes = 160;  ///< of an envelope beside its tail, about

  CustodyTable table_;
  IdMemory memory_;
};

}  // namespace podring
