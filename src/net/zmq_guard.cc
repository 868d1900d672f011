#include "net/zmq_guard.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <iterator>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "net/zmtp_stream.h"

namespace podring::zmq_guard {
namespace {

// As many descriptors as a podring process takes; a connection with a higher one is refused.
constexpr int kDescriptors = 65'536;

struct Connection {
  ZmtpStream stream;
  bool known = false;
  bool cut = false;
  std::uint64_t read = 0;  ///< by the loop, of stream.cost()

  [[nodiscard]] std::uint64_t unread() const {
    return stream.cost() - std::min(read, stream.cost());
  }
};

/// Where libzmq's code lies in memory.
struct Code {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

Code find_libzmq() {
  Code code;
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* found) {
        if (std::string_view{object->dlpi_name}.find("/libzmq.so") == std::string_view::npos)
          return 0;
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& part = object->dlpi_phdr[i];
          if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
          const std::uintptr_t begin = object->dlpi_addr + part.p_vaddr;
          *static_cast<Code*>(found) = {begin, begin + part.p_memsz};
        }
        return 1;
      },
      &code);
  return code;
}

bool is_libzmq(const void* caller) {
  static const Code code = find_libzmq();
  const auto at = reinterpret_cast<std::uintptr_t>(caller);
  return at >= code.begin && at < code.end;
}

class Guard {
 public:
  static Guard& instance() {
    static auto* const guard = new Guard;  // libzmq's threads may outlive static objects
    return *guard;
  }

  /// Cheap: most descriptors that are closed, sent to and received from are not libzmq's.
  [[nodiscard]] bool watches(int fd) const {
    return in_range(fd) && watched_[static_cast<std::size_t>(fd)].load(std::memory_order_acquire);
  }
  [[nodiscard]] bool listens(int fd) const {
    return in_range(fd) && listening_[static_cast<std::size_t>(fd)].load(std::memory_order_acquire);
  }
  void listen(int fd) {
    if (in_range(fd)) listening_[static_cast<std::size_t>(fd)] = true;
  }

  void set_limits(const Limits& limits) {
    const std::lock_guard lock{mutex_};
    limits_ = limits;
  }

  bool open(int fd, ZmtpStream::Side side) {
    if (!in_range(fd)) return false;
    const std::lock_guard lock{mutex_};
    const bool dialled = side == ZmtpStream::Side::dialled;
    Connection connection{.stream = ZmtpStream{side, limits_.frame_bytes}, .known = dialled};
    (dialled ? known_ : strangers_).connections += 1;
    connections_.insert_or_assign(fd, connection);
    watched_[static_cast<std::size_t>(fd)].store(true, std::memory_order_release);
    return true;
  }

  void close(int fd) {
    const std::lock_guard lock{mutex_};
    watched_[static_cast<std::size_t>(fd)].store(false, std::memory_order_release);
    listening_[static_cast<std::size_t>(fd)].store(false, std::memory_order_release);
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    Pool& pool = pool_of(found->second);
    pool.unread -= found->second.unread();
    --pool.connections;
    connections_.erase(found);
  }

  /// False: the connection is to be broken, and what came is not for libzmq.
  [[nodiscard]] bool feed(int fd, std::span<const unsigned char> bytes) {
    const std::lock_guard lock{mutex_};
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return true;
    Connection& connection = found->second;
    if (connection.cut) return false;
    std::uint64_t& sum = pool_of(connection).unread;
    sum -= connection.unread();
    const ZmtpFault fault = connection.stream.feed(bytes);
    sum += connection.unread();
    if (fault != ZmtpFault::none) {
      connection.cut = true;
      ++counters_.cut_malformed;
    } else if (holds_too_much(connection)) {
      connection.cut = true;
      ++counters_.cut_unread;
    }
    return !connection.cut;
  }

  void note_read(int fd, std::uint64_t frames, std::uint64_t bytes) {
    if (!watches(fd)) return;
    const std::lock_guard lock{mutex_};
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    std::uint64_t& sum = pool_of(connection).unread;
    sum -= connection.unread();
    const std::uint64_t each =
        ZmtpStream::kFrameCost + (connection.stream.curve() ? ZmtpStream::kCurveBytes : 0);
    connection.read = std::min(connection.read + bytes + frames * each, connection.stream.cost());
    sum += connection.unread();
  }

  void note_known(int fd) {
    if (!watches(fd)) return;
    const std::lock_guard lock{mutex_};
    const auto found = connections_.find(fd);
    if (found == connections_.end() || found->second.known) return;
    found->second.known = true;
    const std::uint64_t unread = found->second.unread();
    --strangers_.connections;
    strangers_.unread -= unread;
    ++known_.connections;
    known_.unread += unread;
  }

  [[nodiscard]] Counters counters() {
    const std::lock_guard lock{mutex_};
    Counters counters = counters_;
    counters.strangers_unread = strangers_.unread;
    counters.unread = known_.unread;
    return counters;
  }

 private:
  static bool in_range(int fd) { return fd >= 0 && fd < kDescriptors; }
  /// Strangers, or the others.
  struct Pool {
    std::uint64_t connections = 0;
    std::uint64_t unread = 0;

    /// Only those who have more than a fair share are cut for what all have.
    [[nodiscard]] bool exceeds(std::uint64_t all, std::uint64_t one) const {
      return unread > all && one > all / std::max<std::uint64_t>(connections, 1);
    }
  };
  Pool& pool_of(const Connection& connection) { return connection.known ? known_ : strangers_; }

  [[nodiscard]] bool holds_too_much(const Connection& connection) const {
    const std::uint64_t unread = connection.unread();
    if (connection.known) {
      return unread > limits_.unread || known_.exceeds(limits_.all_unread, unread);
    }
    return connection.stream.unended_cost() > limits_.stranger_unended ||
           unread > limits_.stranger_unread || strangers_.exceeds(limits_.strangers_unread, unread);
  }

  std::atomic<bool> watched_[kDescriptors] = {};
  std::atomic<bool> listening_[kDescriptors] = {};
  std::mutex mutex_;  // of all below
  Limits limits_;
  std::unordered_map<int, Connection> connections_;
  Pool strangers_;
  Pool known_;
  Counters counters_;
};

/// libc's own function, or the one that a sanitizer has put in its place.
template <typename Function>
Function* next(const char* name, std::atomic<Function*>& cached) {
  Function* function = cached.load(std::memory_order_relaxed);
  if (function == nullptr) {
    function = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
    cached.store(function, std::memory_order_relaxed);
  }
  return function;
}

/// What libzmq takes for the other side's fault.
int tame_connect_error(int error) {
  switch (error) {
    case 0:
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EINTR:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
      return error;
    default:
      return ECONNREFUSED;
  }
}

bool is_not_yet(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

bool works() {
  if (find_libzmq().end == 0) return false;
  // What the dynamic linker finds first must be this program's, not libc's.
  constexpr const char* kOurs[] = {"accept4", "connect", "getsockopt", "recv", "send", "close"};
  return std::all_of(std::begin(kOurs), std::end(kOurs), [](const char* name) {
    return ::dlsym(RTLD_DEFAULT, name) != ::dlsym(RTLD_NEXT, name);
  });
}
void set_limits(const Limits& limits) { Guard::instance().set_limits(limits); }
void watch_listener(int fd) { Guard::instance().listen(fd); }
bool watches(int fd) { return Guard::instance().watches(fd); }
void note_read(int fd, std::uint64_t frames, std::uint64_t bytes) {
  Guard::instance().note_read(fd, frames, bytes);
}
void note_known(int fd) { Guard::instance().note_known(fd); }
Counters counters() { return Guard::instance().counters(); }

}  // namespace podring::zmq_guard

// ---- what libzmq calls in place of libc's
// ------------------------------------------------------------

namespace guard = podring::zmq_guard;
using podring::ZmtpStream, guard::Guard;

extern "C" {

int accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  static std::atomic<decltype(accept4)*> cached;
  const int fd = guard::next("accept4", cached)(listener, address, size, flags);
  if (!Guard::instance().listens(listener)) return fd;
  if (fd >= 0) {
    if (Guard::instance().open(fd, ZmtpStream::Side::accepted)) return fd;
    ::close(fd);
    errno = ECONNABORTED;
  } else if (!guard::is_not_yet(errno) && errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
             errno != ENOBUFS) {
    errno = ECONNABORTED;  // the kernel hands errors of the new connection on
  }
  return -1;
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  static std::atomic<decltype(connect)*> cached;
  const bool guarded = guard::is_libzmq(__builtin_return_address(0)) &&
                       (address->sa_family == AF_INET || address->sa_family == AF_INET6);
  if (guarded && !Guard::instance().open(fd, ZmtpStream::Side::dialled)) {
    errno = ECONNREFUSED;
    return -1;
  }
  return guard::next("connect", cached)(fd, address, size);
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* size) noexcept {
  static std::atomic<decltype(getsockopt)*> cached;
  const int result = guard::next("getsockopt", cached)(fd, level, option, value, size);
  if (result == 0 && level == SOL_SOCKET && option == SO_ERROR && *size == sizeof(int) &&
      Guard::instance().watches(fd)) {
    auto* const error = static_cast<int*>(value);
    *error = guard::tame_connect_error(*error);
  }
  return result;
}

ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
  static std::atomic<decltype(recv)*> cached;
  const ssize_t count = guard::next("recv", cached)(fd, buffer, size, flags);
  if (!Guard::instance().watches(fd)) return count;
  if (count > 0 && !Guard::instance().feed(fd, {static_cast<unsigned char*>(buffer),
                                                static_cast<std::size_t>(count)})) {
    errno = ECONNRESET;
    return -1;
  }
  if (count < 0 && !guard::is_not_yet(errno)) errno = ECONNRESET;
  return count;
}

ssize_t send(int fd, const void* buffer, std::size_t size, int flags) {
  static std::atomic<decltype(send)*> cached;
  const ssize_t count = guard::next("send", cached)(fd, buffer, size, flags);
  if (count < 0 && !guard::is_not_yet(errno) && Guard::instance().watches(fd)) errno = ECONNRESET;
  return count;
}

int close(int fd) {
  static std::atomic<decltype(close)*> cached;
  if (Guard::instance().watches(fd) || Guard::instance().listens(fd)) Guard::instance().close(fd);
  return guard::next("close", cached)(fd);
}

}  // extern "C"
