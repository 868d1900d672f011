// How large a datagram may be on this path: in the spirit of RFC 8899, with a few sizes that
// networks really have in place of a search. kDatagramBase works everywhere; a larger one is used
// once a padded probe of that size was acked, and given up when time-outs say that they vanish.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/lane_offer.h"
#include "core/types.h"

namespace podring::lane {

class PathMtu {
 public:
  /// Overlays with headers of their own, Ethernet, jumbo frames, loopback; less IPv6 and UDP
  /// headers.
  static constexpr std::array<std::uint32_t, 4> kSizes{1392, 1452, 8952, 32'768};
  static constexpr unsigned kTriesMax = 3;
  static constexpr Duration kAgainAfter = std::chrono::minutes{10};  ///< RFC 8899's raise timer
  static constexpr Duration kAfterBlackHole = std::chrono::seconds{60};

  explicit PathMtu(std::uint32_t limit) : limit_{limit} {}

  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// The size of a probe to be sent now; nullopt: none is due, or one is under way.
  [[nodiscard]] std::optional<std::uint32_t> probe(TimePoint now) const;
  void on_probe_sent() { under_way_ = true; }
  void on_probe_acked(std::uint32_t size);
  void on_probe_lost(TimePoint now);
  /// What was under way is not waited for any more, and tells nothing: the same size again.
  void on_probe_forgotten() { under_way_ = false; }
  /// Back to the base. False: it was there already, so the size is not what is wrong.
  bool on_black_hole(TimePoint now);
  /// The next search; TimePoint::max() while everything was found.
  [[nodiscard]] TimePoint next_at() const;

 private:
  [[nodiscard]] std::optional<std::uint32_t> candidate() const;

  std::uint32_t limit_;
  std::uint32_t size_ = kDatagramBase;
  std::uint32_t ceiling_ =
      UINT32_MAX;  // probes of this size were lost; nothing from it up is tried
  unsigned tries_ = 0;
  bool under_way_ = false;
  TimePoint again_at_ = TimePoint::max();  // the ceiling falls then
};

}  // namespace podring::lane
