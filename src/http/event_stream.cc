#include "http/event_stream.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "http/json_text.h"
#include "http/views.h"

namespace podring::http {
namespace {

using namespace std::chrono_literals;

constexpr auto kRingFigures = 2s;    // how often figures alone (round trips, queue) are told
constexpr std::size_t kBatch = 256;  // events written at once
// Events that come with every message; all others are always told.
constexpr std::array<std::string_view, 7> kOfOneMessage{
    "received", "seeded", "safe", "completed", "expired", "receipt", "duplicate"};
constexpr int kReconnectMs = 1000;
// A comment for whoever reads the stream as text; the event is for pages, which never see comments.
constexpr std::string_view kHeartbeat = ": heartbeat\nevent: alive\ndata: {}\n\n";

// `json` never holds a line break: the writer of JSON escapes them.
void append_event(std::string& out, std::string_view id, std::string_view type,
                  std::string_view json) {
  if (!id.empty()) {
    out.append("id: ").append(id).append("\n");
  }
  out.append("event: ").append(type).append("\ndata: ").append(json).append("\n\n");
}

}  // namespace

void EventStream::run(Outlet& outlet, std::string_view last_event_id) {
  outlet_ = &outlet;
  boot_ = to_string(backend_.ring()->self.boot);
  bool going = write("retry: " + std::to_string(kReconnectMs) + "\n\n");
  if (const auto resumed = resume_at(last_event_id)) {
    after_ = *resumed;
  } else {
    going = going && write_snapshot();
  }
  while (going) {
    going = write_ring_if_news() && write_messages_if_news() && write_skipped();
    const FeedBatch batch = going ? backend_.feed_after(after_, kBatch, times_.look) : FeedBatch{};
    going = going && outlet.open();
    if (going && batch.gap) {
      going = write_snapshot();  // this reader was slower than the feed is long
    } else if (going && !batch.items.empty()) {
      going = write_items(batch);
    } else if (going && Clock::now() - written_at_ >= times_.heartbeat) {
      going = write(kHeartbeat);
    }
  }
}

std::optional<std::uint64_t> EventStream::resume_at(std::string_view last_event_id) const {
  const auto colon = last_event_id.find(':');
  if (colon == std::string_view::npos || last_event_id.substr(0, colon) != boot_) {
    return std::nullopt;
  }
  const std::string_view digits = last_event_id.substr(colon + 1);
  std::uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc{} || stop != end || backend_.feed_after(number, 1, 0ms).gap) {
    return std::nullopt;
  }
  return number;
}

bool EventStream::write(std::string_view text) {
  written_at_ = Clock::now();
  return outlet_->write(text);
}

bool EventStream::write_snapshot() {
  const FeedSnapshot snapshot = backend_.feed_snapshot();
  JsonText json;
  json.open_object().key("ring");
  write_ring(json, *snapshot.ring);
  write_messages(json, snapshot.messages);
  json.close_object();
  after_ = snapshot.number;
  skipped_ = skipped_visits_ = 0;
  messages_told_ = snapshot.messages.empty() ? WallTime{} : snapshot.messages.front().last;
  messages_told_at_ = Clock::now();
  ring_told_ = snapshot.ring;
  ring_told_at_ = Clock::now();
  std::string text;
  append_event(text, boot_ + ":" + std::to_string(after_), "snapshot", json.text());
  return write(text);
}

bool EventStream::write_items(const FeedBatch& batch) {
  std::string text;
  for (const FeedItem& item : batch.items) {
    if (may_tell(item)) {
      append_event(text, boot_ + ":" + std::to_string(item.number), item.type, item.json);
    }
  }
  after_ = batch.items.back().number;
  return text.empty() || write(text);
}

bool EventStream::may_tell(const FeedItem& item) {
  if (!choices_.rate ||
      std::find(kOfOneMessage.begin(), kOfOneMessage.end(), item.type) == kOfOneMessage.end()) {
    return true;
  }
  const auto now = Clock::now();
  if (now - second_from_ >= 1s) {
    second_from_ = now;
    told_in_second_ = 0;
  }
  if (told_in_second_ < *choices_.rate) {
    ++told_in_second_;
    return true;
  }
  ++skipped_;
  skipped_visits_ += item.type == "received" ? 1 : 0;
  return false;
}

// Once a second: when the next second has begun.
bool EventStream::write_skipped() {
  if (skipped_ == 0 || Clock::now() - second_from_ < 1s) {
    return true;
  }
  JsonText json;
  json.open_object().field("count", skipped_).field("received", skipped_visits_).close_object();
  skipped_ = skipped_visits_ = 0;
  std::string text;
  append_event(text, {}, "skipped", json.text());
  return write(text);
}

// The ring's present state has no number: it is told whole, and the last one counts.
bool EventStream::write_ring_if_news() {
  auto ring = backend_.ring();
  const bool changed = !ring_told_ || ring->version != ring_told_->version;
  const bool figures = ring != ring_told_ && Clock::now() - ring_told_at_ >= kRingFigures;
  if (!changed && !figures) {
    return true;
  }
  ring_told_ = std::move(ring);
  ring_told_at_ = Clock::now();
  JsonText json;
  write_ring(json, *ring_told_);
  std::string text;
  append_event(text, {}, "ring", json.text());
  return write(text);
}

// Traces in the log's lines have no times; whoever draws them needs these.
bool EventStream::write_messages_if_news() {
  if (choices_.messages == 0 || Clock::now() - messages_told_at_ < times_.messages) {
    return true;
  }
  messages_told_at_ = Clock::now();
  std::vector<MessageView> messages = backend_.messages(choices_.messages);
  if (!messages.empty() && messages.front().last < messages_told_) {
    messages_told_ = WallTime{};  // the pod's clock was set back
  }
  std::erase_if(messages,
                [&](const MessageView& message) { return message.last <= messages_told_; });
  if (messages.empty()) {
    return true;
  }
  messages_told_ = messages.front().last;
  JsonText json;
  json.open_object();
  write_messages(json, messages);
  json.close_object();
  std::string text;
  append_event(text, {}, "messages", json.text());
  return write(text);
}

}  // namespace podring::http
