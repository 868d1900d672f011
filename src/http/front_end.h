// The Poco front end as the node sees it: two HTTP servers over one Backend.
//
// The front port takes seeds and shows the ring; the admin port answers probes and scrapes from
// threads of its own, so that no number of slow clients at the front can starve them.
//
//   FrontEnd front_end{options, backend};  // binds both ports; throws std::runtime_error with a
//                                          // sentence that names the flag to change
//   front_end.start();                     // answers from here on
//   ...
//   front_end.stop();                      // within a second; open requests are answered or cut
//
// `backend` must outlive the FrontEnd and is called from many HTTP threads at once. stop() needs
// nothing of the loop, so it may be called from the loop's own thread or after the loop has ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/types.h"
#include "deliver/inbox.h"
#include "http/backend.h"

namespace podring::http {

struct FrontEndOptions {
  /// For both ports. Address::v4(0) is all IPv4 addresses, Address{} all addresses of both
  /// families.
  Address bind = Address::v4(0);
  std::uint16_t port = 8080;        ///< 0: any free port; see FrontEnd::port()
  std::uint16_t admin_port = 8081;  ///< 0: any free port
  /// For the program beside this pod, on loopback; nullopt: there is none. 0: any free port.
  std::optional<std::uint16_t> app_port;
  deliver::Inbox* inbox = nullptr;  ///< of messages that it pulls; outlives the front end
  bool broadcast = false;           ///< POST /broadcast at the front port, too

  // Bounds. What is turned away at one is counted (`podring_http_shed_total`) and told to
  // Backend::http_shed at most once a second and kind.
  int threads = 32;          ///< front connections served at once; more than `streams` + `waiting`
  int admin_threads = 4;     ///< the same, admin
  int app_threads = 8;       ///< the same, app
  int queue = 64;            ///< front connections that wait for a thread; beyond it 503
  int admin_queue = 16;      ///< the same, admin
  std::size_t streams = 8;   ///< open GET /events; beyond it 503
  std::size_t waiting = 16;  ///< POST /messages that wait for safe or completed; beyond it 429

  // Times.
  std::chrono::milliseconds request_timeout{5'000};  ///< connected to request complete; then 408
  std::chrono::milliseconds write_timeout{5'000};    ///< a reader that takes nothing is cut
  std::chrono::milliseconds loop_timeout{1'000};   ///< a seed the loop has not begun is taken back
  std::chrono::milliseconds heartbeat{10'000};     ///< comment in a quiet event stream
  std::chrono::milliseconds loop_stalled{10'000};  ///< /healthz fails when the loop has not turned
};

class FrontEnd {
 public:
  FrontEnd(const FrontEndOptions& options, Backend& backend);
  ~FrontEnd();  ///< stops
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  void start();
  void stop();  ///< may be called twice, and without start()

  [[nodiscard]] std::uint16_t port() const;        ///< the bound one
  [[nodiscard]] std::uint16_t admin_port() const;  ///< the bound one
  [[nodiscard]] std::uint16_t app_port() const;    ///< the bound one; 0: none

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace podring::http
