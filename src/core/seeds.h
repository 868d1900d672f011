// Messages that are put into the ring here. In: requests, by call and by frame. Out: envelopes that
// are accepted, or a refusal that says why; answers to clients over ZeroMQ.
#pragma once

#include <cstdint>
#include <string>

#include "core/delivery.h"
#include "core/in_sessions.h"
#include "core/local.h"
#include "core/seed_request.h"
#include "core/turn.h"

namespace podring {

class Seeds {
 public:
  Seeds(const Local& local, Turn& turn, Delivery& delivery, InSessions& in)
      : local_{local}, turn_{turn}, delivery_{delivery}, in_{in} {}

  [[nodiscard]] SeedResult seed(const SeedRequest& request);
  void on_frame(SessionIndex index, const SeedFrame& frame);
  /// Clients of whom nothing can come any more.
  void forget_clients();

 private:
  /// Empty: the request is within its bounds.
  [[nodiscard]] std::string fault_of(const SeedRequest& request) const;
  [[nodiscard]] EnvelopeHead head_of(const SeedRequest& request) const;
  [[nodiscard]] bool has_room(const Envelope& envelope, std::uint32_t count) const;
  [[nodiscard]] SeedResult refused_as_bad(std::string reason, SeedError error);
  void wait(SessionIndex index, const SeedFrame& frame, Stage stage, TimePoint until);
  void stop_waiting(std::uint64_t first, const SeedFrame& frame);

  const Local& local_;
  Turn& turn_;
  Delivery& delivery_;
  InSessions& in_;
  std::uint64_t next_counter_ = 1;
  Envelope scratch_;
};

}  // namespace podring
