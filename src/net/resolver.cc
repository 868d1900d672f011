// See resolver_reply.cc for why the calls that newer c-ares deprecates are used.
#define CARES_NO_DEPRECATED
#include "net/resolver.h"

#include <ares.h>
#include <ares_nameser.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <unordered_set>
#include <utility>

#include "core/check.h"
#include "net/resolver_reply.h"

namespace podring {
namespace {

constexpr int kEdnsBytes = 1232;  // of a UDP answer; larger ones risk fragments (DNS flag day 2020)
constexpr Duration kPauseMin = std::chrono::milliseconds{100};  // after a query that took too long

void start_library() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);  // once; needs no end on Linux
  PODRING_CHECK(status == ARES_SUCCESS);
}

std::string server_text(const DnsServer& server) {
  const std::string address = to_string(server.address);
  return (server.address.is_v4() ? address : "[" + address + "]") + ":" +
         std::to_string(server.port);
}

}  // namespace

/// Servers that a question may go to; those of resolv.conf when none is configured.
std::size_t count_servers(const ResolverSettings& settings) {
  if (settings.dns_server) return 1;
  ares_channel channel = nullptr;
  if (ares_init(&channel) != ARES_SUCCESS) return 1;
  ares_addr_node* servers = nullptr;
  std::size_t count = 0;
  if (ares_get_servers(channel, &servers) == ARES_SUCCESS) {
    for (const ares_addr_node* server = servers; server != nullptr; server = server->next) ++count;
    ares_free_data(servers);
  }
  ares_destroy(channel);
  return count;
}

/// Never destroyed from within a callback of its own channel: c-ares does not allow that.
class Resolver::Try {
 public:
  Try(Loop& loop, const ResolverSettings& settings, bool by_tcp)
      : loop_{loop}, settings_{settings}, by_tcp_{by_tcp} {
    start_library();
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
    if (by_tcp) options.flags |= ARES_FLAG_USEVC;
    // c-ares 1.18 turns SERVFAIL and REFUSED into "could not contact" when it goes to the next
    // server after them. With one server there is no next one, and the reason can be told.
    if (count_servers(settings) == 1) options.flags |= ARES_FLAG_NOCHECKRESP;
    options.ednspsz = kEdnsBytes;
    options.timeout = static_cast<int>(
        std::chrono::duration_cast<std::chrono::milliseconds>(settings.try_timeout).count());
    options.tries = 1;
    char lookups[] = "b";  // the name service only, no hosts file
    options.lookups = lookups;
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = this;
    int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
#if ARES_VERSION >= 0x011f00  // 1.31 caches answers for an hour unless told not to
    options.qcache_max_ttl = 0;
    mask |= ARES_OPT_QUERY_CACHE;
#endif
    int status = ares_init_options(&channel_, &options, mask);
    if (status == ARES_SUCCESS && settings.dns_server) {
      status = ares_set_servers_ports_csv(channel_, server_text(*settings.dns_server).c_str());
    }
    if (status != ARES_SUCCESS) {
      answer_ = read_reply(status, {}, settings_);
      return;
    }
    ares_set_socket_callback(channel_, on_socket_created, this);
    ares_query(channel_, absolute_name(settings).c_str(), ns_c_in, settings.v4 ? ns_t_a : ns_t_aaaa,
               on_reply, this);
  }
  ~Try() {
    ending_ = true;
    if (channel_ != nullptr) ares_destroy(channel_);
    for (const int fd : watched_) loop_.unwatch(fd);
  }
  Try(const Try&) = delete;
  Try& operator=(const Try&) = delete;

  void handle_timeouts() {
    if (!answer_) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }
  /// From now until c-ares wants to look at its time-outs.
  [[nodiscard]] Duration time_left() const {
    timeval room{};
    const timeval* const next = answer_ ? nullptr : ares_timeout(channel_, nullptr, &room);
    if (next == nullptr) return Duration::zero();
    return std::chrono::seconds{next->tv_sec} + std::chrono::microseconds{next->tv_usec};
  }
  [[nodiscard]] bool done() const { return answer_.has_value(); }
  [[nodiscard]] bool timed_out() const { return timed_out_; }
  [[nodiscard]] bool no_contact() const { return no_contact_; }
  [[nodiscard]] bool by_tcp() const { return by_tcp_; }
  [[nodiscard]] bool used_tcp() const { return used_tcp_; }
  [[nodiscard]] NameAnswer take_answer() { return std::move(*answer_); }

 private:
  static std::string absolute_name(const ResolverSettings& settings) {
    return settings.name.ends_with('.') ? settings.name : settings.name + ".";
  }

  static void on_reply(void* self, int status, int /*timeouts*/, unsigned char* reply, int bytes) {
    auto& own = *static_cast<Try*>(self);
    if (own.ending_) return;
    own.timed_out_ = status == ARES_ETIMEOUT;
    own.no_contact_ = own.timed_out_ || status == ARES_ECONNREFUSED;
    own.answer_ = read_reply(
        status, {reply, reply == nullptr ? 0 : static_cast<std::size_t>(std::max(bytes, 0))},
        own.settings_);
    own.answer_->by_tcp = own.used_tcp_;
    if (status != ARES_SUCCESS && !own.watch_error_.empty()) own.answer_->detail = own.watch_error_;
  }

  static int on_socket_created(ares_socket_t /*fd*/, int type, void* self) {
    if (type == SOCK_STREAM) static_cast<Try*>(self)->used_tcp_ = true;
    return 0;
  }

  static void on_socket_state(void* self, ares_socket_t fd, int readable, int writable) {
    auto& own = *static_cast<Try*>(self);
    if (readable == 0 && writable == 0) {
      own.watched_.erase(fd);
      own.loop_.unwatch(fd);
      return;
    }
    const std::uint32_t events = (readable != 0 ? static_cast<std::uint32_t>(EPOLLIN) : 0U) |
                                 (writable != 0 ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    try {  // C code is above: nothing may be thrown through it
      own.loop_.watch(fd, events, [&own, fd](std::uint32_t ready) { own.on_ready(fd, ready); });
      own.watched_.insert(fd);
    } catch (const std::exception& error) {
      own.watch_error_ = error.what();  // the try ends with its time-out
    }
  }

  void on_ready(int fd, std::uint32_t events) {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    ares_process_fd(channel_, broken || (events & EPOLLIN) != 0 ? fd : ARES_SOCKET_BAD,
                    broken || (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
  }

  Loop& loop_;
  const ResolverSettings& settings_;
  ares_channel channel_ = nullptr;
  std::unordered_set<int> watched_;
  std::optional<NameAnswer> answer_;
  std::string watch_error_;
  bool by_tcp_;
  bool used_tcp_ = false;
  bool timed_out_ = false;
  bool no_contact_ = false;
  bool ending_ = false;
};

Resolver::Resolver(Loop& loop, ResolverSettings settings, std::uint64_t jitter_seed)
    : loop_{loop}, settings_{std::move(settings)}, random_{jitter_seed} {
  PODRING_CHECK(settings_.tries >= 1);
}

Resolver::~Resolver() = default;

void Resolver::on_tick(TimePoint now) {
  if (try_ != nullptr && !try_->done() && now >= try_deadline_) try_->handle_timeouts();
  if (try_ != nullptr && try_->done()) end_try(now);
  if (try_ == nullptr && now >= next_query_) begin_query(now);
  if (try_ != nullptr) try_deadline_ = now + try_->time_left();
}

std::optional<NameAnswer> Resolver::take() { return std::exchange(fresh_, std::nullopt); }

TimePoint Resolver::next_deadline() const {
  if (fresh_) return TimePoint::min();
  return try_ != nullptr ? try_deadline_ : next_query_;
}

std::optional<Address> Resolver::pick_address() {
  if (!known_ || known_->addresses.empty()) return std::nullopt;
  return known_->addresses[random_.below(known_->addresses.size())];
}

void Resolver::begin_query(TimePoint now) {
  ++counters_.queries;
  tries_begun_ = 0;
  cut_by_udp_ = false;
  // Jitter, so that the pods of a ring that started together do not ask together for ever.
  const auto jitter = static_cast<std::uint64_t>((settings_.poll / 10).count());
  next_query_ = now + settings_.poll + Duration{random_.below(jitter + 1)};
  begin_try(now);
}

void Resolver::begin_try(TimePoint now) {
  ++tries_begun_;
  const bool last = tries_begun_ == settings_.tries && settings_.tries > 1;
  try_ = std::make_unique<Try>(loop_, settings_, last || settings_.by_tcp);
  try_deadline_ = now + try_->time_left();
}

void Resolver::end_try(TimePoint now) {
  const std::unique_ptr<Try> ended = std::move(try_);
  if (ended->used_tcp()) ++counters_.by_tcp;
  if (ended->used_tcp() && !ended->by_tcp()) cut_by_udp_ = true;
  NameAnswer answer = ended->take_answer();
  if (ended->timed_out()) {
    ++counters_.timeouts;
    if (tries_begun_ < settings_.tries) {
      begin_try(now);
      return;
    }
  }
  if (ended->no_contact()) answer.detail = explain(*ended, answer.detail);
  finish(now, std::move(answer));
}

std::string Resolver::explain(const Try& ended, const std::string& detail) const {
  if (cut_by_udp_) {
    return "the answer is too large for UDP and the name server takes no TCP (allow TCP to its "
           "port): " +
           detail;
  }
  if (!ended.timed_out() && tries_begun_ == 1) return detail;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.try_timeout);
  const unsigned silent = ended.timed_out() ? tries_begun_ : tries_begun_ - 1;
  return "no answer in " + std::to_string(silent) + " tries of " + std::to_string(ms.count()) +
         " ms" + (ended.timed_out() ? "" : ", then by TCP: " + detail);
}

void Resolver::finish(TimePoint now, NameAnswer answer) {
  next_query_ = std::max(next_query_, now + kPauseMin);
  switch (answer.outcome) {
    case NameAnswer::Outcome::answer:
      ++counters_.answers;
      break;
    case NameAnswer::Outcome::empty:
      ++counters_.empty;
      break;
    case NameAnswer::Outcome::unknown:
      ++counters_.unknown;
      break;
  }
  if (answer.outcome != NameAnswer::Outcome::unknown) {
    known_ = answer;
    known_at_ = now;
  }
  last_ = answer;
  fresh_ = std::move(answer);
}

}  // namespace podring
