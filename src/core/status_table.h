// What this peer knows of every peer's status: the newest telling of each, and what of it each
// neighbour is still to be told. No I/O: frames' contents go in and come out as bytes.
//
// A peer tells its own status anew when something in it changes that others should hear at once,
// and every `round` otherwise. Whoever hears something newer than it has passes it to its other
// neighbours: a change at once, the rest gathered for `batch`. So each telling crosses each link
// about once, and nobody calls anybody but its neighbours. Ages are durations: no two clocks are
// compared.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/peer_status.h"
#include "core/types.h"

namespace podring {

struct StatusLimits {
  std::size_t peers = 10'000;           ///< known; a stranger beyond it is not taken
  std::size_t round_bytes = 64 * 1024;  ///< to one neighbour in one round; a quarter for changes
  std::size_t frame_bytes = 16 * 1024;  ///< a frame stops growing here
  Duration round = std::chrono::seconds{5};
  Duration batch = std::chrono::milliseconds{250};
  Duration kept = std::chrono::seconds{60};  ///< without news, of a peer outside the view
};

class StatusTable {
 public:
  struct Known {
    PeerStatus status;
    std::uint64_t version = 0;
    TimePoint told_at;     ///< when its peer told it, by this peer's clock
    TimePoint details_at;  ///< the same of the fields that a brief telling leaves out
    bool has_details = false;
  };

  explicit StatusTable(Identity self, StatusLimits limits = {});

  /// This peer's own status; told at once when it differs at a glance, else once a round.
  void set_own(TimePoint now, PeerStatus status);
  /// What neighbour `from` told. False: not well formed, nothing was taken.
  [[nodiscard]] bool take(TimePoint now, BootId from, ByteView bytes);
  /// Forgets peers without news that are not in `view` (ascending), and neighbours that next_for()
  /// was not asked about for a `round`.
  void forget(TimePoint now, std::span<const Address> view);

  /// What is to be told next to the neighbour of this session; empty: nothing now.
  [[nodiscard]] Bytes next_for(TimePoint now, BootId neighbour, std::uint64_t session);
  /// When next_for() may have more, while nothing comes in, for those that it was asked about since
  /// set_own().
  [[nodiscard]] TimePoint next_deadline() const;

  /// By address: of two processes that sat at one, the one that told last.
  [[nodiscard]] const std::map<Address, Known>& known() const { return known_; }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }  ///< at the bound, since start

 private:
  struct Neighbour {
    std::uint64_t session = 0;
    std::set<Address> changed;    ///< to be told at once
    std::set<Address> refreshed;  ///< to be told with the next batch
    Address last;                 ///< told last: the turn goes round, so nobody starves
    TimePoint round_from;
    std::size_t round_spent = 0;
    bool full = false;  ///< what waits has to wait for the next round
    TimePoint batch_at;
    TimePoint asked_at;
  };

  void take_one(TimePoint now, BootId from, ToldStatus& told);
  void forget_change(BootId neighbour, Address address);
  void spread(const Known& known, bool changed, BootId but_not);
  enum class Stopped : std::uint8_t { nothing_waits, frame_full, round_full };
  /// Moves entries from `waiting` to `out`, until the round has taken `round_bytes` at most.
  Stopped append_from(std::set<Address>& waiting, std::size_t round_bytes, TimePoint now,
                      Neighbour& to, Bytes& out) const;

  Identity self_;
  StatusLimits limits_;
  std::uint64_t own_version_ = 0;
  TimePoint own_told_at_;
  TimePoint own_set_at_;
  std::map<Address, Known> known_;
  std::map<BootId, Neighbour> neighbours_;
  std::uint64_t left_out_ = 0;
};

}  // namespace podring
