// All datagram lanes of one peer, and which session each belongs to. No I/O: frames, datagrams and
// time go in; what the stream does not have to carry goes out by datagram.
//
// proto-docs/datagrams.md. It puts an offer into each `hello` that goes out and takes the other
// side's from each that comes in. Only frames with a send id go by datagram: those that may be
// lost.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/codec.h"
#include "core/peer.h"
#include "core/random.h"
#include "lane/lane.h"
#include "lane/seal.h"

namespace podring::lane {

/// Takes what the lanes have to say. Calls come only from within on_datagram() and on_tick(), and
/// do not call the lanes in turn.
class LanesSink {
 public:
  virtual ~LanesSink() = default;
  virtual void on_link_frame(LinkId link, ByteView frame) = 0;
  virtual void on_route_frame(RouteId route, Address from, ByteView frame) = 0;
  /// A datagram was lost with this frame in it; it is not sent again as it was.
  virtual void on_link_frame_lost(LinkId link, const SendId& id) = 0;
  virtual void on_route_frame_lost(RouteId route, const SendId& id) = 0;
  /// Larger frames go by the stream; nullopt: all do.
  virtual void on_link_frame_max(LinkId link, std::optional<std::size_t> bytes) = 0;
};

struct LanesOptions {
  std::uint16_t port = 0;             ///< where datagrams are taken here
  std::uint32_t datagram_max = 8952;  ///< taken here; what is sent depends on the path as well
  std::uint32_t window = 0;  ///< bytes that may be under way here on each lane; >= kDatagramBase
  std::uint64_t seed = 1;    ///< of the numbers in probes
  std::function<LaneToken()> draw_token;  ///< 128 bits that nobody can guess
  std::optional<RingKey> key{};           ///< seals every datagram; nullopt: plain
  std::optional<RingKey> second_key{};    ///< of links to those who use this one first
};

/// One lane has opened or failed, or there will be none.
struct LaneChange {
  Address peer;
  bool outgoing = true;
  LaneFigures figures;
  std::string detail;  ///< why there is none: the two sides' ring keys; otherwise empty
};

class Lanes {
 public:
  static constexpr std::size_t kIncomingMax = 64;  ///< lanes; sessions beyond have the stream
  static constexpr Duration kForgottenAfter = std::chrono::seconds{60};  ///< as the core's sessions

  explicit Lanes(LanesOptions options) : options_{std::move(options)}, seeds_{options_.seed} {}

  // What goes by the stream passes here first.
  void dial(TimePoint now, LinkId link, Address to) { (void)add(now, true, link, to); }
  void hang_up(LinkId link) { remove(links_, link); }
  /// The other side took the second key of the stream's, before anything was sent: so does the
  /// lane.
  void use_second_key(LinkId link);
  /// True: a lane has taken the frame. False: it goes by the stream; a hello has the offer in it.
  /// Without an id it always goes by the stream.
  [[nodiscard]] bool send_link(LinkId link, Bytes& frame, const std::optional<SendId>& id);
  [[nodiscard]] bool send_route(TimePoint now, RouteId route, Bytes& frame,
                                const std::optional<SendId>& id);
  void on_link_broken(LinkId link) { remove(links_, link); }
  void on_route_broken(RouteId route) { remove(routes_, route); }
  void on_link_frame(TimePoint now, LinkId link, ByteView frame);
  void on_route_frame(TimePoint now, RouteId route, Address from, ByteView frame);

  /// False: a stranger's, or not well formed. It is not answered, and leaves no trace here.
  [[nodiscard]] bool on_datagram(TimePoint now, ByteView datagram, LanesSink& sink);
  /// To be called in each turn, after all datagrams: a time-out is none when the ack waits to be
  /// read.
  void on_tick(TimePoint now, LanesSink& sink);
  /// Ends the turn: what may go now. The bytes are good until the call returns.
  using Out = std::function<void(Address to, std::uint16_t port, const Bytes& datagram)>;
  void write(TimePoint now, const Out& out);
  [[nodiscard]] TimePoint next_deadline(TimePoint now);

  /// What has opened or failed since the last call.
  [[nodiscard]] std::vector<LaneChange> take_changes() { return std::exchange(changes_, {}); }
  // Of a session's lane; nullopt: there is none.
  [[nodiscard]] std::optional<LaneFigures> link_figures(LinkId link) const {
    return figures(links_, link);
  }
  [[nodiscard]] std::optional<LaneFigures> route_figures(RouteId route) const {
    return figures(routes_, route);
  }
  [[nodiscard]] std::vector<LaneChange> all() const;
  [[nodiscard]] std::uint64_t lost() const;  ///< datagrams declared lost, of all lanes since start
  /// Sessions that have no lane because there were kIncomingMax, since start.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  struct Entry {
    bool outgoing = true;
    std::uint32_t id = 0;  // LinkId or RouteId
    Address peer;
    std::uint64_t session = 0;  // incoming
    std::uint16_t port = 0;     // the other's
    LaneOffer own;
    bool second_key = false;
    std::optional<Lane> lane;  // none until the other side's offer is known, or when keys differ
    std::optional<Seal> seal;  // with the lane, when there is a key
    bool refused = false;      // keys differ
    std::size_t frame_max_told = 0;
    LaneState state_told = LaneState::probing;
    TimePoint heard;  // incoming: any frame
  };
  struct Wanted {  // a hello with an offer that is not answered yet
    std::uint64_t session = 0;
    Address from;
    LaneOffer offer;
  };
  using Numbers = std::unordered_map<std::uint32_t, std::uint32_t>;  // by LinkId or RouteId

  [[nodiscard]] Entry* find(const Numbers& ids, std::uint32_t id);
  [[nodiscard]] std::optional<LaneFigures> figures(const Numbers& ids, std::uint32_t id) const;
  Entry& add(TimePoint now, bool outgoing, std::uint32_t id, Address peer);
  void remove(Numbers& ids, std::uint32_t id);
  void open(TimePoint now, Entry& entry, const LaneOffer& offer);
  [[nodiscard]] std::optional<ByteView> authenticated(Entry& entry, const Header& header,
                                                      ByteView datagram);
  [[nodiscard]] bool offer_in(Bytes& hello, const LaneOffer& offer);
  void tell(Entry& entry, LanesSink& sink);
  void forget_silent(TimePoint now);

  LanesOptions options_;
  SplitMix seeds_;
  std::uint32_t next_number_ = 1;
  std::map<std::uint32_t, Entry> entries_;  // by the lane's number here
  Numbers links_;
  Numbers routes_;
  std::unordered_map<RouteId, Wanted> wanted_;
  std::vector<LaneChange> changes_;
  std::uint64_t lost_before_ = 0;  // by lanes that are gone
  std::uint64_t refused_ = 0;
  TimePoint forget_at_;
  AnyFrame frame_;   // scratch
  Payload payload_;  // scratch
  Bytes datagram_;   // scratch
};

}  // namespace podring::lane
