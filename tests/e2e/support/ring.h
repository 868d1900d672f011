// A ring of podring processes on loopback addresses of this test.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "e2e/support/http.h"
#include "e2e/support/process.h"

namespace podring::e2e {

inline constexpr std::uint16_t kRingPort = 5570;
inline constexpr std::uint16_t kHttpPort = 8080;
inline constexpr std::uint16_t kAdminPort = 8081;

/// The n-th address of this test process, from 1.
[[nodiscard]] std::string address(std::size_t n);
/// "a,b,c" of the addresses 1 to n.
[[nodiscard]] std::string addresses(std::size_t n);

class TestRing {
 public:
  /// Peers "p1", "p2", ... that know each other by --peers, unless `flags`, which go to each of
  /// them, have --service. Starts none of them.
  explicit TestRing(std::size_t size, std::vector<std::string> flags = {});

  void start(std::size_t n, std::vector<std::string> more_flags = {}, ProcessOptions options = {});
  void start_all();
  /// Every peer's successor is the next one.
  [[nodiscard]] bool closed(std::chrono::milliseconds at_most = 20s);
  [[nodiscard]] Process& peer(std::size_t n) { return *peers_.at(n - 1); }
  [[nodiscard]] std::size_t size() const { return peers_.size(); }

  /// POST /messages at the n-th peer; `fields` beside the message, such as `"hops": 3`.
  [[nodiscard]] HttpAnswer post(std::size_t n, const std::string& message,
                                const std::string& fields = {});
  /// A value of GET /metrics; 0 when it is not there.
  [[nodiscard]] double metric(std::size_t n, const std::string& name);
  [[nodiscard]] std::string successor(std::size_t n);
  /// SIGTERM for all that run; true when each has ended with 0.
  [[nodiscard]] bool stop_all(std::chrono::milliseconds at_most = 20s);
  /// What verify-logs says of everything logged so far: exit code and output.
  [[nodiscard]] std::pair<int, std::string> verify(const std::vector<std::string>& flags = {});

 private:
  [[nodiscard]] std::string log_file(std::size_t n, std::size_t life) const;

  std::vector<std::string> flags_;
  std::vector<std::unique_ptr<Process>> peers_;
  std::vector<std::string> logs_;
  const std::size_t number_;  // of this ring in the test process
};

}  // namespace podring::e2e
