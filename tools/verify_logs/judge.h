// The rules, id by id: proto-docs/log-lines.md, "What verify-logs holds against the lines", has
// them in words.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "verify_logs/logs.h"
#include "verify_logs/record_store.h"
#include "verify_logs/verdict.h"

namespace podring::verify {

struct JudgeOptions {
  std::int64_t clock_skew_us = 2'000'000;  ///< how far the pods' clocks may be apart
  bool logs_whole =
      false;  ///< a log without `stopped` is complete all the same: its process was killed
  std::set<std::string> shown;  ///< ids whose story is to be told, right or wrong
};

struct IdTotals {
  std::uint64_t ids = 0;
  std::uint64_t seeded = 0;
  std::uint64_t safe = 0;
  std::uint64_t completed = 0;  ///< ids, on one branch at least
  std::uint64_t expired = 0;    ///< ids that did no better
  std::uint64_t not_ended = 0;
  std::uint64_t visits = 0;
  std::uint64_t hand_overs_checked = 0;
  std::uint32_t hop_max = 0;
  std::uint32_t lap_max = 0;
};

class Judge {
 public:
  Judge(Logs& logs, Verdict& verdict, JudgeOptions options);

  /// All records of one id, by hop and time.
  void take(std::span<const Record> records);

  [[nodiscard]] const IdTotals& totals() const { return totals_; }
  [[nodiscard]] const std::vector<Example>& shown() const { return shown_; }
  /// Checks that these logs do not allow; sentences.
  [[nodiscard]] std::vector<std::string> not_checked() const;

 private:
  using Records = std::vector<const Record*>;

  void sort_out(std::span<const Record> records);
  void check_seed();
  void check_visits();
  void check_step(const Record& visit, std::span<const Record* const> before);
  /// Whether it was right to hand that visit on to this one.
  enum class Order : std::uint8_t { wrong, unproven, right };
  [[nodiscard]] Order order(const Record& from, const Record& to) const;
  void check_hand_over(const Record& from, const Record& to);
  void miss_visit(const Record& visit);
  void check_repeats();
  void check_ends();
  void check_end(const Record& end);
  void check_lost();
  void find(Finding finding, std::string what, const Record* marked = nullptr);
  [[nodiscard]] Example story(const Record* marked) const;
  [[nodiscard]] const ProcessLog& process(std::uint32_t index) const {
    return *logs_.processes()[index];
  }
  [[nodiscard]] const ProcessLog& writer(const Record& record) const {
    return process(record.process);
  }
  [[nodiscard]] bool names_match(const Record& from, const Record& to) const {
    return name_of_[from.process] == to.last_name;
  }
  [[nodiscard]] bool address_matches(const Record& from, const Record& to) const {
    return !writer(from).address || address_of_[from.process] == to.sender;
  }
  [[nodiscard]] bool trace_goes_on(const Record& from, const Record& to) const;
  /// Why a line of this process about `ts` may be missing without anybody's fault; empty: it may
  /// not.
  [[nodiscard]] std::string excuse(const ProcessLog& log, std::int64_t ts) const;
  [[nodiscard]] bool ends_before(const ProcessLog& log, std::int64_t ts) const;

  Logs& logs_;
  Verdict& verdict_;
  JudgeOptions options_;
  std::vector<std::uint32_t> name_of_;     // text of each process's pod
  std::vector<std::uint32_t> address_of_;  // and of its address
  bool visits_logged_ = true;              // by every process
  std::string not_whole_;                  // logs that are not, named; empty: all are
  IdTotals totals_;
  std::vector<Example> shown_;

  // of the id under judgement
  std::span<const Record> all_;
  std::string id_;
  Records seeds_;
  Records visits_;
  Records ends_;
  Records safes_;
  Records helds_;
  Records scratch_;
};

}  // namespace podring::verify
