// Asks the program beside this pod about each visit, for the loop: by HTTP (--deliver-to) or from
// an inbox (--deliver pull). Does nothing, and costs nothing, when neither is given.
//
// Loop thread only, but for the inbox, which HTTP threads ask.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/config.h"
#include "core/peer.h"
#include "deliver/delivered_table.h"
#include "deliver/inbox.h"
#include "deliver/pusher.h"
#include "net/loop.h"
#include "observe/metrics.h"
#include "observe/node_events.h"

namespace podring {

class NodeDelivery {
 public:
  /// Throws std::system_error when no thread is to be had for the requests.
  NodeDelivery(const Config& config, Identity self, Loop& loop);

  [[nodiscard]] bool on() const { return pusher_ || inbox_; }
  [[nodiscard]] deliver::Inbox* inbox() const { return inbox_.get(); }  ///< nullptr: no pull

  /// The core wants to know: asks the program, unless it has taken this before or is being asked.
  void ask(Now now, std::vector<Deliver>& questions);
  /// What is known by now goes to `peer`; each answer is an event for the log and the feed.
  [[nodiscard]] std::vector<observe::ProgramAnswered> take(Now now, Peer& peer);
  /// The program went away or came back since the last call.
  [[nodiscard]] std::optional<observe::ProgramAway> take_change();
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] observe::DeliveryMetrics metrics() const { return metrics_; }

 private:
  struct Question {
    DeliveryNumber number;
    EnvelopeId id;
    std::uint32_t hop = 0;
  };
  /// All that waits for one answer: the same message may come round while its program is asked.
  struct Asked {
    std::string name;
    std::vector<Question> questions;
  };
  void ask_one(Now now, Deliver& question);
  [[nodiscard]] bool offer(Now now, deliver::Delivery delivery);
  void read_results(Now now);
  void answer(const Question& question, const deliver::DeliveryResult& result, bool known);

  const Config& config_;
  Identity self_;
  std::unique_ptr<deliver::Pusher> pusher_;
  std::unique_ptr<deliver::Inbox> inbox_;
  deliver::DeliveredTable delivered_;
  std::map<DeliveryNumber, Asked> asked_;  // by the number that was offered
  std::unordered_map<std::string, DeliveryNumber> number_of_;
  std::vector<observe::ProgramAnswered> answers_;
  std::vector<Delivered> for_peer_;
  observe::DeliveryMetrics metrics_;
  bool away_ = false;
};

}  // namespace podring
