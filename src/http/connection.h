// One connection of either server: reads one request within its time, answers it, closes. Poco's
// own HTTPServer is not used for this: its time-outs are per read, so a client that sends a byte
// now and then holds a thread for ever, and it closes on what it did not read, which loses answers.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/TCPServerConnection.h>

#include "http/message.h"
#include "http/request_parser.h"
#include "http/socket_io.h"
#include "http/stats.h"

namespace podring::http {

using Handler = std::function<Reply(const Request&)>;

/// What all connections of one server share.
struct ConnectionRules {
  Handler handler;
  RequestParser::Limits limits;
  std::chrono::milliseconds request_timeout{};
  std::chrono::milliseconds write_timeout{};
  Stats& stats;
  const std::atomic<bool>& stop;
};

class Connection : public Poco::Net::TCPServerConnection {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(const Poco::Net::StreamSocket& socket, const ConnectionRules& rules,
             Clock::time_point accepted)
      : TCPServerConnection{socket}, rules_{rules}, accepted_{accepted} {}

  void run() override;

 private:
  [[nodiscard]] bool read_request(SocketIo& io, RequestParser& parser);
  [[nodiscard]] Reply reply_to(Request& request);
  void send_reply(SocketIo& io, const Reply& reply, bool head_only);
  void drain(SocketIo& io);

  const ConnectionRules& rules_;
  const Clock::time_point accepted_;
};

}  // namespace podring::http
