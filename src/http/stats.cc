#include "http/stats.h"

#include <algorithm>

namespace podring::http {
namespace {

void append_family(std::string& out, std::string_view name, std::string_view type,
                   std::string_view help) {
  out.append("# HELP podring_http_").append(name).append(" ").append(help);
  out.append("\n# TYPE podring_http_").append(name).append(" ").append(type).append("\n");
}

void append_sample(std::string& out, std::string_view name, std::string_view labels,
                   std::uint64_t value) {
  out.append("podring_http_").append(name).append(labels);
  out.append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace

void Stats::answered(int status) {
  const auto* const found = std::find(kStatuses.begin(), kStatuses.end(), status);
  const auto index = static_cast<std::size_t>(found - kStatuses.begin());
  answers_[std::min(index, kStatuses.size() - 1)].fetch_add(1, std::memory_order_relaxed);
}

std::array<std::pair<std::string_view, std::uint64_t>, 9> Stats::sheds() const {
  return {{{"http_connections_refused", connections_refused},
           {"http_requests_timed_out", requests_timed_out},
           {"http_waiting_refused", waiting_refused},
           {"http_streams_refused", streams_refused},
           {"http_streams_cut", streams_cut},
           {"http_replies_cut", replies_cut},
           {"http_keys_forgotten", keys_forgotten},
           {"http_loop_timeouts", loop_timeouts},
           {"http_failures", failures}}};
}

std::string Stats::metrics_text(ServerLoad front, ServerLoad admin) const {
  std::string out;
  append_family(out, "answers_total", "counter", "Answers by status, both ports");
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    append_sample(out, "answers_total", "{code=\"" + std::to_string(kStatuses[i]) + "\"}",
                  answers_[i]);
  }
  append_family(out, "shed_total", "counter", "Turned away at a bound, by what it was");
  for (const auto& [what, count] : sheds()) {
    append_sample(out, "shed_total",
                  "{what=\"" + std::string{what.substr(std::string_view{"http_"}.size())} + "\"}",
                  count);
  }
  append_family(out, "waiting", "gauge", "Seed requests that wait for an answer of the ring");
  append_sample(out, "waiting", "", waiting);
  append_family(out, "streams", "gauge", "Open event streams");
  append_sample(out, "streams", "", streams);
  append_family(out, "connections_queued", "gauge", "Connections that wait for a thread");
  append_sample(out, "connections_queued", "{server=\"front\"}", front.connections_queued);
  append_sample(out, "connections_queued", "{server=\"admin\"}", admin.connections_queued);
  append_family(out, "threads_busy", "gauge", "Threads that serve a connection");
  append_sample(out, "threads_busy", "{server=\"front\"}", front.threads_busy);
  append_sample(out, "threads_busy", "{server=\"admin\"}", admin.threads_busy);
  return out;
}

}  // namespace podring::http
