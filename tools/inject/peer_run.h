// Seeds over ZeroMQ: to one peer, or to any peer behind a service name.
//
// When a connection breaks, what was never sent goes to the next address; what may have been taken
// is not sent again, since that would double it. A leaving peer is kept for what it took, and new
// messages go elsewhere.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "core/random.h"
#include "inject/options.h"
#include "inject/pacer.h"
#include "inject/tally.h"
#include "inject/watcher.h"
#include "net/loop.h"
#include "net/loop_clock.h"
#include "net/seed_client.h"

namespace podring::inject {

class PeerRun {
 public:
  /// `random_seed` decides which address is tried first and makes the client's boot id.
  PeerRun(const Options& options, Tally& tally, Watcher& watcher, std::uint64_t random_seed);
  ~PeerRun();

  /// Returns when every message has ended, the watcher says so, or nobody can be reached. Empty, or
  /// why it gave up.
  [[nodiscard]] std::string run();

 private:
  struct Message {
    TimePoint due;  ///< first sending, or when --rate wanted it to be
    std::string id;
    std::string refusal;  ///< while it is tried again: why it was not taken
  };
  struct Connection {
    Connection(zmq::context_t& context, const SeedClientOptions& options, BootId boot)
        : client{context, options, boot} {}
    SeedClient client;
    Address address;
    std::map<std::uint64_t, Message> sent;  // by request
    std::array<int, 2> watched{-1, -1};
    std::uint64_t sockets = 0;  // SeedClient::sockets_made() when they were
    bool retired = false;       // takes no new messages
    bool was_greeted = false;
  };

  [[nodiscard]] std::string find_addresses();
  void connect(TimePoint now);
  void watch(Connection& connection);
  void unwatch(Connection& connection);
  /// Reads news; true when there was something to do.
  bool turn(TimePoint now, Connection& connection);
  void on_news(TimePoint now, Connection& connection, const SeedNews& news);
  void on_refused(TimePoint now, Connection& connection, Message message, const SeedNews& news);
  void on_failed(TimePoint now, Connection& connection);
  void send(TimePoint now);
  void seed(Connection& connection, Message message);
  void time_out(TimePoint now);
  void end(Fate fate, const Message& message, TimePoint now, const SeedNews* news);
  void give_up_unsent(TimePoint now);
  [[nodiscard]] bool done() const;
  [[nodiscard]] std::size_t in_flight() const;
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] Connection* current();

  const Options& options_;
  Tally& tally_;
  Watcher& watcher_;
  SplitMix random_;
  BootId boot_;
  std::uint16_t port_ = 0;
  zmq::context_t context_;
  Loop loop_;
  LoopClock clock_;
  Pacer pacer_;
  std::vector<Address> addresses_;
  std::size_t next_address_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;  // the last is where new messages go
  std::deque<Message> again_;                             // to be sent again, oldest first
  TimePoint connect_at_;
  TimePoint unreachable_since_ = TimePoint::max();
  TimePoint time_out_at_;
  bool ever_greeted_ = false;
  std::size_t failures_ = 0;  // in a row
  std::string last_failure_;
  std::string gave_up_;
};

}  // namespace podring::inject
