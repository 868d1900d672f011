// Two lanes for each session: the stream that always works, and datagrams where they get through.
//
// proto-docs/datagrams.md. It puts an offer into each `hello` that goes out and takes the other
// side's from each that comes in, so that whoever is above sees frames, whichever way they came.
// Only `relay` and `ack` go by datagram. Without a port it passes everything to the stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/codec.h"
#include "core/random.h"
#include "lane/lane.h"
#include "net/loop.h"
#include "net/transport.h"
#include "net/udp_socket.h"

namespace podring {

/// What a stream alone does not tell. Calls come only from within LaneTransport::receive().
class LaneSink : public TransportSink {
 public:
  /// A datagram was lost with this frame in it; it is not sent again as it was.
  virtual void on_link_frame_lost(LinkId link, ByteView frame) = 0;
  virtual void on_route_frame_lost(RouteId route, ByteView frame) = 0;
  /// Larger frames go by the stream; nullopt: all do.
  virtual void on_link_frame_max(LinkId link, std::optional<std::size_t> bytes) = 0;
};

struct LaneOptions {
  Address bind;
  std::uint16_t port = 0;
  bool required = true;               ///< false: no port, no datagrams
  std::uint32_t datagram_max = 8952;  ///< taken here; what is sent depends on the path as well
  std::uint64_t seed = 1;             ///< of the numbers in probes
};

/// A lane has opened or failed.
struct LaneChange {
  Address peer;
  bool outgoing = true;
  lane::LaneFigures figures;
};

class LaneTransport final : private TransportSink {
 public:
  static constexpr std::size_t kIncomingMax = 64;  ///< lanes; sessions beyond have the stream
  static constexpr Duration kForgottenAfter = std::chrono::seconds{60};  ///< as the core's sessions

  /// nullopt: the stream alone. Throws TransportError when the port cannot be bound, and must be.
  LaneTransport(Loop& loop, Transport& stream, const std::optional<LaneOptions>& options);
  ~LaneTransport() override;

  /// The time of the turn that begins.
  void begin_turn(TimePoint now) { now_ = now; }
  void dial(LinkId link, Address to);
  void hang_up(LinkId link);
  void send_link(LinkId link, Bytes&& frame);
  void send_route(RouteId route, Bytes&& frame);
  /// As Transport's. Datagrams wait for flush().
  [[nodiscard]] bool receive(LaneSink& sink);
  [[nodiscard]] bool may_wait() { return !readable_ && stream_.may_wait(); }
  /// Ends the turn: sends what was gathered.
  void flush();
  [[nodiscard]] TimePoint next_deadline();

  /// What has opened or failed since the last call.
  [[nodiscard]] std::vector<LaneChange> take_changes() { return std::exchange(changes_, {}); }
  /// Of the lane to a peer, or from it; nullopt: there is none.
  [[nodiscard]] std::optional<lane::LaneFigures> figures(Address peer, bool outgoing) const;
  [[nodiscard]] DatagramCounters counters() const;
  [[nodiscard]] std::uint64_t lost() const;  ///< datagrams declared lost, of all lanes since start
  [[nodiscard]] bool uses_datagrams() const { return socket_.has_value(); }
  /// Why datagrams are not used though they were asked for; empty: they are, or were not.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct Entry {
    bool outgoing = true;
    std::uint32_t id = 0;  // LinkId or RouteId
    Address peer;
    std::uint64_t session = 0;  // incoming
    std::uint16_t port = 0;     // the other's
    LaneOffer own;
    std::optional<lane::Lane> lane;  // none until the other side's offer is known
    std::size_t frame_max_told = 0;
    lane::LaneState state_told = lane::LaneState::probing;
    TimePoint heard;  // incoming: any frame
  };
  struct Wanted {  // a hello with an offer that is not answered yet
    std::uint64_t session = 0;
    Address from;
    LaneOffer offer;
  };

  // TransportSink, of the stream
  void on_link_connected(LinkId link) override { sink_->on_link_connected(link); }
  void on_link_broken(LinkId link) override;
  void on_link_frame(LinkId link, ByteView frame) override;
  void on_route_frame(RouteId route, Address from, ByteView frame) override;

  [[nodiscard]] Entry* find(const std::unordered_map<std::uint32_t, std::uint32_t>& ids,
                            std::uint32_t id);
  Entry& add(bool outgoing, std::uint32_t id, Address peer);
  void remove(std::unordered_map<std::uint32_t, std::uint32_t>& ids, std::uint32_t id);
  void open(Entry& entry, const LaneOffer& offer);
  [[nodiscard]] bool offer_in(Bytes& hello, const LaneOffer& offer);
  [[nodiscard]] bool receive_datagrams();
  void take(const UdpSocket::Datagram& datagram);
  void tick(Entry& entry);
  void tell(Entry& entry);
  void forget_silent();

  Loop& loop_;
  Transport& stream_;
  std::optional<LaneOptions> options_;
  std::optional<UdpSocket> socket_;
  SplitMix seeds_;
  TimePoint now_;
  LaneSink* sink_ = nullptr;
  bool readable_ = false;
  std::uint32_t next_number_ = 1;
  std::unordered_map<std::uint32_t, Entry> entries_;        // by the lane's number here
  std::unordered_map<std::uint32_t, std::uint32_t> links_;  // LinkId -> number
  std::unordered_map<std::uint32_t, std::uint32_t> routes_;
  std::unordered_map<RouteId, Wanted> wanted_;
  std::vector<LaneChange> changes_;
  std::uint64_t lost_before_ = 0;  // by lanes that are gone
  std::string trouble_;
  TimePoint forget_at_;
  AnyFrame frame_;         // scratch
  lane::Payload payload_;  // scratch
  Bytes datagram_;         // scratch
};

}  // namespace podring
