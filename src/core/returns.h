// Receipts that the ring would carry past their origin, because no view that they met has its
// address (it is new, and the name service lags): they are handed to it over a link of their own.
// In: stranded receipts, links, time. Out: dials, hand-overs, receipts given up.
#pragma once

#include <cstddef>
#include <vector>

#include "core/delivery.h"
#include "core/forwarder.h"
#include "core/out_sessions.h"
#include "core/turn.h"

namespace podring {

class Returns {
 public:
  static constexpr std::size_t kOriginsMax = 8;  ///< dialled at once; the others wait
  static constexpr unsigned kDialsMax = 2;       ///< for one receipt
  static constexpr Duration kDialPause = std::chrono::seconds{1};

  Returns(Turn& turn, Delivery& delivery, Forwarder& forwarder, OutSessions& out)
      : turn_{turn}, delivery_{delivery}, forwarder_{forwarder}, out_{out} {}

  /// At the end of each turn: dials, hands over, gives up.
  void run();
  [[nodiscard]] TimePoint next_deadline() const;

 private:
  struct Return {
    Stranded receipt;
    unsigned dials = 0;
    TimePoint dial_at;
  };
  /// False: it is not to be kept.
  bool advance(Return& one);
  [[nodiscard]] bool may_dial() const;

  Turn& turn_;
  Delivery& delivery_;
  Forwarder& forwarder_;
  OutSessions& out_;
  std::vector<Return> returns_;
  std::vector<LinkId> links_;  ///< dialled here, and not up when last looked at
};

}  // namespace podring
