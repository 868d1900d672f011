// What the logs say of each id, as small records in any order in, and grouped by id out; beyond a
// bound of memory by way of a temporary file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/types.h"

namespace podring::verify {

enum class RecordKind : std::uint8_t { seeded, visit, completed, expired, safe, detour, held };

struct Record {
  std::uint64_t counter = 0;  ///< of the id
  std::uint64_t trace = 0;    ///< TraceHash of the names before
  std::int64_t ts = 0;        ///< microseconds
  std::uint64_t seq = 0;
  std::uint32_t origin = 0;     ///< index of the process whose boot id is in the id
  std::uint32_t process = 0;    ///< index of the one that wrote the line
  std::uint32_t hop = 0;        ///< seeded: the limit
  std::uint32_t lap = 0;        ///< seeded: 1 when the limit counts laps
  std::uint32_t sender = 0;     ///< index of a text
  std::uint32_t last_name = 0;  ///< index of a text
  RecordKind kind = RecordKind::visit;
  bool has_detours = false;
  bool trace_is_cut = false;   ///< names are omitted: `trace` says nothing
  bool trace_fits_hop = true;  ///< as many names as hops
};
static_assert(sizeof(Record) == 64);

class RecordStore {
 public:
  /// `memory_max` in bytes, for the records held at one time.
  explicit RecordStore(std::size_t memory_max);
  ~RecordStore();
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;

  /// Throws std::system_error when the temporary file ($TMPDIR, else /tmp) takes no more.
  void add(const Record& record);
  [[nodiscard]] std::uint64_t added() const { return added_; }
  /// Calls `take` with all records of one id, by hop and time, for one id after another. Once.
  void for_each_id(const std::function<void(std::span<const Record>)>& take);

 private:
  static constexpr std::size_t kBuckets = 256;
  struct Chunk {
    std::uint64_t offset = 0;
    std::size_t count = 0;
  };
  struct Bucket {
    std::vector<Record> records;
    std::vector<Chunk> spilled;
  };
  void spill();
  void load(Bucket& bucket, std::vector<Record>& records);

  std::size_t records_max_;
  std::size_t count_ = 0;  ///< held in memory
  std::uint64_t added_ = 0;
  std::array<Bucket, kBuckets> buckets_;
  int file_ = -1;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace podring::verify
