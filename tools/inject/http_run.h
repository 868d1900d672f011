// Seeds by HTTP: POST /messages, one message a request, each connection on a thread of its own.
//
// 429 and 503 mean "later" and are tried again, as Retry-After says; a request whose answer did not
// come is not repeated, since it may have been taken.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "inject/options.h"
#include "inject/pacer.h"
#include "inject/tally.h"
#include "inject/watcher.h"

namespace podring::inject {

class HttpRun {
 public:
  HttpRun(const Options& options, Tally& tally, Watcher& watcher);

  /// As PeerRun::run(). `tally` is used by other threads until it returns.
  [[nodiscard]] std::string run();

 private:
  class Worker;

  /// Waits until a message may go; false when there is none left or the run is over. `due` is when
  /// its time began.
  [[nodiscard]] bool next(TimePoint& due);
  /// Waits `pause`, or until the run is over (then false).
  [[nodiscard]] bool wait(Duration pause);
  void answered();
  void taken();
  void end(Told told, const std::string& reason);
  void retried();
  /// Before anybody has answered this ends the run (true): the URL is wrong, or nobody is there.
  [[nodiscard]] bool unreachable(const std::string& why);

  const Options& options_;
  Tally& tally_;
  Watcher& watcher_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All below is guarded by mutex_, and so is tally_ while workers run.
  Pacer pacer_;
  bool over_ = false;
  bool ever_answered_ = false;
  std::uint64_t under_way_ = 0;
  std::size_t workers_left_ = 0;
  std::string gave_up_;
};

}  // namespace podring::inject
