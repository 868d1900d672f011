// One process's log: whether it is whole, and whom the process had to hand to at which line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/events.h"
#include "core/types.h"

namespace podring::verify {

/// From this line on, the next peer is `next`: the first after the process's own address in its
/// view that its log does not call down or leaving.
struct Epoch {
  std::uint64_t seq = 0;
  WallTime ts;
  Address next;
};

/// Numbers of lines that are missing, both ends included.
struct SeqGap {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

class ProcessLog {
 public:
  static constexpr std::size_t kGapsMax = 10'000;  ///< more are one: the log is no log

  BootId boot;
  std::string pod;  ///< empty while only the boot id is known
  std::optional<Address> address;
  std::uint64_t lines = 0;  ///< 0: known from others' lines only
  std::uint64_t first_seq = 0;
  std::uint64_t next_seq = 0;
  WallTime first_ts;
  WallTime last_ts;
  bool started = false;
  bool stopped = false;
  bool cut = false;           ///< the file that it is in ended within a line
  bool hops_logged = true;    ///< --log-hops
  bool info_logged = true;    ///< --log-level is info or debug, or not known
  bool forgot_ids = false;    ///< its memory of ids was full: repeats are no mistake
  bool view_is_sure = true;   ///< false after a gap, or when the start is missing
  std::uint64_t dropped = 0;  ///< lines that it says it dropped
  std::vector<SeqGap> gaps;   ///< ascending
  std::uint64_t doubled_lines = 0;
  std::uint64_t late_lines = 0;  ///< behind one with a higher number

  enum class Place : std::uint8_t {
    next,     ///< the one that follows
    ahead,    ///< after a gap
    late,     ///< out of order: it fills a gap
    doubled,  ///< this number has come before
  };
  /// Takes the line's number.
  [[nodiscard]] Place place(std::uint64_t seq);

  void on_started(std::uint64_t seq, WallTime ts);
  /// A log that begins with its first line, and this is not `started`, is of a level above info.
  void on_end_of_input();
  /// False when the view that results is not the one whose digest the line tells.
  [[nodiscard]] bool on_view(std::uint64_t seq, WallTime ts, const std::vector<Address>& added,
                             const std::vector<Address>& removed,
                             std::optional<std::uint64_t> digest);
  void on_health(std::uint64_t seq, WallTime ts, Address peer, PeerHealth::State state);

  /// Whom it had to hand to at line `seq`.
  [[nodiscard]] std::optional<Address> next_at(std::uint64_t seq) const;
  /// True when `to` was right at line `seq` or, since an envelope may wait, at a later one up to
  /// the time `until`.
  [[nodiscard]] bool was_next(Address to, std::uint64_t seq, WallTime until) const;

  [[nodiscard]] const std::vector<Epoch>& epochs() const { return epochs_; }
  [[nodiscard]] const std::vector<Address>& view() const { return view_; }

 private:
  void renew(std::uint64_t seq, WallTime ts);
  [[nodiscard]] std::size_t epoch_at(std::uint64_t seq) const;

  std::vector<Address> view_;                    // ascending, own address included
  std::map<Address, PeerHealth::State> health_;  // those not up
  std::vector<Epoch> epochs_;
};

}  // namespace podring::verify
