// What an operator decides about a peer: the rules given to seeds, the bounds, the timers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/types.h"

namespace podring {

struct Settings {
  std::string ring = "podring";
  std::uint8_t version_min = 1;
  std::uint8_t version_max = 1;
  // Rules given to seeds taken here.
  std::uint8_t copies = 2;  ///< 1..3
  CopiesOn copies_on = CopiesOn::peers;
  std::uint32_t hops = 10;                          ///< 1..kHopsMax
  Duration ttl = std::chrono::minutes{10};          ///< 1 ms .. 49 days
  Duration receipt_ttl = std::chrono::seconds{60};  ///< an end's own time on its way to the origin
  // Bounds.
  std::size_t queue = 1024;  ///< envelopes the successor has not got yet; >= 2
  std::size_t queue_bytes = 16 * 1024 * 1024;
  std::size_t memory_max = 1'000'000;   ///< ids remembered
  std::size_t sessions_max = 4096;      ///< inbound sessions
  std::size_t frame_bytes = 64 * 1024;  ///< a relay batch stops growing here
  // Timers (proto-docs/delivery.md gives the reasons).
  Duration rto_min = std::chrono::milliseconds{200};
  Duration rto_max = std::chrono::seconds{5};
  Duration ping_every = std::chrono::milliseconds{500};
  Duration silent_after = std::chrono::seconds{2};
  Duration hello_timeout = std::chrono::milliseconds{700};
  Duration probe_every = std::chrono::seconds{1};
  /// Between two acks of a session that nobody waits for, at least; zero: one each turn.
  Duration ack_every = std::chrono::milliseconds{1};
  Duration memory_grace = std::chrono::seconds{10};  ///< remembered longer than its time left
  Duration drain_linger = std::chrono::seconds{5};
  /// Whoever says hello has proven that it belongs here (a ring key): it is believed.
  bool hellos_are_proven = false;
  /// Who is no member may hand over the messages of others, too. Where views lag behind newcomers
  /// (a name service) it must, or what they are handed waits until the views have them.
  bool strangers_relay = false;
  bool report_visits = true;
  bool deliver = false;      ///< each visit is a Deliver in the Outputs
  bool takes_status = true;  ///< false: as a release that has no `status` frames
};

}  // namespace podring
