// Clients that seeded here and wait to hear how far their message has come. In: who waits for which
// id until which stage. Out: whom a stage is to be reported to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "core/codec.h"
#include "core/types.h"

namespace podring {

class SeedClients {
 public:
  static constexpr std::size_t kMax = 65'536;

  struct Client {
    std::uint32_t session = 0;  ///< index in the table of inbound sessions
    std::uint32_t generation = 0;
    std::uint64_t request = 0;  ///< the client's own number
    Stage wait = Stage::accepted;
    TimePoint until;  ///< nothing more can be reported of it then
  };

  [[nodiscard]] bool has_room(std::size_t count) const { return clients_.size() + count <= kMax; }
  /// `counter`: of an id that is seeded here.
  void add(std::uint64_t counter, const Client& client) { clients_[counter] = client; }
  void remove(std::uint64_t counter) { clients_.erase(counter); }
  [[nodiscard]] bool contains(std::uint64_t counter) const { return clients_.contains(counter); }
  /// The id has come so far: its client, which is forgotten when it has heard what it waits for.
  [[nodiscard]] std::optional<Client> on_stage(std::uint64_t counter, Stage stage) {
    const auto found = clients_.find(counter);
    if (found == clients_.end()) return std::nullopt;
    const Client client = found->second;
    if (stage >= client.wait) clients_.erase(found);
    return client;
  }
  /// A receipt may pass its origin by, and a client may go: those of whom nothing can come any
  /// more.
  void forget(TimePoint now, auto&& is_gone) {
    std::erase_if(clients_, [&](const auto& entry) {
      return now >= entry.second.until || is_gone(entry.second);
    });
  }
  [[nodiscard]] std::size_t size() const { return clients_.size(); }

 private:
  std::unordered_map<std::uint64_t, Client> clients_;  // by counter
};

}  // namespace podring
