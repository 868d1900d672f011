#include "verify_logs/record_store.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <tuple>

namespace podring::verify {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error{errno, std::generic_category(),
                          std::string{what} +
                              " the temporary file (set TMPDIR to a place with room, or give a "
                              "larger --memory-mib)"};
}

int open_temporary() {
  const char* const where = std::getenv("TMPDIR");
  std::string path = where == nullptr || *where == '\0' ? "/tmp" : where;
  path += "/verify-logs.XXXXXX";
  const int file = mkstemp(path.data());
  if (file < 0) fail("cannot make");
  unlink(path.c_str());  // it goes with the process, however that ends
  return file;
}

}  // namespace

RecordStore::RecordStore(std::size_t memory_max)
    : records_max_{std::max<std::size_t>(memory_max / sizeof(Record), kBuckets)} {}

RecordStore::~RecordStore() {
  if (file_ >= 0) close(file_);
}

void RecordStore::add(const Record& record) {
  const std::uint64_t hash =
      (record.counter * 0x9e3779b97f4a7c15ULL) ^ record.origin * 0x85ebca6bULL;
  Bucket& bucket = buckets_[(hash >> 32 ^ hash) % kBuckets];
  bucket.records.push_back(record);
  ++added_;
  if (++count_ >= records_max_) spill();
}

void RecordStore::spill() {
  if (file_ < 0) file_ = open_temporary();
  for (Bucket& bucket : buckets_) {
    if (bucket.records.empty()) continue;
    const char* data = reinterpret_cast<const char*>(bucket.records.data());
    std::size_t left = bucket.records.size() * sizeof(Record);
    bucket.spilled.push_back({file_bytes_, bucket.records.size()});
    while (left > 0) {
      const ssize_t done = pwrite(file_, data, left, static_cast<off_t>(file_bytes_));
      if (done < 0) {
        if (errno == EINTR) continue;
        fail("cannot write");
      }
      data += done;
      left -= static_cast<std::size_t>(done);
      file_bytes_ += static_cast<std::uint64_t>(done);
    }
    std::vector<Record>{}.swap(bucket.records);
  }
  count_ = 0;
}

void RecordStore::load(Bucket& bucket, std::vector<Record>& records) {
  records = std::move(bucket.records);
  for (const Chunk& chunk : bucket.spilled) {
    const std::size_t at = records.size();
    records.resize(at + chunk.count);
    char* data = reinterpret_cast<char*>(records.data() + at);
    std::size_t left = chunk.count * sizeof(Record);
    auto offset = static_cast<off_t>(chunk.offset);
    while (left > 0) {
      const ssize_t done = pread(file_, data, left, offset);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail("cannot read");
      data += done;
      left -= static_cast<std::size_t>(done);
      offset += done;
    }
  }
}

void RecordStore::for_each_id(const std::function<void(std::span<const Record>)>& take) {
  const auto key = [](const Record& record) { return std::tie(record.origin, record.counter); };
  std::vector<Record> records;
  for (Bucket& bucket : buckets_) {
    load(bucket, records);
    std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
      return std::tie(a.origin, a.counter, a.hop, a.ts, a.process, a.seq) <
             std::tie(b.origin, b.counter, b.hop, b.ts, b.process, b.seq);
    });
    for (std::size_t begin = 0; begin < records.size();) {
      std::size_t end = begin + 1;
      while (end < records.size() && key(records[end]) == key(records[begin])) ++end;
      take(std::span{records}.subspan(begin, end - begin));
      begin = end;
    }
    std::vector<Record>{}.swap(bucket.records);
  }
}

}  // namespace podring::verify
