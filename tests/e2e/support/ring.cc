#include "e2e/support/ring.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "net/loopback.h"

namespace podring::e2e {
namespace {

std::size_t next_ring = 0;

}  // namespace

std::string address(std::size_t n) {
  return podring::to_string(loopback(static_cast<std::uint32_t>(n)));
}

std::string addresses(std::size_t n) {
  std::string list;
  for (std::size_t i = 1; i <= n; ++i) list += (i > 1 ? "," : "") + address(i);
  return list;
}

TestRing::TestRing(std::size_t size, std::vector<std::string> flags)
    : flags_{std::move(flags)}, number_{++next_ring} {
  peers_.resize(size);
}

std::string TestRing::log_file(std::size_t n, std::size_t life) const {
  return scratch_folder() + "/ring" + std::to_string(number_) + "-p" + std::to_string(n) + "-" +
         std::to_string(life) + ".log";
}

void TestRing::start(std::size_t n, std::vector<std::string> more_flags, ProcessOptions options) {
  std::vector<std::string> arguments{"--name", "p" + std::to_string(n), "--address", address(n)};
  if (std::find(flags_.begin(), flags_.end(), "--service") == flags_.end()) {
    arguments.insert(arguments.end(), {"--peers", addresses(peers_.size())});
  }
  arguments.insert(arguments.end(), flags_.begin(), flags_.end());
  arguments.insert(arguments.end(), more_flags.begin(), more_flags.end());
  if (!options.output) {
    logs_.push_back(log_file(n, logs_.size()));
    options.output_file = logs_.back();
  }
  peers_.at(n - 1).reset();
  peers_.at(n - 1) = std::make_unique<Process>(program("podring"), arguments, std::move(options));
}

void TestRing::start_all() {
  for (std::size_t n = 1; n <= peers_.size(); ++n) start(n);
}

std::string TestRing::successor(std::size_t n) {
  return json_text(http_get(address(n), kHttpPort, "/ring").body, "successor");
}

bool TestRing::closed(std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (std::size_t n = 1; n <= peers_.size(); ++n) {
    const std::string next = address(n % peers_.size() + 1);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (!eventually([&] { return successor(n) == next; }, std::max(left, 0ms))) return false;
  }
  return true;
}

HttpAnswer TestRing::post(std::size_t n, const std::string& message, const std::string& fields) {
  const std::string json =
      "{\"message\": \"" + message + "\"" + (fields.empty() ? "" : ", ") + fields + "}";
  return http_post(address(n), kHttpPort, "/messages", json);
}

double TestRing::metric(std::size_t n, const std::string& name) {
  const std::string text = "\n" + http_get(address(n), kAdminPort, "/metrics").body;
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
}

bool TestRing::stop_all(std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (const auto& peer : peers_) {
    if (peer && peer->running()) peer->signal(SIGTERM);
  }
  bool good = true;
  for (const auto& peer : peers_) {
    if (!peer) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    good = peer->wait(std::max(left, 0ms)) == 0 && good;
  }
  return good;
}

std::pair<int, std::string> TestRing::verify(const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = flags;
  arguments.insert(arguments.end(), logs_.begin(), logs_.end());
  Process verifier{program("verify-logs"), arguments};
  const int code = verifier.wait(120s).value_or(-1);
  std::string output;
  for (const std::string& line : verifier.lines()) output += line + "\n";
  for (const std::string& line : verifier.errors()) output += line + "\n";
  return {code, output};
}

}  // namespace podring::e2e
