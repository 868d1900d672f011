// One of a ring made of the kernel's UDP alone: what comes in goes out, with nothing known of
// rings, acks or losses. What podring's datagrams are measured against; bench_ring starts it.
//
//   bench_bare_udp FROM-ADDRESS TO-ADDRESS PORT MESSAGES BYTES plain|segments
//
// puts MESSAGES of BYTES into the ring, each a datagram, which then go round for ever. `segments`:
// many of them pass the kernel as one (UDP_SEGMENT, UDP_GRO). SIGUSR1 prints the hops since the
// last one and how long they took, as HopTimes writes it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/bare_report.h"

namespace {

using podring::bench::BareReport;
using podring::bench::now_micros;

constexpr std::size_t kAtOnce = 64;  // buffers read, or datagrams sent, with one system call
constexpr std::size_t kBufferBytes = 65536;  // what the kernel joins is no larger
constexpr std::size_t kSegmentsMax = 64;     // the kernel's bound on what it takes apart
constexpr std::size_t kSegmentedMax = 65000;
constexpr int kSocketBytes = 4 * 1024 * 1024;  // as podring asks for
constexpr int kSilentMs = 100;

sockaddr_in endpoint(const char* address, const char* port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(std::stoul(port)));
  if (::inet_pton(AF_INET, address, &at.sin_addr) != 1) throw std::runtime_error{address};
  return at;
}

/// Room for a control message with one int.
struct SizeControl {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

class BareUdpPeer {
 public:
  BareUdpPeer(const sockaddr_in& from, const sockaddr_in& to, std::size_t messages,
              std::size_t bytes, bool segments)
      : share_{messages},
        segments_{segments},
        message_(bytes, 'x'),
        buffers_(kAtOnce * kBufferBytes) {
    for (const int fd : {in_, out_}) {
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBytes, sizeof kSocketBytes);
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes);
    }
    const timeval silent{0, kSilentMs * 1000};
    ::setsockopt(in_, SOL_SOCKET, SO_RCVTIMEO, &silent, sizeof silent);
    const int on = 1;
    if (::bind(in_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        ::connect(out_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
        (segments && ::setsockopt(in_, SOL_UDP, UDP_GRO, &on, sizeof on) != 0)) {
      throw std::runtime_error{std::string{"bench_bare_udp: "} + std::strerror(errno)};
    }
    for (std::size_t i = 0; i < kAtOnce; ++i)
      in_parts_[i] = {&buffers_[i * kBufferBytes], kBufferBytes};
  }

  [[noreturn]] void run() {
    report_.say_ready();
    put_in();
    while (true) {
      for (std::size_t i = 0; i < kAtOnce; ++i) {
        in_heads_[i].msg_hdr = {};
        in_heads_[i].msg_hdr.msg_iov = &in_parts_[i];
        in_heads_[i].msg_hdr.msg_iovlen = 1;
        in_heads_[i].msg_hdr.msg_control = in_sizes_[i].bytes.data();
        in_heads_[i].msg_hdr.msg_controllen = in_sizes_[i].bytes.size();
      }
      const int count = ::recvmmsg(in_, in_heads_.data(), kAtOnce, MSG_WAITFORONE, nullptr);
      if (count > 0) {
        hand_on(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        put_in();  // what a full buffer did not take is lost, and may have been everything
      }
      report_.if_asked();
    }
  }

 private:
  void put_in() {
    for (std::size_t i = 0; i < share_; ++i) add(message_.data(), now_micros());
    send();
  }

  void hand_on(std::size_t count) {
    const std::int64_t now = now_micros();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t bytes = in_heads_[i].msg_len;
      for (std::size_t at = 0; at + message_.size() <= bytes; at += message_.size()) {
        char* message = &buffers_[i * kBufferBytes + at];
        std::int64_t sent = 0;
        std::memcpy(&sent, message, sizeof sent);
        report_.add(now - sent);
        add(message, now);
      }
    }
    send();
  }

  void add(char* message, std::int64_t now) {
    std::memcpy(message, &now, sizeof now);
    out_parts_.push_back({message, message_.size()});
  }

  void send() {
    const std::size_t most =
        segments_ ? std::clamp<std::size_t>(kSegmentedMax / message_.size(), 1, kSegmentsMax) : 1;
    for (std::size_t at = 0; at < out_parts_.size();) {
      std::size_t heads = 0;
      for (; heads < kAtOnce && at < out_parts_.size(); ++heads) {
        msghdr& head = out_heads_[heads].msg_hdr;
        head = {};
        head.msg_iov = &out_parts_[at];
        head.msg_iovlen = std::min(most, out_parts_.size() - at);
        at += head.msg_iovlen;
        if (head.msg_iovlen > 1) tell_size(head);
      }
      // What fails is lost: nobody listens yet.
      for (std::size_t done = 0; done < heads;) {
        const int count =
            ::sendmmsg(out_, &out_heads_[done], static_cast<unsigned>(heads - done), 0);
        if (count < 0 && errno == EINTR) continue;
        done += count > 0 ? static_cast<std::size_t>(count) : 1;
      }
    }
    out_parts_.clear();
  }

  void tell_size(msghdr& head) {
    head.msg_control = out_size_.bytes.data();
    head.msg_controllen = CMSG_SPACE(sizeof(std::uint16_t));
    cmsghdr* control = CMSG_FIRSTHDR(&head);
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto size = static_cast<std::uint16_t>(message_.size());
    std::memcpy(CMSG_DATA(control), &size, sizeof size);
  }

  int in_ = ::socket(AF_INET, SOCK_DGRAM, 0);
  int out_ = ::socket(AF_INET, SOCK_DGRAM, 0);
  std::size_t share_;
  bool segments_;
  std::string message_;
  std::vector<char> buffers_;
  std::array<iovec, kAtOnce> in_parts_{};
  std::array<mmsghdr, kAtOnce> in_heads_{};
  std::array<SizeControl, kAtOnce> in_sizes_{};
  std::vector<iovec> out_parts_;
  std::array<mmsghdr, kAtOnce> out_heads_{};
  SizeControl out_size_{};
  BareReport report_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "bench_bare_udp is started by bench_ring\n");
    return 2;
  }
  BareUdpPeer peer{endpoint(argv[1], argv[3]), endpoint(argv[2], argv[3]), std::stoul(argv[4]),
                   std::stoul(argv[5]), std::string{argv[6]} == "segments"};
  peer.run();
}
