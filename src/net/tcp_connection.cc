#include "net/tcp_connection.h"

#include <linux/tcp.h>
#include <netinet/in.h>

#include <cstring>

#include "net/socket_address.h"

namespace podring {

std::optional<TcpConnection::Ends> TcpConnection::ends_of(int fd) {
  Ends ends;
  socklen_t local_size = sizeof ends.local;
  socklen_t remote_size = sizeof ends.remote;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&ends.local), &local_size) != 0 ||
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&ends.remote), &remote_size) != 0)
    return std::nullopt;
  return ends;
}

std::optional<TcpConnection> TcpConnection::of(int fd) {
  const auto ends = ends_of(fd);
  if (!ends) return std::nullopt;
  TcpConnection connection;
  connection.fd_ = fd;
  connection.ends_ = *ends;
  return connection;
}

std::optional<TcpFigures> TcpConnection::look() const {
  tcp_info info{};  // an older kernel fills less of it
  socklen_t size = sizeof info;
  if (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  // Afterwards: if these are the ends still, it was this connection that was read.
  const auto ends = ends_of(fd_);
  if (!ends || std::memcmp(&ends->local, &ends_.local, sizeof ends_.local) != 0 ||
      std::memcmp(&ends->remote, &ends_.remote, sizeof ends_.remote) != 0)
    return std::nullopt;
  return TcpFigures{info.tcpi_data_segs_out, info.tcpi_total_retrans, info.tcpi_snd_mss,
                    info.tcpi_bytes_received};
}

void TcpConnection::cut() const {
  if (look()) ::shutdown(fd_, SHUT_RDWR);
}

Address TcpConnection::remote() const { return address_of(ends_.remote); }

}  // namespace podring
