// The bytes of a server-sent event stream as events. No I/O.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace podring::top {

struct SentEvent {
  std::string type;  ///< "message" when the stream does not say
  std::string data;
};

class EventText {
 public:
  /// A snapshot of 10,000 pods has some 8 MiB; what is longer than this is no event of podring's.
  static constexpr std::size_t kBytesMax = 32 * 1024 * 1024;

  /// The events that end in `bytes`. Comments, ids and retry times are passed over.
  [[nodiscard]] std::vector<SentEvent> take(std::string_view bytes);
  [[nodiscard]] bool too_long() const { return line_.size() + event_.data.size() > kBytesMax; }

 private:
  void end_line(std::vector<SentEvent>& out);

  std::string line_;  ///< not yet ended
  SentEvent event_;   ///< not yet ended
  bool has_data_ = false;
};

}  // namespace podring::top
