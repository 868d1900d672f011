// Seeds by the client's key, so that a repeated request answers the same ids. Bounded: beyond its
// bounds the oldest keys are forgotten, and counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "http/seed_ticket.h"

namespace podring::http {

class KeyTable {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    std::chrono::milliseconds kept = std::chrono::minutes{10};
    std::size_t keys_max = 4096;
    std::size_t bytes_max = 32 * 1024 * 1024;  ///< with the traces that the tickets hold
  };
  struct Found {
    std::shared_ptr<SeedTicket> ticket;
    bool is_new = false;          ///< the caller seeds
    std::uint64_t forgotten = 0;  ///< keys pushed out to make room
  };

  explicit KeyTable(Limits limits) : limits_{limits} {}

  [[nodiscard]] Found find_or_add(const std::string& key, Clock::time_point now);
  /// Nothing was seeded for this ticket: the key is free again.
  void remove(const std::string& key, const std::shared_ptr<SeedTicket>& ticket);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<SeedTicket> ticket;
    Clock::time_point until;
  };
  void pop_oldest();
  [[nodiscard]] std::size_t bytes() const;

  const Limits limits_;
  std::mutex mutex_;
  std::deque<Entry> oldest_first_;
  std::map<std::string, std::shared_ptr<SeedTicket>> by_key_;  // what oldest_first_ holds
};

}  // namespace podring::http
