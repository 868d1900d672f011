#include "top/stream.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "terminal/text.h"

namespace podring::top {
namespace {

// One event about a single message a second, since only their number counts here; the messages
// themselves come whole.
constexpr const char* kQuery = "/events?rate=1&messages=20";
constexpr int kConnectMs = 3'000;
constexpr int kSilentS = 15;  // the server says something every 10 s
constexpr std::streamsize kBlock = 16 * 1024;
constexpr std::size_t kErrorBytesMax = 4'096;

/// A sentence about an answer that is no stream.
std::string refusal(int status, std::istream& in) {
  std::string body(kErrorBytesMax, '\0');
  in.read(body.data(), static_cast<std::streamsize>(body.size()));
  body.resize(static_cast<std::size_t>(in.gcount()));
  std::string out = "it answers " + std::to_string(status);
  try {
    const auto error = Poco::JSON::Parser{}.parse(body).extract<Poco::JSON::Object::Ptr>();
    return out + " " + error->getValue<std::string>("error") + ": " +
           error->getValue<std::string>("detail");
  } catch (const Poco::Exception&) {  // somebody else's page
    return out + " to GET /events, which podring does not";
  }
}

}  // namespace

/// Thrown within read() alone, with the sentence.
struct Stream::Failed {
  std::string why;
};

Stream::Stream(HttpUrl server)
    : server_{std::move(server)}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (wake_.get() < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
}

void Stream::stop() {
  const std::lock_guard lock{mutex_};
  stopped_ = true;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

bool Stream::stopped() const {
  const std::lock_guard lock{mutex_};
  return stopped_;
}

/// Lets stop() end what waits for `socket`, as long as it is open.
class Stream::Stoppable {
 public:
  Stoppable(Stream& stream, int socket) : stream_{stream} {
    const std::lock_guard lock{stream_.mutex_};
    stream_.socket_ = socket;
    if (stream_.stopped_) ::shutdown(socket, SHUT_RDWR);
  }
  ~Stoppable() {
    const std::lock_guard lock{stream_.mutex_};
    stream_.socket_ = -1;
  }
  Stoppable(const Stoppable&) = delete;
  Stoppable& operator=(const Stoppable&) = delete;

 private:
  Stream& stream_;
};

void Stream::connect(Poco::Net::StreamSocket& socket) {
  socket.connectNB(Poco::Net::SocketAddress{server_.host, server_.port});
  std::array<pollfd, 2> waited{{{socket.impl()->sockfd(), POLLOUT, 0}, {wake_.get(), POLLIN, 0}}};
  if (::poll(waited.data(), waited.size(), kConnectMs) == 0) {
    throw Failed{"it takes no connection within " + std::to_string(kConnectMs / 1000) + " s"};
  }
  if (const int error = socket.impl()->socketError(); error != 0) {
    throw Failed{std::generic_category().message(error)};
  }
  socket.setBlocking(true);
  socket.setReceiveTimeout(Poco::Timespan{kSilentS, 0});
}

std::string Stream::read_events(const Take& take) {
  Poco::Net::StreamSocket socket;
  connect(socket);
  Poco::Net::HTTPClientSession session{socket};
  const Stoppable stoppable{*this, socket.impl()->sockfd()};
  Poco::Net::HTTPRequest request{"GET", server_.path + kQuery, Poco::Net::HTTPRequest::HTTP_1_1};
  request.setHost(server_.host, server_.port);
  session.sendRequest(request);
  Poco::Net::HTTPResponse response;
  std::istream& in = session.receiveResponse(response);
  if (response.getStatus() != Poco::Net::HTTPResponse::HTTP_OK) {
    return refusal(response.getStatus(), in);
  }
  if (!response.getContentType().starts_with("text/event-stream")) {
    return "what answers there is not podring's front end";
  }
  EventText text;
  std::string block(kBlock, '\0');
  std::streambuf& bytes = *in.rdbuf();
  while (bytes.sgetc() != std::char_traits<char>::eof()) {  // waits for the first byte
    const auto size =
        bytes.sgetn(block.data(), std::min<std::streamsize>(kBlock, bytes.in_avail()));
    for (const SentEvent& event :
         text.take(std::string_view{block}.substr(0, static_cast<std::size_t>(size)))) {
      if (!take(event)) return {};
    }
    if (text.too_long()) return "it sent an event that is longer than any of podring's";
  }
  return "the connection was closed";
}

std::string Stream::read(const Take& take) {
  std::string why;
  try {
    why = read_events(take);
  } catch (const Failed& failed) {
    why = failed.why;
  } catch (const Poco::Net::HostNotFoundException&) {
    why = "the name " + server_.host + " has no address";
  } catch (const Poco::TimeoutException&) {
    why = "it said nothing for " + std::to_string(kSilentS) + " s";
  } catch (const Poco::Exception& error) {
    why = error.displayText();
  }
  return stopped() ? std::string{} : terminal::printable(why);
}

std::string to_string(const HttpUrl& url) {
  const bool bare = url.host.find(':') != std::string::npos;  // of IPv6
  return "http://" + (bare ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port) +
         url.path;
}

}  // namespace podring::top
