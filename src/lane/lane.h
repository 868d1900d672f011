// One session's datagram lane at one of its ends: when it may be used, what goes into which
// datagram, what is lost. No I/O: datagrams, frames and time go in; datagrams, frames that were
// lost and changes come out.
//
// It is open once a probe with a number that cannot be guessed has been answered, which proves both
// directions, and until probe time-outs in a row bring no ack. Then everything under way is handed
// back, and probes go on with longer and longer pauses.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "core/lane_offer.h"
#include "core/outputs.h"
#include "core/random.h"
#include "core/types.h"
#include "lane/packet.h"
#include "lane/path_mtu.h"
#include "lane/received.h"
#include "lane/recovery.h"

namespace podring::lane {

enum class LaneState : std::uint8_t {
  probing,  ///< not used yet
  open,
  failed,  ///< was open; probed again with pauses
};

/// What a lane has measured; for /ring, metrics and the log.
struct LaneFigures {
  std::uint32_t number = 0;  ///< by which the other side knows it
  LaneState state = LaneState::probing;
  std::optional<Duration> round_trip;  ///< smoothed
  Duration variation{};                ///< of the round trip: its jitter
  std::uint32_t path_mtu = 0;          ///< bytes of UDP payload
  std::size_t window = 0;              ///< congestion window in bytes
  std::size_t in_flight = 0;           ///< bytes of datagrams whose ack is waited for
  std::size_t room = 0;                ///< bytes that the other side says may be in flight
  std::size_t queued = 0;              ///< bytes of frames that wait to be sent
  TimePoint heard;                     ///< the last datagram that was taken
  std::uint64_t sent = 0;              ///< datagrams that want an ack
  std::uint64_t sent_lost = 0;         ///< of them, declared lost
  std::uint64_t received = 0;          ///< datagrams, repeats not counted
  std::uint64_t received_missing = 0;  ///< numbers that have not come
  std::uint64_t repeats = 0;           ///< came twice, or too late to tell
};

class Lane {
 public:
  static constexpr Duration kProbeEvery = std::chrono::seconds{1};
  static constexpr Duration kProbeFirst =
      std::chrono::milliseconds{50};  ///< then longer and longer
  static constexpr Duration kProbeEveryMax = std::chrono::seconds{30};
  static constexpr unsigned kTimeoutsMax = 3;    ///< in a row: it has failed
  static constexpr unsigned kLargerLostMax = 6;  ///< in a row: back to kDatagramBase
  static constexpr unsigned kAnswersAgain = 3;   ///< in a row, before a lane that failed is used
  /// Frames wait so long at the most; ZeroMQ takes the others. A quarter of the core's shortest
  /// time-out, which would send them again meanwhile, and make the queue longer.
  static constexpr Duration kQueueFor = std::chrono::milliseconds{50};
  static constexpr std::size_t kQueueBytesMax = 256 * 1024;  ///< however fast the lane is

  /// `datagram_max`: of this side; `seed`: of the numbers in probes.
  Lane(TimePoint now, const LaneOffer& remote, std::uint32_t datagram_max, std::uint64_t seed);

  /// Takes a datagram's acks and answers. False: it says what cannot be. The caller has
  /// authenticated it, and passes `payload.frames` on if this says true and fresh() did.
  [[nodiscard]] bool on_payload(TimePoint now, const Payload& payload);
  /// To be asked first. False: the number has come before.
  [[nodiscard]] bool fresh(TimePoint now, std::uint64_t number, bool ack_eliciting);
  /// False: it does not fit, or the lane is not open or has enough to do; ZeroMQ takes it.
  [[nodiscard]] bool send(const SendId& id, Bytes& frame);
  void on_tick(TimePoint now);
  /// The next datagram that may go now, with its header; false: none.
  [[nodiscard]] bool write(TimePoint now, Bytes& datagram);
  [[nodiscard]] TimePoint next_deadline(TimePoint now);

  [[nodiscard]] bool is_open() const { return state_ == LaneState::open; }
  /// The largest frame that send() takes; 0 while it is not open.
  [[nodiscard]] std::size_t frame_max() const;
  /// Frames that did not arrive, for whoever can say what is true now. Empties the list.
  [[nodiscard]] std::vector<SendId> take_lost() { return std::exchange(lost_, {}); }
  [[nodiscard]] LaneFigures figures() const;

 private:
  struct Queued {
    SendId id;
    Bytes frame;
  };
  void open();
  void fail(TimePoint now);
  void hand_back_all();
  [[nodiscard]] bool proves(TimePoint now, std::uint64_t answer);
  void take_news(TimePoint now, Recovery::News& news);
  [[nodiscard]] bool fill(TimePoint now, Bytes& datagram, SentPacket& packet);
  void write_frames(std::size_t size, Bytes& datagram, SentPacket& packet);
  [[nodiscard]] bool write_path_probe(TimePoint now, std::uint32_t size, Bytes& datagram,
                                      SentPacket& packet);
  void finish(TimePoint now, const Bytes& datagram, SentPacket packet);
  void begin(Bytes& datagram) const;
  [[nodiscard]] std::optional<std::uint32_t> path_probe_due(TimePoint now) const;
  [[nodiscard]] bool frames_may_go(TimePoint now) const;
  [[nodiscard]] std::size_t queue_max() const;
  void challenge_again(TimePoint now);

  LaneOffer remote_;
  SplitMix random_;
  LaneState state_ = LaneState::probing;
  Recovery recovery_;
  Received received_;
  PathMtu path_mtu_;
  std::deque<Queued> queue_;
  std::size_t queue_bytes_ = 0;
  std::vector<std::uint64_t> to_answer_;
  std::vector<SendId> lost_;
  std::uint64_t challenge_ = 0;  // of the last probe
  bool challenge_answered_ = true;
  unsigned unanswered_ = 0;  // probes in a row, while it is open
  unsigned answers_ = 0;     // in a row, since the lane failed
  Duration probe_every_ = kProbeFirst;
  TimePoint probe_at_;
  TimePoint last_heard_;
};

}  // namespace podring::lane
