// What is brought to the program beside a pod, and what became of it. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/annotations.h"

namespace podring::deliver {

inline constexpr std::size_t kAnswerBytesMax = 1024;  ///< of a program's answer that are kept

/// One visit of one message, for the program of this pod.
struct Delivery {
  DeliveryNumber number;
  EnvelopeId id;
  std::uint32_t hop = 0;
  std::uint32_t lap = 0;
  std::string origin_pod;  ///< name of the peer that took the seed
  WallTime seeded;         ///< by that peer's clock
  std::string body;        ///< any bytes
  std::string content_type;
  std::string key;
  std::string traceparent;
  /// CloudEvents attributes that the sender gave (without "ce-"); they win over podring's own.
  std::vector<std::pair<std::string, std::string>> attributes;
  std::optional<ProgramRequest> request;
};

struct DeliveryResult {
  DeliveryNumber number;
  EnvelopeId id;
  Outcome outcome = Outcome::visited;
  std::uint16_t status = 0;    ///< HTTP status of the last answer; 0: none came
  std::uint32_t attempts = 0;  ///< requests that were made, or offers of the inbox
  std::chrono::microseconds took{};
  std::string detail;  ///< for the log: why it was not delivered
  std::string answer;  ///< at most kAnswerBytesMax bytes of the program's last answer
};

}  // namespace podring::deliver
