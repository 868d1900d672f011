// What this pod knows of the latest messages, for GET /messages and the page. The loop thread hands
// over each turn's events; other threads ask. Envelopes are taken over as they are and read only
// when somebody asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/annotations.h"
#include "core/events.h"
#include "core/types.h"
#include "observe/node_events.h"

namespace podring::observe {

/// One message as far as this pod knows.
struct Recent {
  EnvelopeId id;
  std::string message;              ///< cut after RecentsLimits::message_bytes
  std::uint64_t message_bytes = 0;  ///< of the whole text
  bool seeded_here = false;
  bool safe = false;
  End ended = End::none;
  std::uint32_t hop = 0;  ///< of the latest visit, as are lap, sender, trace and detours
  std::uint32_t lap = 0;
  std::uint64_t visits = 0;  ///< here
  Address sender;
  std::vector<VisitRecord> trace;         ///< the visits before the latest one
  std::optional<VisitRecord> last_visit;  ///< where it ended, as far as this pod heard
  std::uint64_t trace_omitted = 0;
  std::vector<DetourEntry> detours;
  WallTime since;  ///< first heard of here
  WallTime last;   ///< latest news
};

struct RecentsLimits {
  std::size_t messages = 1024;            ///< the one without news for longest goes first
  std::size_t bytes = 8 * 1024 * 1024;    ///< of envelopes kept
  std::size_t message_bytes = 16 * 1024;  ///< of a text that is asked for
};

class Recents {
 public:
  explicit Recents(const Identity& self, RecentsLimits limits = {});

  /// Loop thread, once a turn, after log and feed have seen the events: their envelopes are moved
  /// out.
  void take(Now now, std::vector<Event>& events);

  /// What the program of this pod said of a visit; at the origin no envelope carries that.
  void note(Now now, const ProgramAnswered& answered);

  // Any thread.
  [[nodiscard]] std::vector<Recent> latest(std::size_t count) const;  ///< newest news first
  [[nodiscard]] std::optional<Recent> find(EnvelopeId id) const;
  /// Messages that were forgotten at a bound, since start.
  [[nodiscard]] std::uint64_t forgotten() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct IdHash {
    std::size_t operator()(EnvelopeId id) const {
      return (id.boot.value ^ id.counter) * 0x9e3779b97f4a7c15ULL >> 16;
    }
  };
  struct Entry {
    Envelope envelope;  ///< of the latest visit; its id alone while none was seen
    Address sender;
    std::uint64_t visits = 0;
    WallTime since;
    WallTime last;
    End ended = End::none;
    bool safe = false;
    bool seeded_here = false;
    bool ended_here = false;
    std::optional<VisitOutcome> at_origin;  ///< of hop 0, when that was here
    std::uint32_t newer = kNone;
    std::uint32_t older = kNone;
  };
  [[nodiscard]] Entry& touch(Now now, EnvelopeId id);
  void keep(Entry& entry, Envelope& envelope);
  void take_one(Now now, Event& event);
  void link_newest(std::uint32_t index);
  void unlink(std::uint32_t index);
  void forget_oldest();
  [[nodiscard]] Recent show(const Entry& entry) const;
  void add_visits(const Entry& entry, Recent& shown) const;

  const BootId self_;
  const std::string pod_;
  RecentsLimits limits_;
  mutable std::mutex mutex_;  // guards all below
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<EnvelopeId, std::uint32_t, IdHash> by_id_;
  std::uint32_t newest_ = kNone;
  std::uint32_t oldest_ = kNone;
  std::size_t bytes_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace podring::observe
