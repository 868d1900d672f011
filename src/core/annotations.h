// What an envelope carries for the programs beside the pods, in its extension map: what the sender
// said of the message, and what the program of each visited pod said to it.
//
// Peers that know nothing of it pass it on unread (proto-docs/wire-protocol.md, "An envelope").
// Reading and writing cost time in proportion to it; only peers that deliver do either, and the
// peer where a receipt begins.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/envelope.h"

namespace podring {

inline constexpr std::size_t kKeyBytesMax = 128;
inline constexpr std::size_t kContentTypeBytesMax = 255;
/// All that a sender may say of a message, encoded. The extension map may have 4 KiB: the rest is
/// for outcomes and answers.
inline constexpr std::size_t kSenderAnnotationBytesMax = 1536;
inline constexpr std::size_t kOutcomeBytesMax = 1536;  ///< encoded; the oldest are dropped first
inline constexpr std::size_t kAnswerBytesAllMax = 768;

/// Names one question to the program within a process; never used twice.
struct DeliveryNumber {
  std::uint64_t value = 0;
  friend auto operator<=>(const DeliveryNumber&, const DeliveryNumber&) = default;
};

/// What the program beside a visited pod said.
enum class Outcome : std::uint8_t {
  visited = 0,    ///< this peer delivers to nobody
  delivered = 1,  ///< the program took it
  refused = 2,    ///< the program will never take it, or the peer may not ask it
  timed_out = 3,  ///< no yes or no in time
  no_program = 4  ///< nobody listens, or the program has been away for a while
};
[[nodiscard]] std::string_view to_string(Outcome outcome);

/// An HTTP request that each pod makes to its own program, in place of a CloudEvent.
struct ProgramRequest {
  std::string method;  ///< an HTTP token, such as PURGE
  std::string path;    ///< begins with '/'; may have a query
  std::vector<std::pair<std::string, std::string>> headers;
  friend bool operator==(const ProgramRequest&, const ProgramRequest&) = default;
};

struct VisitOutcome {
  std::uint32_t hop = 0;  ///< of the visit
  Outcome outcome = Outcome::visited;
  std::uint16_t status = 0;  ///< HTTP status of the program's last answer; 0: there was none
  friend bool operator==(const VisitOutcome&, const VisitOutcome&) = default;
};
struct VisitAnswer {
  std::uint32_t hop = 0;
  std::string answer;  ///< the first bytes of what the program answered
  friend bool operator==(const VisitAnswer&, const VisitAnswer&) = default;
};

/// What the sender says of a message. Empty: not said.
struct SenderAnnotations {
  std::string content_type;
  std::string key;          ///< names the message: a program that took it once is not asked again
  std::string traceparent;  ///< W3C Trace Context
  std::string tracestate;
  /// CloudEvents attributes without "ce-".
  std::vector<std::pair<std::string, std::string>> attributes;
  std::optional<ProgramRequest> request;
  bool wants_answers = false;  ///< what programs answer comes back with the receipt
  friend bool operator==(const SenderAnnotations&, const SenderAnnotations&) = default;
};

struct Annotations {
  SenderAnnotations sender;
  std::vector<VisitOutcome> outcomes;  ///< by hop; visits without one are not listed
  std::vector<VisitAnswer> answers;
  std::uint32_t answers_omitted = 0;  ///< did not fit
  /// Who ended it, and when it came there: the last visit, which no trace entry names.
  std::optional<std::pair<std::string, WallTime>> last_visit;
  friend bool operator==(const Annotations&, const Annotations&) = default;
};

/// One visit as whoever looks at a message is shown it.
struct VisitRecord {
  std::string pod;
  WallTime at;                            ///< when the message arrived there, by that pod's clock
  std::optional<VisitOutcome> outcome{};  ///< nullopt: not told
  std::string answer{};
};
/// A trace with what the programs said.
struct Journey {
  std::vector<VisitRecord> trace;         ///< as trace_of(): the visits before the latest one
  std::optional<VisitRecord> last_visit;  ///< where it ended, when the envelope tells
  std::uint32_t answers_omitted = 0;
};
[[nodiscard]] Journey journey_of(const Envelope& envelope);

/// What `envelope` carries; what is not well formed is left out.
[[nodiscard]] Annotations annotations_of(const Envelope& envelope);
/// Replaces what `envelope` carries; keys of its extension map that this release does not know
/// stay. Outcomes and answers beyond their bounds are dropped (answers are counted as omitted).
void annotate(Envelope& envelope, Annotations annotations);
/// Encoded size of what a sender said, against kSenderAnnotationBytesMax.
[[nodiscard]] std::size_t encoded_bytes(const SenderAnnotations& sender);

}  // namespace podring
