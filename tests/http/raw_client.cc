#include "http/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace podring::http {

using namespace std::chrono_literals;

Address test_address() {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  return Address::v4(0x7f000001U | (1 + pid / 200 % 200) << 16 | (1 + pid % 200) << 8);
}

RawClient::RawClient(std::uint16_t port) : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(static_cast<std::uint32_t>(test_address().low));
  sockaddr generic{};
  static_assert(sizeof generic == sizeof to);
  std::memcpy(&generic, &to, sizeof to);
  if (::connect(fd_, &generic, sizeof generic) != 0) {
    ::close(fd_);
    throw std::runtime_error{"cannot connect to port " + std::to_string(port)};
  }
}

RawClient::~RawClient() { ::close(fd_); }

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void RawClient::finish_sending() { ::shutdown(fd_, SHUT_WR); }

void RawClient::limit_receive_buffer(int bytes) {
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

bool RawClient::read_some(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  pollfd entry{fd_, POLLIN, 0};
  if (left <= 0ms || ::poll(&entry, 1, static_cast<int>(left.count())) <= 0) {
    return false;
  }
  std::array<char, 16 * 1024> bytes;
  const auto count = ::recv(fd_, bytes.data(), bytes.size(), 0);
  closed_ = count <= 0;
  if (count > 0) {
    buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return count > 0;
}

std::string RawClient::read_all(std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  while (read_some(until)) {
  }
  return std::exchange(buffer_, {});
}

std::optional<std::string> RawClient::read_until(std::string_view mark,
                                                 std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  while (true) {
    if (const auto at = buffer_.find(mark); at != std::string::npos) {
      std::string text = buffer_.substr(0, at + mark.size());
      buffer_.erase(0, at + mark.size());
      return text;
    }
    if (!read_some(until)) {
      return std::nullopt;
    }
  }
}

std::optional<RawReply> parse_reply(std::string_view text) {
  constexpr std::string_view kStart = "HTTP/1.1 ";
  const auto blank = text.find("\r\n\r\n");
  if (!text.starts_with(kStart) || blank == std::string_view::npos) {
    return std::nullopt;
  }
  RawReply reply;
  const auto digits = text.substr(kStart.size(), 3);
  std::from_chars(digits.data(), digits.data() + digits.size(), reply.status);
  std::string_view lines = text.substr(0, blank + 2);
  for (lines.remove_prefix(lines.find("\r\n") + 2); !lines.empty();) {
    const auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) {
      return std::nullopt;
    }
    std::string name{line.substr(0, colon)};
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    reply.headers[name] = line.substr(colon + 2);
  }
  reply.body = text.substr(blank + 4);
  return reply;
}

RawReply ask(std::uint16_t port, std::string_view request) {
  RawClient client{port};
  client.send(request);
  return parse_reply(client.read_all(20s)).value_or(RawReply{});
}

RawReply get(std::uint16_t port, std::string_view path) {
  return ask(port, "GET " + std::string{path} + " HTTP/1.1\r\nHost: test\r\n\r\n");
}

RawReply post_json(std::uint16_t port, std::string_view body) {
  return ask(port,
             "POST /messages HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
             "Content-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + std::string{body});
}

}  // namespace podring::http
