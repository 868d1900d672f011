// The client's side of seeding over ZeroMQ: hello as a client, seed, and what becomes of it
// (proto-docs/wire-protocol.md sections 3, 7 and 8). For `inject` and for a pod's start-up seeds.
//
// Nothing here blocks or reads a clock: the owner's loop waits until one of fds() is readable or
// next_deadline() has come, and calls on_ready(), which returns the news since the last call.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "core/codec.h"
#include "core/types.h"
#include "net/curve_keys.h"

namespace podring {

struct SeedClientOptions {
  std::string ring = "podring";  ///< the peer refuses a client of another ring
  std::string name = "client";   ///< 1..253 bytes; the peer shows it in `/ring`
  lane::RingKeys keys = {};      ///< tried one after the other; none: plain
  Duration answer_timeout = std::chrono::seconds{2};  ///< from start() until hello is answered
  Duration ping_every = std::chrono::milliseconds{500};
  Duration silent_after = std::chrono::seconds{3};  ///< without any frame the peer counts as gone
};

/// What has become of a seed. Each request gets news until it has `reached` the stage it waits for,
/// was `refused`, or is `lost`; nothing after that.
struct SeedNews {
  enum class What : std::uint8_t {
    reached,  ///< `stage` by `count` ids from `first` on
    refused,  ///< not taken: `code` and `reason`; nothing of it is in the ring
    lost      ///< the peer cannot be asked any more: `reason`. See `taken`
  };
  What what = What::reached;
  std::uint64_t request = 0;
  Stage stage = Stage::accepted;
  EnvelopeId first;
  std::uint32_t count = 0;
  std::uint32_t trace_omitted = 0;
  std::vector<std::pair<std::string, WallTime>> trace;  ///< with completed and expired
  RefuseCode code = RefuseCode::bad_request;
  std::string reason;
  /// Lost only. `no`: it was never sent, so it may be seeded elsewhere without being doubled.
  enum class Taken : std::uint8_t { no, unknown, yes } taken = Taken::unknown;
};

/// One connection to one peer at a time. Not thread-safe.
class SeedClient {
 public:
  SeedClient(zmq::context_t& context, SeedClientOptions options, BootId boot);
  ~SeedClient();
  SeedClient(const SeedClient&) = delete;
  SeedClient& operator=(const SeedClient&) = delete;

  /// Connects to `peer`'s ring port. Whatever still ran with another peer is dropped without news.
  void start(TimePoint now, Address peer, std::uint16_t port);
  /// Takes a seed for sending, before or after hello was answered; gives its request number. Fields
  /// out of bounds are refused by the peer. After a failure it is `lost` in the next on_ready().
  std::uint64_t seed(SeedFrame seed);
  /// Hangs up; fds() are -1 and next_deadline() is never until the next start().
  void stop();

  /// Readable when on_ready() has work; at most once per change (ZMQ_FD), so call on_ready() after
  /// start() and seed() as well.
  [[nodiscard]] std::array<int, 2> fds() const;
  /// fds() are others when this has changed: where one key is refused, the next one is tried.
  [[nodiscard]] std::uint64_t sockets_made() const { return sockets_made_; }
  [[nodiscard]] TimePoint next_deadline() const;
  /// Reads, sends and times out all there is; the reference is good until the next call.
  [[nodiscard]] const std::vector<SeedNews>& on_ready(TimePoint now);

  [[nodiscard]] bool greeted() const { return state_ == State::greeted; }
  /// The connection is of no more use: refused, never answered, broken or silent. Why is in
  /// reason().
  [[nodiscard]] bool failed() const { return state_ == State::failed; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  /// Why hello was refused; nullopt when it was not.
  [[nodiscard]] std::optional<RefuseCode> hello_refused() const { return hello_refused_; }
  /// Requests that wait for news.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  /// Who answered hello; empty before.
  [[nodiscard]] const Identity& remote() const { return remote_; }
  /// The highest protocol version that it speaks; 0 before.
  [[nodiscard]] unsigned remote_version_max() const { return remote_version_max_; }
  /// The peer said that it is leaving: seeds are still taken for a while, and better sent
  /// elsewhere.
  [[nodiscard]] bool leaving() const { return leaving_; }

 private:
  enum class State : std::uint8_t { idle, connecting, greeting, greeted, failed };
  struct Waiting {
    SeedFrame seed;
    bool sent = false;
    bool accepted = false;
    std::uint32_t left = 0;  ///< ids that have not reached the stage waited for
  };

  void open();
  void make_sockets();
  void read_events();
  void read_frames(TimePoint now);
  void on_frame(TimePoint now, ByteView bytes);
  void on_hello_answer(TimePoint now, const HelloFrame& answer);
  void on_refuse(TimePoint now, const RefuseFrame& refusal);
  void on_no_session(TimePoint now);
  void on_seeded(const SeededFrame& seeded);
  void keep_time(TimePoint now);
  void say_hello(TimePoint now);
  void send_seeds();
  [[nodiscard]] bool send(const Bytes& frame);
  void close();
  void fail(std::string reason);
  void lose(std::uint64_t request, const Waiting& waiting, const std::string& reason);

  [[nodiscard]] bool open_with_next_key();

  zmq::context_t& context_;
  SeedClientOptions options_;
  std::vector<CurveKeys> keys_;
  std::size_t key_ = 0;  ///< that is tried now; the one that was taken is tried first
  std::size_t keys_tried_ = 0;
  std::uint64_t sockets_made_ = 0;
  BootId boot_;
  zmq::socket_t dealer_;
  zmq::socket_t monitor_;
  zmq::message_t part_;  // reused
  State state_ = State::idle;
  bool reached_ = false;      ///< TCP takes the connection
  bool turned_away_ = false;  ///< as there are too many
  bool connected_ = false;    ///< and so does ZeroMQ
  bool broken_ = false;
  Address peer_;
  std::uint16_t port_ = 0;
  std::string reason_;
  std::optional<RefuseCode> hello_refused_;
  Identity remote_;
  bool leaving_ = false;
  std::uint8_t version_ = 1;
  unsigned remote_version_max_ = 0;
  std::uint64_t session_ = 0;
  std::uint64_t next_request_ = 1;
  std::uint64_t next_token_ = 1;
  std::map<std::uint64_t, Waiting> waiting_;
  std::deque<std::uint64_t> unsent_;  // oldest first
  TimePoint answer_until_;
  TimePoint hello_at_;
  TimePoint ping_at_;
  TimePoint last_heard_;
  AnyFrame frame_;  // scratch
  std::vector<SeedNews> news_;
  std::vector<SeedNews> told_;
};

}  // namespace podring
