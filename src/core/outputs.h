// What a turn of a peer brings about: events to be written, and what is to be done on the network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/annotations.h"
#include "core/events.h"
#include "core/types.h"

namespace podring {

using LinkId = std::uint32_t;   ///< an outgoing connection; chosen by the core, never used twice
using RouteId = std::uint32_t;  ///< an incoming connection; chosen by the transport

struct Dial {  ///< open a connection to the ring port of `to`; report on_link_connected /
               ///< on_link_broken
  LinkId link = 0;
  Address to;
};
struct HangUp {  ///< close it and drop what is unsent. Nothing about this link is to be reported
                 ///< any more.
  LinkId link = 0;
};
/// Names a frame that may go by a way that loses frames. Whoever finds out that it was lost reports
/// the id; what was in it only the core knows. A frame that is sent again has another content.
struct SendId {
  std::uint64_t first = 0;  ///< sequence number
  std::uint32_t count = 0;
  std::uint32_t ack = 0;  ///< number of the ack; 0: it is no ack
  friend bool operator==(const SendId&, const SendId&) = default;
};
struct SendLink {  ///< a failed send needs no report: it is one more lost frame
  LinkId link = 0;
  Bytes frame;
  std::optional<SendId> id{};  ///< nullopt: it goes by the connection alone
};
struct SendRoute {
  RouteId route = 0;
  Bytes frame;
  std::optional<SendId> id{};  ///< likewise
};
using Action = std::variant<Dial, HangUp, SendLink, SendRoute>;

/// What a neighbour's `status` frame carried. Opaque here; core/peer_status.h reads it.
struct StatusHeard {
  BootId from;
  Bytes told;
};

/// A visit that the program beside this pod is to be asked about; answer with on_delivered().
/// `waits`: the envelope goes on only then. A seed goes on at once (its client waits for `safe`),
/// and the program is asked beside that.
struct Deliver {
  DeliveryNumber number;
  Envelope envelope;
  bool waits = true;
};
struct Delivered {
  DeliveryNumber number;
  Outcome outcome = Outcome::visited;
  std::uint16_t status = 0;  ///< HTTP status; 0: none
  std::string answer;        ///< for the receipt, where the sender wants answers
};

struct Outputs {  ///< events before actions: log first, then send
  std::vector<Event> events;
  std::vector<Action> actions;
  std::vector<StatusHeard> statuses;
  std::vector<Deliver> deliveries;
  [[nodiscard]] bool empty() const {
    return events.empty() && actions.empty() && statuses.empty() && deliveries.empty();
  }
};

}  // namespace podring
