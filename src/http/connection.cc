#include "http/connection.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "http/socket_io.h"

namespace podring::http {
namespace {

using namespace std::chrono_literals;

// However long a connection waited for its thread, what it had sent by then is read.
constexpr auto kReadAtLeast = 250ms;
// What a client still sends after an answer that did not wait for it is read and thrown away, so
// that the answer is not lost to a reset.
constexpr auto kDrainTime = 500ms;
constexpr std::size_t kDrainBytes = 4 * 1024 * 1024;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Address address_of(const Poco::Net::SocketAddress& peer) {
  std::string text = peer.host().toString();
  text = text.substr(0, text.find('%'));  // a link-local zone says nothing here
  return parse_address(text).value_or(Address{});
}

}  // namespace

void Connection::run() {
  try {
    const int fd = socket().impl()->sockfd();
    SocketIo io{fd, rules_.stop, rules_.write_timeout};
    RequestParser parser{rules_.limits};
    if (!read_request(io, parser)) {
      return;
    }
    const bool failed = parser.state() == RequestParser::State::failed;
    const Reply reply = failed ? parser.failure() : reply_to(parser.request());
    send_reply(io, reply, parser.request().method == "HEAD");
    if (failed) {
      drain(io);
    }
  } catch (const std::exception&) {
    rules_.stats.failures.fetch_add(1);  // the connection is closed without an answer
  }
}

// False: there is nobody to answer.
bool Connection::read_request(SocketIo& io, RequestParser& parser) {
  const auto until = std::max(accepted_ + rules_.request_timeout, Clock::now() + kReadAtLeast);
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const ReadResult read = io.read(buffer, until);
    if (read.outcome == ReadOutcome::timed_out) {
      rules_.stats.requests_timed_out.fetch_add(1);
      if (!parser.untouched()) {
        send_reply(io,
                   error_reply(408, "timeout",
                               "the request was not complete within " +
                                   std::to_string(rules_.request_timeout.count()) + " ms"),
                   false);
      }
      return false;
    }
    if (read.outcome != ReadOutcome::bytes) {
      return false;
    }
    const auto state = parser.feed({buffer.data(), read.count});
    if (state == RequestParser::State::done || state == RequestParser::State::failed) {
      return true;
    }
    if (parser.take_expects_continue() && !io.write(kContinue)) {
      return false;
    }
  }
}

Reply Connection::reply_to(Request& request) {
  request.client = address_of(socket().peerAddress());
  try {
    return rules_.handler(request);
  } catch (const std::exception& wrong) {
    rules_.stats.failures.fetch_add(1);
    return error_reply(500, "internal", wrong.what());
  }
}

void Connection::send_reply(SocketIo& io, const Reply& reply, bool head_only) {
  rules_.stats.answered(reply.status);
  const bool endless = static_cast<bool>(reply.stream);
  std::string head = head_text(reply, endless ? std::nullopt : std::optional{reply.body.size()});
  bool written = false;
  if (head_only || endless) {
    written = io.write(head);
  } else {
    written = io.write(head += reply.body);  // one piece: no small packet that waits for an ack
  }
  if (written && endless && !head_only) {
    reply.stream(io);
  }
  if (io.cut()) {
    (endless ? rules_.stats.streams_cut : rules_.stats.replies_cut).fetch_add(1);
  }
}

void Connection::drain(SocketIo& io) {
  socket().shutdownSend();
  const auto until = Clock::now() + kDrainTime;
  std::array<char, 16 * 1024> buffer;
  for (std::size_t drained = 0; drained < kDrainBytes;) {
    const ReadResult read = io.read(buffer, until);
    if (read.outcome != ReadOutcome::bytes || Clock::now() >= until) {
      return;
    }
    drained += read.count;
  }
}

}  // namespace podring::http
