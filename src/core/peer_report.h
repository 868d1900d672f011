// What a peer reports about itself when it is asked. Values; nothing is decided by them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/outputs.h"
#include "core/types.h"

namespace podring {

/// A neighbour that `status` frames may be sent to. One process is listed once.
struct StatusNeighbour {
  BootId boot;
  std::uint64_t session = 0;
  bool successor = false;  ///< over its link; else over its route
  std::uint32_t over = 0;  ///< LinkId or RouteId
};

/// A link or a neighbour as `/ring` shows it.
struct LinkStatus {
  LinkId link = 0;  ///< 0: there is none, but something is known of the address
  Address address;
  std::optional<Identity> identity;
  bool up = false;  ///< hello was answered, not suspected
  bool suspected = false;
  bool leaving = false;
  bool successor = false;
  std::uint64_t session = 0;
  std::optional<Duration> round_trip;       ///< smoothed
  std::optional<Duration> ping_round_trip;  ///< of pings alone, smoothed
  Duration ping_variation{};                ///< of that: its jitter
  std::size_t in_flight = 0;                ///< not received yet
  std::size_t unsafe = 0;                   ///< received, not let go
  std::optional<Duration> heard_ago;
};
struct InboundStatus {
  RouteId route = 0;
  Identity identity;
  bool client = false;
  std::uint64_t session = 0;
  bool leaving = false;
  bool up = false;  ///< heard of within the suspicion time
  Duration heard_ago{};
};
struct Status {
  std::vector<Address> view;  ///< ring order: ascending
  std::uint64_t digest = 0;
  std::optional<Address> successor;
  std::optional<Address> predecessor;
  std::vector<LinkStatus> links;
  std::vector<InboundStatus> inbound;
  std::size_t queue_used = 0;
  std::size_t queue_used_bytes = 0;
  std::size_t held = 0;
  std::size_t remembered = 0;
  bool leaving = false;
};

/// Where a held envelope stands, for those who look at one id.
struct HeldStatus {
  enum class Stage : std::uint8_t {
    delivering,  ///< the program beside this pod is asked
    queued,      ///< waits to be sent
    sent,        ///< the successor has not said that it holds it
    received,    ///< the successor holds it; not let go yet
    logging,     ///< has ended here, its line is not written yet
  };
  Stage stage = Stage::queued;
  std::uint32_t lap = 0;
  std::uint32_t attempt = 0;  ///< sessions in which this hand-over was tried
  BootId successor;           ///< sent, received: whom it was handed to
  std::uint8_t replica_count = 0;
  std::uint64_t replicas[2] = {0, 0};  ///< their sites, this peer's own not among them
  bool reported_safe = false;          ///< to a dialler that has not released yet: that level stays
};

}  // namespace podring
