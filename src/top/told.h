// What the events of GET /events say, as values. Every text here is fit for a terminal: names and
// messages come from other machines, so they are escaped and cut where they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace podring::top {

/// What a pod told of its work. proto-docs/openapi.yaml, Status.
struct Figures {
  Duration age{};     ///< when it was told here; grows since
  Duration uptime{};  ///< since the process started
  std::uint64_t queue = 0;
  std::uint64_t held = 0;
  std::string digest;     ///< of its view
  std::string successor;  ///< address; empty: nobody
  std::optional<Duration> round_trip;
  std::uint64_t handed_on = 0;  ///< in the last minute
  std::uint64_t retries = 0;    ///< sent again, and detours
};

/// Packets of one lane of a link: TCP segments or datagrams.
struct LaneLoss {
  std::string lane;  ///< "zmq" or "udp"
  std::uint64_t lost = 0;
  std::uint64_t of = 0;  ///< above 0
};

/// A pod of the view.
struct Pod {
  std::string address;
  std::string name;   ///< empty while nothing was heard of it
  std::string node;   ///< empty: unknown
  std::string state;  ///< "up", "suspected", "leaving", "connecting", "stale" or "listed"
  bool self = false;  ///< the one that tells all this
  std::vector<std::string> suspected_by;  ///< addresses
  std::optional<Duration> told_age;       ///< since it told anything; nullopt: never
  std::optional<Figures> figures;
  std::vector<LaneLoss> lost_to;    ///< from the pod that tells this to this one
  std::vector<LaneLoss> lost_from;  ///< and the other way
};

/// The name service's answers.
struct Dns {
  std::string mode;  ///< "service", or "fixed" for --peers
  std::string outcome;
  std::string detail;
  std::optional<Duration> answer_age;
  std::uint64_t addresses = 0;
};

struct Ring {
  std::string name;
  std::string boot;  ///< of the process that tells this
  std::string digest;
  std::string successor;    ///< address; empty: nobody
  std::string predecessor;  ///< address; empty: nobody
  Dns dns;
  std::uint64_t queue_used = 0;
  std::uint64_t queue_max = 0;
  std::uint64_t held = 0;
  bool leaving = false;
  std::vector<Pod> pods;  ///< the view in ring order; one of them is `self`
};

struct Message {
  std::string id;
  std::string time;  ///< of the latest news of it: HH:MM:SS, UTC
  std::string state;
  std::string text;
  std::uint64_t hop = 0;
  std::uint64_t lap = 0;
  std::vector<std::string> trace;  ///< names
  std::uint64_t trace_omitted = 0;
  bool detours = false;
  std::optional<Duration> hop_time;  ///< mean over the trace, by the pods' clocks
};

struct Snapshot {
  Ring ring;
  std::vector<Message> messages;  ///< newest first
};

struct News {
  std::string time;  ///< HH:MM:SS, UTC
  std::string text;
  bool bad = false;
};

/// What was left out at the stream's rate.
struct Skipped {
  std::uint64_t received = 0;  ///< visits
};

// Each is nullopt when `data` is not what podring says.
[[nodiscard]] std::optional<Snapshot> read_snapshot(const std::string& data);
[[nodiscard]] std::optional<Ring> read_ring(const std::string& data);
[[nodiscard]] std::optional<std::vector<Message>> read_messages(const std::string& data);
[[nodiscard]] std::optional<Skipped> read_skipped(const std::string& data);
/// Any event of the log, as a sentence.
[[nodiscard]] std::optional<News> read_news(std::string_view type, const std::string& data);

}  // namespace podring::top
