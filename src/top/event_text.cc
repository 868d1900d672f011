#include "top/event_text.h"

#include <utility>

namespace podring::top {

std::vector<SentEvent> EventText::take(std::string_view bytes) {
  std::vector<SentEvent> out;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos) break;
    end_line(out);
    bytes.remove_prefix(end + 1);
  }
  return out;
}

void EventText::end_line(std::vector<SentEvent>& out) {
  std::string line = std::exchange(line_, {});
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) {
    if (has_data_) {
      if (event_.type.empty()) event_.type = "message";
      out.push_back(std::move(event_));
    }
    event_ = {};
    has_data_ = false;
    return;
  }
  const std::size_t colon = line.find(':');  // at 0: a comment, whose field has no name
  const std::string_view field = std::string_view{line}.substr(0, colon);
  std::string_view value =
      colon == std::string::npos ? std::string_view{} : std::string_view{line}.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_.type = value;
  } else if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }
}

}  // namespace podring::top
