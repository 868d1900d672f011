// What `podring top` knows, fed by the events of GET /events alone: a snapshot starts it anew, the
// events after it change it. As the page's model.js. No I/O, no clock.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "top/told.h"

namespace podring::top {

class Model {
 public:
  static constexpr std::size_t kMessagesMax = 50;  ///< kept; the screen shows the latest
  static constexpr std::size_t kNewsMax = 100;

  /// One event of the stream. False when `data` is not what podring says; then nothing changed.
  bool take(std::string_view type, const std::string& data, Now now);
  /// Something that this program saw by itself.
  void note(std::string text, bool bad, Now now);
  /// Call about once a second, so that visits() is right while nothing happens.
  void tick(TimePoint now);

  [[nodiscard]] const std::optional<Ring>& ring() const { return ring_; }
  [[nodiscard]] TimePoint ring_at() const { return ring_at_; }  ///< when that was told
  [[nodiscard]] const std::deque<Message>& messages() const { return messages_; }  ///< newest first
  [[nodiscard]] const std::deque<News>& news() const { return news_; }             ///< newest first
  [[nodiscard]] const Pod& self() const;  ///< only with a ring

  /// The pod's name, or its address while nobody told it.
  [[nodiscard]] const std::string& name_of(const std::string& address) const;
  /// Address of whom a pod hands to, as it told last; empty: nobody, or not known.
  [[nodiscard]] std::string target_of(const Pod& pod) const;
  /// True when it hands on, and not to the pod after it: somebody is passed over.
  [[nodiscard]] bool is_astray(std::size_t index) const;
  /// What keeps the ring from being whole, as short sentences; none: every pod hands to the next.
  [[nodiscard]] std::vector<std::string> troubles() const;

  /// Visits at the pod that tells this, a second, over the last ones; nullopt: not known yet.
  [[nodiscard]] std::optional<double> visits() const;
  /// The median of the latest messages' mean time a hop.
  [[nodiscard]] std::optional<Duration> hop_time() const;

 private:
  void take_ring(Ring ring, Now now);
  void take_messages(std::vector<Message> messages);
  void learn_names(const std::vector<std::string>& trace);
  void tell_suspicions(const std::vector<Pod>& before, Now now);
  void add_news(News news);

  std::optional<Ring> ring_;
  TimePoint ring_at_{};
  std::map<std::string, std::string> names_;  ///< address -> name, those of the view
  std::deque<Message> messages_;
  std::deque<News> news_;
  std::uint64_t visits_ = 0;  ///< since sampled_at_
  TimePoint sampled_at_{};
  std::deque<double> samples_;  ///< visits a second
};

}  // namespace podring::top
