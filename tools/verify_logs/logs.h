// All logs together, read line by line: processes with their views, and a record for every line
// that is about an id.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "verify_logs/input.h"
#include "verify_logs/log_line.h"
#include "verify_logs/process_log.h"
#include "verify_logs/record_store.h"
#include "verify_logs/verdict.h"

namespace podring::verify {

/// Texts by number, each kept once.
class TextTable {
 public:
  [[nodiscard]] std::uint32_t number_of(std::string_view text);
  [[nodiscard]] const std::string& text(std::uint32_t number) const { return texts_[number]; }

 private:
  std::vector<std::string> texts_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_hash_;  // 64 bits: no two texts share one
};

struct LineTotals {
  std::uint64_t lines = 0;    ///< of podring's logs
  std::uint64_t foreign = 0;  ///< something else's
  std::uint64_t words = 0;    ///< --log-format text
  std::uint64_t received = 0;
  std::uint64_t detours = 0;
  std::uint64_t duplicates = 0;  ///< dropped by peers, as they should be
};

class Logs {
 public:
  Logs(RecordStore& store, Verdict& verdict) : store_{store}, verdict_{verdict} {}

  /// Reads everything. Throws what Input and RecordStore throw.
  void read(Input& input);

  [[nodiscard]] const std::vector<std::unique_ptr<ProcessLog>>& processes() const {
    return processes_;
  }
  [[nodiscard]] const TextTable& texts() const { return texts_; }
  [[nodiscard]] TextTable& texts() { return texts_; }
  [[nodiscard]] const LineTotals& totals() const { return totals_; }

 private:
  [[nodiscard]] std::uint32_t process_of(BootId boot);
  void name(ProcessLog& process, std::string_view pod);
  void take(const LogLine& line, const Line& where);
  void take_view(ProcessLog& process, const LogLine& line);
  void keep(const LogLine& line, std::uint32_t process, RecordKind kind);
  void keep_seeds(const LogLine& line, std::uint32_t process);
  void tell_log_findings();

  RecordStore& store_;
  Verdict& verdict_;
  TextTable texts_;
  std::vector<std::unique_ptr<ProcessLog>> processes_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_boot_;
  std::map<std::size_t, std::set<std::uint32_t>> writers_of_input_;
  LineTotals totals_;
};

/// "pod-1 (boot 00112233aabbccdd)"
[[nodiscard]] std::string describe(const ProcessLog& process);

}  // namespace podring::verify
