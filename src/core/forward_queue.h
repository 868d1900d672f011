// The queue to the successor: what waits in which order, how full it is, and who may still enter.
// In: entries that begin and cease to count, progress. Out: the next index, the credit that
// predecessors get, whether one more is taken.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/check.h"
#include "core/credit.h"
#include "core/index_queue.h"
#include "core/types.h"

namespace podring {

/// Why an envelope in transit is taken, or not.
enum class Admission : std::uint8_t {
  room,      ///< there is room
  over,      ///< there is none, and it is taken: nothing has moved for too long
  rejected,  ///< there is none; its sender keeps it
};

class ForwardQueue {
 public:
  ForwardQueue(std::size_t envelopes_max, std::size_t bytes_max)
      : envelopes_max_{envelopes_max}, bytes_max_{bytes_max} {}

  // ---- order: transit goes before seeds
  void push_transit(std::uint32_t index) { transit_.push_back(index); }
  void push_rerouted(std::uint32_t index) { transit_.push_front(index); }
  void push_seed(std::uint32_t index) { seeds_.push_back(index); }
  [[nodiscard]] bool empty() const { return transit_.empty() && seeds_.empty(); }
  /// What is next is in here.
  [[nodiscard]] const IndexQueue& order() const { return transit_.empty() ? seeds_ : transit_; }
  void pop() { (transit_.empty() ? seeds_ : transit_).pop_front(); }
  void for_each(auto&& take) const {
    for (const IndexQueue* queue : {&transit_, &seeds_}) {
      for (std::size_t i = 0; i < queue->size(); ++i) take((*queue)[i]);
    }
  }

  // ---- room
  void count_in(TimePoint now, std::size_t bytes);
  void count_out(TimePoint now, std::size_t bytes);
  /// What counts already has grown, or shrunk.
  void recount(std::size_t bytes_before, std::size_t bytes) {
    used_bytes_ = used_bytes_ - bytes_before + bytes;
  }
  [[nodiscard]] bool has_room_for(std::size_t bytes) const {
    return used_ < envelopes_max_ && used_bytes_ + bytes <= bytes_max_;
  }
  /// A seed is taken only where so many slots are left free after it (bubble flow control).
  [[nodiscard]] bool has_room_for_seeds(std::size_t count, std::size_t bytes,
                                        std::size_t bubble) const {
    return used_ + count + bubble <= envelopes_max_ && used_bytes_ + bytes <= bytes_max_;
  }
  [[nodiscard]] Credit credit() const {
    return {used_ < envelopes_max_ ? envelopes_max_ - used_ : 0,
            used_bytes_ < bytes_max_ ? bytes_max_ - used_bytes_ : 0};
  }
  /// Asked for transit without room. A failure can fill the slot that the bubble rule keeps free,
  /// because rerouted envelopes enter the queue again. A queue that has been full for three
  /// time-outs therefore takes transit beyond its bound: one envelope, then two, then four, up to
  /// 64 after each further wait.
  [[nodiscard]] Admission admit_over(TimePoint now, Duration timeout);
  /// The successor has taken something, or is another one.
  void note_progress(TimePoint now) { moved_at_ = now; }
  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t used_bytes() const { return used_bytes_; }

 private:
  static constexpr std::size_t kOverMax = 64;
  [[nodiscard]] bool is_full() const {
    return used_ >= envelopes_max_ || used_bytes_ >= bytes_max_;
  }

  const std::size_t envelopes_max_;
  const std::size_t bytes_max_;
  IndexQueue transit_;
  IndexQueue seeds_;
  std::size_t used_ = 0;
  std::size_t used_bytes_ = 0;
  TimePoint moved_at_;  // last time that the successor took something, there was room, or a wait
                        // was over
  std::size_t over_left_ = 0;  // taken without room until the next wait is over
  std::size_t over_next_ = 1;
};

// Short and called for every envelope: here, so that they cost no calls.

inline void ForwardQueue::count_in(TimePoint now, std::size_t bytes) {
  const bool was_full = is_full();
  ++used_;
  used_bytes_ += bytes;
  if (was_full || !is_full()) return;
  moved_at_ = now;  // being full begins here
  over_left_ = 0;
  over_next_ = 1;
}

inline void ForwardQueue::count_out(TimePoint now, std::size_t bytes) {
  PODRING_CHECK(used_ > 0 && used_bytes_ >= bytes);
  if (is_full()) moved_at_ = now;
  --used_;
  used_bytes_ -= bytes;
}

}  // namespace podring
