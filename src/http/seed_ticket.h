// What becomes of one seed: the loop tells it, an HTTP thread waits for it. Thread-safe.
//
// Life: new -> begin() by the loop -> accept() or refuse() -> safe() and end() per id. cancel() by
// the HTTP thread wins only before begin(): then it is certain that nothing was seeded.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/annotations.h"
#include "core/envelope.h"
#include "core/types.h"

namespace podring::http {

enum class SeedRefusal : std::uint8_t { ring_full, leaving, too_large, bad_request };
enum class SeedStage : std::uint8_t { accepted, safe, completed };

/// The end of one of the ids, as the receipt told it.
struct SeedEnd {
  End end = End::none;
  std::vector<VisitRecord> trace;
  std::uint64_t trace_omitted = 0;
  std::optional<VisitRecord> last_visit{};  ///< where it ended
  std::uint32_t answers_omitted = 0;
};

class SeedTicket {
 public:
  /// How a wait came out. `reached` holds for expired ids too: nothing more will come. Whether they
  /// were safe before is for unsafe() to say.
  enum class Outcome : std::uint8_t { reached, refused, timed_out, stopped };

  // Called by the loop. Calls out of order or for indices beyond the count are ignored.
  [[nodiscard]] bool begin();  ///< false: the client has gone, do not seed
  void accept(EnvelopeId first, std::uint32_t count);
  void refuse(SeedRefusal refusal, std::string reason);
  void safe(EnvelopeId id);
  void end(EnvelopeId id, SeedEnd end);

  // Called by HTTP threads; several may wait for one ticket.
  /// True when the loop had not begun: it never will.
  [[nodiscard]] bool cancel();
  /// Waits for the stage. `stop` is looked at at least every 250 ms.
  [[nodiscard]] Outcome wait(SeedStage stage, std::chrono::steady_clock::time_point until,
                             const std::function<bool()>& stop);
  [[nodiscard]] std::vector<EnvelopeId> ids() const;  ///< empty until accepted
  [[nodiscard]] std::vector<SeedEnd> ends() const;    ///< one per id; End::none while it runs
  [[nodiscard]] std::vector<EnvelopeId> unsafe()
      const;  ///< not confirmed as safe, and not completed
  [[nodiscard]] std::optional<std::pair<SeedRefusal, std::string>> refusal() const;
  [[nodiscard]] std::size_t bytes() const;  ///< rough memory, for the key table's bound

 private:
  enum class Phase : std::uint8_t { posted, begun, accepted, refused, cancelled };
  [[nodiscard]] bool reached(SeedStage stage) const;
  [[nodiscard]] std::optional<std::size_t> index_of(EnvelopeId id) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Phase phase_ = Phase::posted;
  EnvelopeId first_;
  std::vector<bool> safe_;
  std::vector<SeedEnd> ends_;
  std::size_t settled_count_ = 0;  // safe or ended
  std::size_t ended_count_ = 0;
  std::size_t bytes_ = sizeof(SeedTicket);
  std::pair<SeedRefusal, std::string> refusal_;
};

}  // namespace podring::http
