// Pushes messages to the program beside this pod by HTTP, several at once, each until the program
// says yes or no or its time is over.
//
// offer() takes a delivery; a thread of its own makes the requests; when results are there `wake`
// is called from that thread, and take_results() hands them out. offer(), take_results() and
// stats() may be called from any one thread. The destructor gives up what is unfinished; its
// results never come, so that whoever holds the message still holds it.
//
//   2xx                      delivered
//   429, 503                 again after Retry-After, or a back-off of 50 ms doubling to 1 s
//   other 4xx, 3xx           refused: it is not tried again, redirects are not followed
//   other 5xx, no answer     again
//   no connection            again; no_program at the end
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "deliver/breaker.h"
#include "deliver/delivery.h"
#include "deliver/request_rules.h"
#include "deliver/target.h"

namespace podring::deliver {

struct PusherOptions {
  Target target;
  std::string ring;                          ///< for ce-source
  std::chrono::milliseconds timeout{5'000};  ///< for each delivery, all attempts together
  std::size_t concurrency = 8;               ///< requests under way at once
  std::size_t waiting_max = 65'536;          ///< deliveries taken and unfinished
  RequestRules rules{{}};
};

struct PusherStats {
  std::size_t waiting = 0;  ///< taken, no request under way
  std::size_t running = 0;  ///< requests under way
  bool away = false;        ///< the breaker is open
  std::uint64_t times_away = 0;
  std::uint64_t attempts = 0;  ///< requests made
};

class Pusher {
 public:
  /// Throws std::system_error when no thread is to be had.
  Pusher(PusherOptions options, std::function<void()> wake);
  ~Pusher();
  Pusher(const Pusher&) = delete;
  Pusher& operator=(const Pusher&) = delete;

  /// False: waiting_max are waiting, and the caller keeps it.
  [[nodiscard]] bool offer(Delivery delivery);
  [[nodiscard]] std::vector<DeliveryResult> take_results();
  [[nodiscard]] PusherStats stats() const;

 private:
  class Worker;

  const PusherOptions options_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;  // guards the four below
  std::deque<Delivery> offered_;
  std::vector<DeliveryResult> results_;
  PusherStats stats_;
  std::size_t unfinished_ = 0;
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
};

}  // namespace podring::deliver
