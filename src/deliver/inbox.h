// Messages that the program beside this pod pulls (GET /inbox) and acknowledges (POST /inbox/acks).
//
// Each message is offered, in the order in which it came; one that was handed out and is not
// acknowledged within kOfferAgain is offered again. When its time is over it ends as `timed_out`
// (it was handed out) or `no_program` (nobody asked). Once nobody has asked for `timeout` while
// messages waited, the program counts as away: messages pass at once until somebody asks again.
// All functions may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "deliver/delivery.h"

namespace podring::deliver {

class Inbox {
 public:
  static constexpr Duration kOfferAgain = std::chrono::seconds{1};
  static constexpr std::size_t kPullBytesMax = 4 * 1024 * 1024;  ///< of one pull, or one message

  struct Options {
    std::chrono::milliseconds timeout{5'000};  ///< for each message, from its arrival here
    std::size_t waiting_max = 65'536;
  };
  struct Offer {
    Delivery delivery;
    std::uint32_t attempt = 1;
  };
  struct Stats {
    std::size_t waiting = 0;
    bool away = false;
    std::uint64_t times_away = 0;
    std::uint64_t offers = 0;  ///< messages handed out, again included
  };

  /// `wake`: called when results are there or there is a new deadline, from whichever thread.
  Inbox(Options options, std::function<void()> wake);

  // The side of the peer.
  /// False: waiting_max are waiting, and the caller keeps it.
  [[nodiscard]] bool offer(TimePoint now, Delivery delivery);
  [[nodiscard]] std::vector<DeliveryResult> take_results();
  /// Ends what is over its time.
  void on_tick(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] Stats stats() const;

  // The side of the program.
  /// At most `max` messages and kPullBytesMax bytes, oldest first; waits up to `wait` for the
  /// first, as long as `still_there()`.
  [[nodiscard]] std::vector<Offer> pull(std::size_t max, std::chrono::milliseconds wait,
                                        const std::function<TimePoint()>& clock,
                                        const std::function<bool()>& still_there);
  struct Ack {
    EnvelopeId id;
    bool delivered = true;  ///< false: refused, it is not offered again
    std::string answer;     ///< at most kAnswerBytesMax bytes are kept
  };
  /// How many of them waited here; the others were acknowledged before, or their time is over.
  [[nodiscard]] std::size_t acknowledge(TimePoint now, const std::vector<Ack>& acks);
  void close();  ///< pull() returns at once from here on

 private:
  struct Entry {
    Delivery delivery;
    TimePoint arrived;
    TimePoint until;
    TimePoint offer_at;
    std::uint32_t offers = 0;
  };
  using Entries = std::map<DeliveryNumber, Entry>;
  void finish(TimePoint now, Entries::iterator entry, Outcome outcome, std::string detail,
              std::string answer = {});
  [[nodiscard]] std::vector<Offer> due(TimePoint now, std::size_t max);

  const Options options_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable arrived_;
  Entries entries_;  ///< by number, so oldest first
  std::multimap<EnvelopeId, DeliveryNumber> by_id_;
  std::vector<DeliveryResult> results_;
  std::size_t pulls_waiting_ = 0;
  std::optional<TimePoint> last_pull_;
  bool away_ = false;
  std::uint64_t times_away_ = 0;
  std::uint64_t offers_ = 0;
  bool closed_ = false;
};

}  // namespace podring::deliver
