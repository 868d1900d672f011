// Two lanes for each session: the stream that always works, and datagrams where they get through.
//
// Joins the stream, a UDP socket and lane::Lanes, so that whoever is above sees frames, whichever
// way they came. Without a port it passes everything to the stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lane/lanes.h"
#include "net/loop.h"
#include "net/transport.h"
#include "net/udp_socket.h"

namespace podring {

/// What a stream alone does not tell. Calls come only from within LaneTransport::receive().
class LaneSink : public TransportSink, public lane::LanesSink {
 public:
  void on_link_frame(LinkId link, ByteView frame) override = 0;
  void on_route_frame(RouteId route, Address from, ByteView frame) override = 0;
};

struct LaneOptions {
  Address bind;
  std::uint16_t port = 0;
  bool required = true;               ///< false: no port, no datagrams
  std::uint32_t datagram_max = 8952;  ///< taken here; what is sent depends on the path as well
  std::uint64_t seed = 1;             ///< of the numbers in probes
  lane::RingKeys keys;  ///< the first seals every datagram, the second what is dialled by it
};

class LaneTransport final : private TransportSink {
 public:
  /// nullopt: the stream alone. Throws TransportError when the port cannot be bound, and must be.
  LaneTransport(Loop& loop, Transport& stream, const std::optional<LaneOptions>& options);
  ~LaneTransport() override;

  /// The time of the turn that begins.
  void begin_turn(TimePoint now) { now_ = now; }
  void dial(LinkId link, Address to);
  void hang_up(LinkId link);
  /// Frames with an id may go by datagrams.
  void send_link(LinkId link, Bytes&& frame, const std::optional<SendId>& id = std::nullopt);
  void send_route(RouteId route, Bytes&& frame, const std::optional<SendId>& id = std::nullopt);
  /// As Transport's. Datagrams wait for flush().
  [[nodiscard]] bool receive(LaneSink& sink);
  [[nodiscard]] bool may_wait() { return !readable_ && stream_.may_wait(); }
  /// Ends the turn: sends what was gathered.
  void flush();
  [[nodiscard]] TimePoint next_deadline();

  /// What has opened or failed since the last call.
  [[nodiscard]] std::vector<lane::LaneChange> take_changes();
  // Of a session's datagrams; nullopt: there are none.
  [[nodiscard]] std::optional<lane::LaneFigures> link_figures(LinkId link) const;
  [[nodiscard]] std::optional<lane::LaneFigures> route_figures(RouteId route) const;
  [[nodiscard]] DatagramCounters counters() const;
  [[nodiscard]] std::uint64_t lost() const;  ///< datagrams declared lost, of all lanes since start
  /// Sessions that got no datagrams because too many had them, since start.
  [[nodiscard]] std::uint64_t refused() const { return lanes_ ? lanes_->refused() : 0; }
  [[nodiscard]] bool uses_datagrams() const { return socket_.has_value(); }
  /// Why datagrams are not used though they were asked for; empty: they are, or were not.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  // TransportSink, of the stream
  void on_link_connected(LinkId link) override;
  void on_link_broken(LinkId link) override;
  void on_link_frame(LinkId link, ByteView frame) override;
  void on_route_frame(RouteId route, Address from, ByteView frame) override;
  void on_route_broken(RouteId route) override {
    if (lanes_) lanes_->on_route_broken(route);
  }

  [[nodiscard]] bool receive_datagrams();

  Loop& loop_;
  Transport& stream_;
  std::optional<UdpSocket> socket_;
  std::optional<lane::Lanes> lanes_;  // with the socket
  TimePoint now_;
  TimePoint ticked_at_;
  LaneSink* sink_ = nullptr;
  bool readable_ = false;
  std::string trouble_;
};

}  // namespace podring
