// One peer of two, where the test plays the other one: which it has dialled, and which has dialled
// it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/codec.h"
#include "core/peer.h"
#include "support/catch.h"

namespace podring {

inline const Address kA = Address::v4(0x0a000001);
inline const Address kB = Address::v4(0x0a000002);

class Half {
 public:
  explicit Half(std::uint8_t copies = 2, std::size_t queue = Settings{}.queue)
      : copies_{copies}, peer{{"a", "", "", kA, {1}}, settings_of(copies, queue), 1} {
    peer.set_fixed_view(now, std::vector{kA, kB});
    link = std::get<Dial>(flush().actions.at(0)).link;
    peer.on_link_connected(now, link);
    AnyFrame hello = frames(flush()).at(0);
    session = hello.session;
    hello.hello.answer = true;
    hello.hello.identity = {"b", "", "", kB, {2}};
    hello.hello.credit_envelopes = 100;
    hello.hello.credit_bytes = 1'000'000;
    peer.on_link_frame(now, link, write_frame({1, session}, hello.hello));
    hello.hello.answer = false;
    hello.hello.dialled = kA;
    peer.on_route_frame(now, kRoute, kB, write_frame({1, kSession}, hello.hello));
    flush();
  }

  static Settings settings_of(std::uint8_t copies, std::size_t queue) {
    Settings settings;
    settings.copies = copies;
    settings.queue = queue;
    return settings;
  }

  Outputs& flush() { return peer.flush(now); }
  void seed(std::uint32_t count) {
    SeedRequest request;
    request.message.assign(200, 'x');
    request.count = count;
    request.sender = kA;
    REQUIRE(peer.seed(now, request).error == SeedError::none);
  }
  /// The other one hands over its envelopes `first` to `first + count - 1`, each for ten hops,
  /// which were seeded there.
  void relay(std::uint64_t first, std::size_t count, std::uint32_t lap = 2) {
    Bytes envelopes;
    for (std::uint64_t n = first; n < first + count; ++n) {
      EnvelopeHead head;
      head.id = {{2}, n + 1};
      head.origin = kB;
      head.limit = 10;
      head.copies = copies_;
      head.time_left_ms = 60'000;
      append_envelope(envelopes, make_envelope(head, "text"),
                      {.hop = 1 + 2 * lap,
                       .lap = lap,
                       .time_left_ms = 60'000,
                       .append_entry = true,
                       .pod = "b",
                       .arrived = {1}});
    }
    peer.on_route_frame(now, kRoute, kB, write_relay({1, kSession}, 0, first, count, envelopes));
  }
  void ack(const AckFrame& frame) {
    peer.on_link_frame(now, link, write_frame({1, session}, frame));
  }
  /// The frames of one turn that are of one type; each keeps its bytes in `sent`.
  std::vector<AnyFrame> frames(Outputs& out, std::optional<FrameType> type = {}) {
    std::vector<AnyFrame> found;
    for (const Action& action : out.actions) {
      const auto* to_link = std::get_if<SendLink>(&action);
      const auto* to_route = std::get_if<SendRoute>(&action);
      if (to_link == nullptr && to_route == nullptr) continue;
      sent.push_back(to_link != nullptr ? to_link->frame : to_route->frame);
      ids.push_back(to_link != nullptr ? to_link->id : to_route->id);
      AnyFrame frame;
      REQUIRE(read_frame(sent.back(), frame));
      if (!type || frame.type == *type) found.push_back(frame);
    }
    return found;
  }

  static constexpr RouteId kRoute = 7;
  static constexpr std::uint64_t kSession = 33;
  std::uint8_t copies_;
  Now now{TimePoint{std::chrono::seconds{1}}, {1}};
  Peer peer;
  LinkId link = 0;
  std::uint64_t session = 0;
  std::vector<Bytes> sent;
  std::vector<std::optional<SendId>> ids;  ///< of the same frames
};

}  // namespace podring
