// JSON of what the routes show.
#pragma once

#include <string>
#include <vector>

#include "http/backend.h"
#include "http/json_text.h"

namespace podring::http {

void write_ring(JsonText& json, const RingView& ring);
void write_message(JsonText& json, const MessageView& message);
/// `"messages": [...]`, in the open object. Stops at 1 MiB: `"messages_omitted"` says how many of
/// the last ones are left out.
void write_messages(JsonText& json, const std::vector<MessageView>& messages);
/// `"traces": [...]`: id, end and names of those that have ended.
void write_traces(JsonText& json, const std::vector<EnvelopeId>& ids,
                  const std::vector<SeedEnd>& ends);

/// `"answer": "..."`, in the open object, when there is one; of one that is no text its length.
void write_answer(JsonText& json, const std::string& answer);

[[nodiscard]] std::string digest_text(std::uint64_t digest);  ///< 16 hex digits
/// "running", "safe", "completed" or "expired".
[[nodiscard]] std::string_view state_of(const MessageView& message);
/// RFC 3339, microseconds, UTC.
[[nodiscard]] std::string time_text(WallTime time);

}  // namespace podring::http
