#include "http/front_end.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "http/inbox_routes.h"
#include "http/listener.h"
#include "http/routes.h"

namespace podring::http {
namespace {

using namespace std::chrono_literals;

// Every byte of a message may be escaped as \u00XX, and there are other fields.
constexpr std::size_t kFrontBodyMax = 6 * kEnvelopeBytesMax + 4 * 1024;
constexpr std::size_t kAdminBodyMax = 1024;
constexpr auto kReportEvery = 1s;

/// Tells the backend what was shed since the last time, once a second.
class ShedReporter {
 public:
  ShedReporter(const Stats& stats, Backend& backend) : stats_{stats}, backend_{backend} {}
  ~ShedReporter() { stop(); }

  void start() {
    thread_ = std::thread{[this] {
      std::unique_lock lock{mutex_};
      while (!wake_.wait_for(lock, kReportEvery, [this] { return stopping_; })) {
        report();
      }
      report();
    }};
  }
  void stop() {
    if (!thread_.joinable()) {
      return;
    }
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void report() {
    const auto sheds = stats_.sheds();
    for (std::size_t i = 0; i < sheds.size(); ++i) {
      const auto [what, count] = sheds[i];
      if (count > reported_[i]) {
        backend_.http_shed(what, count - reported_[i]);
        reported_[i] = count;
      }
    }
  }

  const Stats& stats_;
  Backend& backend_;
  std::array<std::uint64_t, std::tuple_size_v<decltype(std::declval<Stats>().sheds())>> reported_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

RouteLimits route_limits(const FrontEndOptions& options) {
  RouteLimits limits;
  limits.streams = options.streams;
  limits.heartbeat = options.heartbeat;
  limits.loop_stalled = options.loop_stalled;
  limits.broadcast = options.broadcast;
  limits.seeding.waiting = options.waiting;
  limits.seeding.loop_timeout = options.loop_timeout;
  return limits;
}

}  // namespace

class FrontEnd::Impl {
 public:
  Impl(const FrontEndOptions& options, Backend& backend)
      : front_routes_{backend, stats_, route_limits(options), [this] { return stop_.load(); }},
        admin_routes_{backend, stats_, options.loop_stalled,
                      [this] {
                        return std::pair{front_.load(), admin_.load()};
                      }},
        app_routes_{front_routes_, options.inbox, [this] { return stop_.load(); }},
        front_rules_{[this](const Request& request) { return front_routes_.handle(request); },
                     {32 * 1024, kFrontBodyMax},
                     options.request_timeout,
                     options.write_timeout,
                     stats_,
                     stop_},
        admin_rules_{[this](const Request& request) { return admin_routes_.handle(request); },
                     {8 * 1024, kAdminBodyMax},
                     options.request_timeout,
                     options.write_timeout,
                     stats_,
                     stop_},
        app_rules_{[this](const Request& request) { return app_routes_.handle(request); },
                   {32 * 1024, kFrontBodyMax},
                   options.request_timeout,
                   options.write_timeout,
                   stats_,
                   stop_},
        reporter_{stats_, backend},
        front_{{"http", "--http-port", options.bind, options.port, options.threads, options.queue},
               front_rules_},
        admin_{{"admin", "--admin-port", options.bind, options.admin_port, options.admin_threads,
                options.admin_queue},
               admin_rules_},
        inbox_{options.inbox} {
    if (!options.app_port) return;
    const Address loopback = options.bind.is_loopback() ? options.bind : Address::v4(0x7f000001);
    app_.emplace(Listener::Options{"app", "--app-port", loopback, *options.app_port,
                                   options.app_threads, options.queue},
                 app_rules_);
  }

  void start() {
    reporter_.start();
    admin_.start();
    front_.start();
    if (app_) app_->start();
  }
  void stop() {
    stop_ = true;
    std::thread admin_stops{[this] { admin_.stop(); }};  // each takes up to half a second
    if (inbox_ != nullptr) inbox_->close();
    if (app_) app_->stop();
    front_.stop();
    admin_stops.join();
    reporter_.stop();
  }
  [[nodiscard]] std::uint16_t port() const { return front_.port(); }
  [[nodiscard]] std::uint16_t admin_port() const { return admin_.port(); }
  [[nodiscard]] std::uint16_t app_port() const { return app_ ? app_->port() : std::uint16_t{0}; }

 private:
  Stats stats_;
  std::atomic<bool> stop_{false};
  FrontRoutes front_routes_;
  AdminRoutes admin_routes_;
  AppRoutes app_routes_;
  const ConnectionRules front_rules_;
  const ConnectionRules admin_rules_;
  const ConnectionRules app_rules_;
  ShedReporter reporter_;
  Listener front_;
  Listener admin_;
  deliver::Inbox* inbox_;
  std::optional<Listener> app_;
};

FrontEnd::FrontEnd(const FrontEndOptions& options, Backend& backend)
    : impl_{std::make_unique<Impl>(options, backend)} {}
FrontEnd::~FrontEnd() { impl_->stop(); }
void FrontEnd::start() { impl_->start(); }
void FrontEnd::stop() { impl_->stop(); }
std::uint16_t FrontEnd::port() const { return impl_->port(); }
std::uint16_t FrontEnd::admin_port() const { return impl_->admin_port(); }
std::uint16_t FrontEnd::app_port() const { return impl_->app_port(); }

}  // namespace podring::http
