// The verdict for people and for programs.
#pragma once

#include <iosfwd>
#include <string>

#include "verify_logs/judge.h"
#include "verify_logs/logs.h"
#include "verify_logs/verdict.h"

namespace podring::verify {

struct Report {
  const Logs& logs;
  const Judge& judge;
  const Verdict& verdict;
  bool nothing_read = false;  ///< no line of podring's log was there: nothing is proven
};

inline constexpr int kRight = 0;
inline constexpr int kWrong = 1;
inline constexpr int kUnproven = 2;  ///< also: wrong usage, unreadable input
[[nodiscard]] int exit_code_of(const Report& report);

void write_text(std::ostream& out, const Report& report, bool colours);
void write_json(std::ostream& out, const Report& report);

[[nodiscard]] std::string time_text(WallTime time);  ///< RFC 3339, microseconds, UTC

}  // namespace podring::verify
