// One HTTP server: a bound port, an acceptor, a bounded queue and threads of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/ThreadPool.h>

#include "core/types.h"
#include "http/connection.h"

namespace podring::http {

/// When each connection was accepted: its request's time runs while it waits for a thread, too.
class AcceptTimes {
 public:
  using Clock = Connection::Clock;
  void put(int fd, Clock::time_point accepted);
  [[nodiscard]] Clock::time_point take(int fd);  ///< now, when it was never put

 private:
  std::mutex mutex_;
  std::map<int, Clock::time_point> by_fd_;  // a queued connection keeps its fd open
};

class Listener {
 public:
  struct Options {
    std::string name;  ///< of its threads
    std::string flag;  ///< that sets the port, for the error's text
    Address bind;
    std::uint16_t port = 0;
    int threads = 1;
    int queue = 1;
  };

  /// Binds and listens. Throws std::runtime_error: what to change.
  Listener(const Options& options, const ConnectionRules& rules);
  ~Listener() { stop(); }

  void start();
  /// The stop flag in `rules` is set before; then returns within a second.
  void stop();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] ServerLoad load() const;

 private:
  const ConnectionRules& rules_;
  AcceptTimes accept_times_;
  Poco::Net::ServerSocket socket_;
  std::uint16_t port_ = 0;
  Poco::ThreadPool threads_;
  std::unique_ptr<Poco::Net::TCPServer> server_;
  bool started_ = false;
};

}  // namespace podring::http
