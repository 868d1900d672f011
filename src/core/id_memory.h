// What a peer remembers of the ids it accepted: the highest lap, whether it still holds the id, how
// it let go. Forgetting repeats visits and never loses anything, so the memory is bounded; an id
// that is held is never forgotten.
//
// Ids of one origin are counted upward, so they are kept in pages of consecutive counters: the
// usual look-up finds the page of the one before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/types.h"

namespace podring {

struct Remembered {
  static constexpr std::uint32_t kNotHeld = UINT32_MAX;
  std::uint32_t lap_plus_one = 0;  ///< highest accepted lap + 1; 0: nothing is remembered
  std::uint32_t held = kNotHeld;   ///< index of the custody entry
  std::uint32_t forget_at = 0;     ///< seconds of the steady clock
  bool final = false;              ///< was let go as final
};

class IdMemory {
 public:
  explicit IdMemory(std::size_t ids_max) : ids_max_(ids_max) {}

  /// The record of `id`, made when there is none. Good until the next call of any member.
  [[nodiscard]] Remembered& at(EnvelopeId id);
  /// The record of `id`, or nullptr.
  [[nodiscard]] Remembered* find(EnvelopeId id);
  [[nodiscard]] const Remembered* find(EnvelopeId id) const;
  /// Call when at(id).lap_plus_one was set for the first time.
  void count_new() { ++size_; }

  /// Forgets what is past its time, a few pages a call, and the oldest beyond the bound. Returns
  /// how many ids were forgotten before their time.
  std::size_t forget(TimePoint now);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool is_over_bound() const { return size_ > ids_max_; }

 private:
  static constexpr std::uint64_t kPageIds = 64;
  struct PageKey {
    BootId boot;
    std::uint64_t number = 0;
    friend bool operator==(const PageKey&, const PageKey&) = default;
  };
  struct PageHash {
    std::size_t operator()(const PageKey& key) const {
      return static_cast<std::size_t>((key.boot.value ^ key.number) * 0x9e3779b97f4a7c15ULL);
    }
  };
  struct Page {
    Remembered ids[kPageIds];
  };

  Page* page_of(const PageKey& key);
  /// Forgets in the page what may be forgotten; true when nothing is left in it.
  bool sweep(Page& page, std::uint32_t now_s, bool early, std::size_t& forgotten_early);

  std::size_t ids_max_;
  std::size_t size_ = 0;
  std::unordered_map<PageKey, std::unique_ptr<Page>, PageHash> pages_;
  std::deque<PageKey>
      oldest_first_;  // every page once, in the order of creation or of the last sweep
  PageKey last_key_;
  Page* last_page_ = nullptr;
};

}  // namespace podring
