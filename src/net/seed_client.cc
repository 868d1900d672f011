#include "net/seed_client.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "net/zmq_gate.h"
#include "net/zmq_guard.h"
#include "net/zmq_tools.h"
#include "net/zmtp_stream.h"

namespace podring {
namespace {

constexpr auto kHelloAgainAfter = std::chrono::milliseconds{200};
constexpr int kConnectTimeoutMs = 1000;
constexpr int kHandshakeMs = 2000;
constexpr auto kNever = TimePoint::max();

constexpr int kEvents = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                        ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED |
                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

std::string endpoint(Address address, std::uint16_t port) {
  const std::string host =
      address.is_v4() ? podring::to_string(address) : "[" + podring::to_string(address) + "]";
  return host + ":" + std::to_string(port);
}

}  // namespace

SeedClient::SeedClient(zmq::context_t& context, SeedClientOptions options, BootId boot)
    : context_{context},
      options_{std::move(options)},
      keys_{options_.keys.begin(), options_.keys.end()},
      boot_{boot} {}

SeedClient::~SeedClient() { close(); }

void SeedClient::start(TimePoint now, Address peer, std::uint16_t port) {
  stop();
  peer_ = peer;
  port_ = port;
  reason_.clear();
  hello_refused_.reset();
  remote_ = {};
  remote_version_max_ = 0;
  leaving_ = reached_ = turned_away_ = connected_ = broken_ = false;
  answer_until_ = now + options_.answer_timeout;
  state_ = State::connecting;
  keys_tried_ = 0;
  open();
}

void SeedClient::open() {
  ++keys_tried_;
  ++sockets_made_;
  try {
    make_sockets();
  } catch (const zmq::error_t& error) {
    close();
    fail(std::string{"no socket to "} + endpoint(peer_, port_) + ": " + error.what());
  }
}

/// The peer took the connection, but not the key.
bool SeedClient::open_with_next_key() {
  if (connected_ || !reached_ || keys_tried_ >= keys_.size()) return false;
  close();
  key_ = (key_ + 1) % keys_.size();
  reached_ = turned_away_ = broken_ = false;
  open();
  return state_ != State::failed;
}

void SeedClient::make_sockets() {
  dealer_ = zmq::socket_t{context_, zmq::socket_type::dealer};
  // With a ZAP domain libzmq refuses what looks like ZMTP 1 or 2; else it takes whatever a stranger
  // sends for messages. Without a handler in the context everybody is let through.
  dealer_.set(zmq::sockopt::zap_domain, ZmqGate::kOutgoing);
  if (!keys_.empty()) keys_[key_].dial_with(dealer_);
  dealer_.set(zmq::sockopt::linger, 0);
  dealer_.set(zmq::sockopt::immediate, true);
  dealer_.set(zmq::sockopt::reconnect_ivl, -1);  // a broken connection is the owner's to know of
  dealer_.set(zmq::sockopt::connect_timeout, kConnectTimeoutMs);
  dealer_.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  dealer_.set(zmq::sockopt::maxmsgsize,
              static_cast<std::int64_t>(kFrameBytesMax + ZmtpStream::kCurveBytes));
  if (!peer_.is_v4()) dealer_.set(zmq::sockopt::ipv6, 1);
  // libzmq frees a name some time after its socket is closed, so none is used twice.
  static std::atomic<std::uint64_t> opened{0};
  monitor_ =
      monitor_of(context_, dealer_, "inproc://podring-seed-" + std::to_string(++opened), kEvents);
  dealer_.connect("tcp://" + endpoint(peer_, port_));
}

void SeedClient::close() {
  if (dealer_.handle() != nullptr) zmq_socket_monitor(dealer_.handle(), nullptr, 0);
  monitor_.close();
  dealer_.close();
}

void SeedClient::stop() {
  close();
  state_ = State::idle;
  waiting_.clear();
  unsent_.clear();
}

std::uint64_t SeedClient::seed(SeedFrame seed) {
  const std::uint64_t request = next_request_++;
  seed.request = request;
  Waiting waiting;
  waiting.left = seed.count;
  waiting.seed = std::move(seed);
  if (state_ == State::failed || state_ == State::idle) {
    lose(request, waiting, reason_);
    return request;
  }
  waiting_.emplace(request, std::move(waiting));
  unsent_.push_back(request);
  return request;
}

std::array<int, 2> SeedClient::fds() const {
  if (dealer_.handle() == nullptr) return {-1, -1};
  return {dealer_.get(zmq::sockopt::fd), monitor_.get(zmq::sockopt::fd)};
}

TimePoint SeedClient::next_deadline() const {
  switch (state_) {
    case State::connecting:
      return answer_until_;
    case State::greeting:
      return std::min(answer_until_, hello_at_);
    case State::greeted:
      return std::min(ping_at_, last_heard_ + options_.silent_after);
    case State::idle:
    case State::failed:
      break;
  }
  return kNever;
}

const std::vector<SeedNews>& SeedClient::on_ready(TimePoint now) {
  // Sending may uncover what has arrived, and then no descriptor tells of it.
  bool more = state_ != State::failed && state_ != State::idle;
  while (more) {
    read_events();
    if (connected_ && state_ == State::connecting) say_hello(now);
    read_frames(now);
    if (broken_ && state_ != State::failed && !open_with_next_key()) {
      const std::string where = endpoint(peer_, port_);
      fail(connected_     ? "the connection to " + where + " broke"
           : turned_away_ ? where + " has no room for another connection"
           : reached_     ? "what listens at " + where + " is no podring's ring port, or has " +
                            (keys_.empty() ? "a ring key" : "another ring key")
                      : "nobody takes a connection at " + where);
    }
    if (state_ != State::failed) keep_time(now);
    if (state_ == State::greeted) send_seeds();
    more = state_ != State::failed && (readable(monitor_) || readable(dealer_));
  }
  if (state_ == State::failed && dealer_.handle() != nullptr) close();
  told_.clear();
  std::swap(told_, news_);
  return told_;
}

void SeedClient::read_events() {
  while (receive_part(monitor_, part_)) {
    const std::optional<MonitorEvent> event = monitor_event(monitor_, part_);
    if (!event) continue;
    if (event->event == ZMQ_EVENT_CONNECTED) {
      reached_ = true;
    } else if (event->event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      connected_ = true;
      (void)readable(dealer_);  // takes over the new connection, so that hello can be sent
    } else {
      broken_ = true;
      if (event->event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) turned_away_ = true;
    }
  }
}

void SeedClient::read_frames(TimePoint now) {
  while (state_ != State::failed && receive_part(dealer_, part_)) {
    const int fd = zmq_msg_get(part_.handle(), ZMQ_SRCFD);
    zmq_guard::note_read(fd, 1, part_.size());
    if (!part_.more()) {
      on_frame(now, part_.to_string_view());
      continue;
    }
    while (part_.more() && receive_part(dealer_, part_)) {
      zmq_guard::note_read(fd, 1, part_.size());
    }
  }
}

void SeedClient::on_frame(TimePoint now, ByteView bytes) {
  if (!read_frame(bytes, frame_) || frame_.session != session_) return;
  last_heard_ = now;
  if (frame_.type == FrameType::hello) return on_hello_answer(now, frame_.hello);
  if (frame_.type == FrameType::refuse) return on_refuse(now, frame_.refuse);
  if (state_ != State::greeted || frame_.version != version_) return;
  if (frame_.type == FrameType::seeded) on_seeded(frame_.seeded);
  if (frame_.type == FrameType::leaving) leaving_ = true;
}

void SeedClient::on_hello_answer(TimePoint now, const HelloFrame& answer) {
  if (state_ != State::greeting || !answer.answer) return;
  remote_version_max_ = answer.version_max;
  version_ = std::min<std::uint8_t>(answer.version_max, 1);
  if (answer.ring != options_.ring) {
    hello_refused_ = RefuseCode::wrong_ring;
    return fail(endpoint(peer_, port_) + " answers for the ring '" + answer.ring + "'");
  }
  if (version_ < answer.version_min) {
    hello_refused_ = RefuseCode::no_common_version;
    return fail(endpoint(peer_, port_) + " speaks no protocol version of this client");
  }
  if (answer.identity.address != peer_) {
    hello_refused_ = RefuseCode::wrong_address;
    return fail(endpoint(peer_, port_) + " answers as " +
                podring::to_string(answer.identity.address));
  }
  state_ = State::greeted;
  remote_ = answer.identity;
  leaving_ = answer.leaving;
  ping_at_ = now + options_.ping_every;
}

void SeedClient::on_refuse(TimePoint now, const RefuseFrame& refusal) {
  if (state_ == State::greeting) {
    if (refusal.code == RefuseCode::no_session) return;  // of what was sent before this hello
    hello_refused_ = refusal.code;
    return fail(endpoint(peer_, port_) + " refuses: " + refusal.reason);
  }
  if (state_ != State::greeted) return;
  if (refusal.code == RefuseCode::no_session) return on_no_session(now);
  const auto found = waiting_.find(refusal.request);
  if (found == waiting_.end() || found->second.accepted || !found->second.sent) return;
  waiting_.erase(found);
  SeedNews news;
  news.what = SeedNews::What::refused;
  news.request = refusal.request;
  news.code = refusal.code;
  news.reason = refusal.reason;
  news_.push_back(std::move(news));
}

/// The peer dropped the session, so it took nothing that it had not answered before, and tells
/// nothing more of what it took.
void SeedClient::on_no_session(TimePoint now) {
  unsent_.clear();
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    auto& [request, waiting] = *entry;
    if (waiting.accepted) {
      lose(request, waiting, "the peer dropped the session, and will not tell");
      entry = waiting_.erase(entry);
      continue;
    }
    waiting.sent = false;
    unsent_.push_back(request);
    ++entry;
  }
  answer_until_ = now + options_.answer_timeout;
  say_hello(now);
}

void SeedClient::on_seeded(const SeededFrame& seeded) {
  const auto found = waiting_.find(seeded.request);
  if (found == waiting_.end()) return;
  Waiting& waiting = found->second;
  SeedNews news;
  news.request = seeded.request;
  news.stage = seeded.stage;
  news.first = seeded.first;
  news.count = std::min(seeded.count, waiting.seed.count);
  news.trace_omitted = seeded.trace_omitted;
  news.trace = seeded.trace;
  waiting.accepted = true;
  // A leaving peer tells no `accepted`: the later stage stands for it.
  if (seeded.stage >= waiting.seed.wait) waiting.left -= std::min(news.count, waiting.left);
  if (waiting.left == 0) waiting_.erase(found);
  news_.push_back(std::move(news));
}

void SeedClient::keep_time(TimePoint now) {
  if (state_ == State::connecting || state_ == State::greeting) {
    if (now >= answer_until_) {
      fail(endpoint(peer_, port_) +
           (connected_ ? " takes connections but does not answer hello" : " does not answer"));
    } else if (state_ == State::greeting && now >= hello_at_) {
      say_hello(now);
    }
    return;
  }
  if (now - last_heard_ >= options_.silent_after) {
    return fail(endpoint(peer_, port_) + " has fallen silent");
  }
  if (now < ping_at_) return;
  ping_at_ = now + options_.ping_every;
  (void)send(write_frame({version_, session_}, PingFrame{next_token_++, 0, {}}));
}

void SeedClient::say_hello(TimePoint now) {
  if (state_ != State::greeting) ++session_;
  state_ = State::greeting;
  HelloFrame hello;
  hello.role = Role::client;
  hello.ring = options_.ring;
  hello.identity = {options_.name, {}, {}, Address::v4(0), boot_};
  hello.dialled = peer_;
  hello_at_ = now + kHelloAgainAfter;
  (void)send(write_frame({1, session_}, hello));
}

void SeedClient::send_seeds() {
  while (!unsent_.empty()) {
    const auto found = waiting_.find(unsent_.front());
    if (found != waiting_.end()) {
      if (!send(write_frame({version_, session_}, found->second.seed))) return;
      found->second.sent = true;
    }
    unsent_.pop_front();
  }
}

/// False: not now. The descriptor tells when there is room again.
bool SeedClient::send(const Bytes& frame) {
  return zmq_send(dealer_.handle(), frame.data(), frame.size(), ZMQ_DONTWAIT) >= 0;
}

void SeedClient::fail(std::string reason) {
  state_ = State::failed;
  reason_ = std::move(reason);
  for (const auto& [request, waiting] : waiting_) lose(request, waiting, reason_);
  waiting_.clear();
  unsent_.clear();
}

void SeedClient::lose(std::uint64_t request, const Waiting& waiting, const std::string& reason) {
  SeedNews news;
  news.what = SeedNews::What::lost;
  news.request = request;
  news.count = waiting.left;
  news.reason = reason;
  news.taken = waiting.accepted ? SeedNews::Taken::yes
               : waiting.sent   ? SeedNews::Taken::unknown
                                : SeedNews::Taken::no;
  news_.push_back(std::move(news));
}

}  // namespace podring
