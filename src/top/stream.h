// One connection to GET /events, read until it ends.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "app/http_url.h"
#include "net/loop.h"
#include "top/event_text.h"

namespace Poco::Net {
class StreamSocket;
}

namespace podring::top {

class Stream {
 public:
  using Take = std::function<bool(const SentEvent& event)>;

  /// `server.path` is what stands before /events.
  explicit Stream(HttpUrl server);

  /// Connects and gives each event to `take`, until that says false, stop() is called or the
  /// connection ends. Returns why it ended, and what to change when that is known; empty: it was
  /// ended from here.
  [[nodiscard]] std::string read(const Take& take);
  /// Ends read(), now and for good. From any thread.
  void stop();

 private:
  struct Failed;
  class Stoppable;
  void connect(Poco::Net::StreamSocket& socket);
  [[nodiscard]] std::string read_events(const Take& take);
  [[nodiscard]] bool stopped() const;

  HttpUrl server_;
  OwnFd wake_;  ///< readable once stopped
  mutable std::mutex mutex_;
  bool stopped_ = false;  ///< guarded by mutex_, as is socket_
  int socket_ = -1;       ///< that read() waits for
};

/// "http://10.42.0.9:8080", as it is given on a command line.
[[nodiscard]] std::string to_string(const HttpUrl& url);

}  // namespace podring::top
