#include "deliver/pusher.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <optional>
#include <utility>

#include "deliver/http_exchange.h"

namespace podring::deliver {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kPauseFirst = 50ms;
constexpr auto kPauseMax = 1s;
constexpr auto kIdleWait = 60s;
constexpr milliseconds kTimeMin = 10ms;  // for an attempt that begins at the last moment

/// The worker's clock; TimePoint has no now() so that nobody in the core can ask.
TimePoint steady_now() { return TimePoint{std::chrono::steady_clock::now().time_since_epoch()}; }

struct Job {
  Delivery delivery;
  TimePoint started;
  TimePoint until;
  TimePoint next_at;  ///< of the next attempt
  Duration pause = kPauseFirst;
  std::uint32_t attempts = 0;
  bool is_trial = false;
  ExchangeResult last;  ///< of the latest attempt
};

milliseconds left(TimePoint now, TimePoint until) {
  return std::chrono::ceil<milliseconds>(std::max(until - now, Duration{}));
}

}  // namespace

/// Lives on the thread; only `wake_up` and `stop` are called from others.
class Pusher::Worker {
 public:
  explicit Worker(Pusher& owner)
      : owner_{owner}, breaker_{owner.options_.timeout}, multi_{curl_multi_init()} {
    if (!multi_) throw std::bad_alloc{};
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS,
                      static_cast<long>(owner.options_.concurrency));
  }
  void run();
  void wake_up() { curl_multi_wakeup(multi_.get()); }
  void stop() {
    stopping_ = true;
    wake_up();
  }

 private:
  struct Running {
    HttpExchange exchange;
    Job job;
  };
  using RunningList = std::list<std::unique_ptr<Running>>;

  void take_offered(TimePoint now);
  void start_due(TimePoint now);
  void start(TimePoint now, Job job);
  void reap();
  void judge(TimePoint now, Job job, ExchangeResult result);
  void again(TimePoint now, Job job);
  void pass_all(TimePoint now);
  void finish(TimePoint now, Job&& job, Outcome outcome, std::string detail);
  [[nodiscard]] milliseconds time_to_wait(TimePoint now) const;
  void publish();

  struct Free {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  Pusher& owner_;
  Breaker breaker_;
  std::atomic<bool> stopping_{false};
  std::deque<Job> waiting_;  ///< in the order in which they came
  std::unique_ptr<CURLM, Free> multi_;
  RunningList running_;                          ///< destroyed before multi_
  std::vector<std::unique_ptr<Running>> spare_;  ///< handles that keep their buffers
  std::vector<DeliveryResult> results_;          ///< of this turn
  std::uint64_t attempts_ = 0;
};

Pusher::Pusher(PusherOptions options, std::function<void()> wake)
    : options_{std::move(options)}, wake_{std::move(wake)} {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);  // once; not thread-safe
  if (ready != CURLE_OK) throw std::bad_alloc{};
  worker_ = std::make_unique<Worker>(*this);
  thread_ = std::thread{[this] { worker_->run(); }};
}

Pusher::~Pusher() {
  worker_->stop();
  thread_.join();
}

bool Pusher::offer(Delivery delivery) {
  {
    const std::lock_guard lock{mutex_};
    if (unfinished_ >= options_.waiting_max) return false;
    ++unfinished_;
    offered_.push_back(std::move(delivery));
  }
  worker_->wake_up();
  return true;
}

std::vector<DeliveryResult> Pusher::take_results() {
  const std::lock_guard lock{mutex_};
  return std::exchange(results_, {});
}

PusherStats Pusher::stats() const {
  const std::lock_guard lock{mutex_};
  return stats_;
}

void Pusher::Worker::run() {
  while (!stopping_) {
    const TimePoint now = steady_now();
    take_offered(now);
    start_due(now);
    int still_running = 0;
    curl_multi_perform(multi_.get(), &still_running);
    reap();
    publish();
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(time_to_wait(steady_now()).count()),
                    nullptr);
  }
  for (const auto& running : running_) {
    curl_multi_remove_handle(multi_.get(), running->exchange.handle());
  }
}

void Pusher::Worker::take_offered(TimePoint now) {
  std::deque<Delivery> offered;
  {
    const std::lock_guard lock{owner_.mutex_};
    offered.swap(owner_.offered_);
  }
  for (Delivery& delivery : offered) {
    Job job;
    job.delivery = std::move(delivery);
    job.started = job.next_at = now;
    job.until = now + owner_.options_.timeout;
    const auto& request = job.delivery.request;
    if (request && !owner_.options_.rules.allow(*request)) {
      finish(now, std::move(job), Outcome::refused,
             "no --deliver-allow rule of this peer lets this request pass");
    } else {
      waiting_.push_back(std::move(job));
    }
  }
}

/// Starts what is due, in the order in which it came, as far as there are places; what is over its
/// time, or finds the program away, ends.
void Pusher::Worker::start_due(TimePoint now) {
  for (std::size_t left_to_see = waiting_.size(); left_to_see > 0; --left_to_see) {
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    const bool has_place = running_.size() < owner_.options_.concurrency;
    if (breaker_.is_open()) {
      // A trial that is taken must be started: the breaker waits for its outcome.
      if (!has_place || !breaker_.take_trial(now)) {
        finish(now, std::move(job), Outcome::no_program, "the program has been away for a while");
        continue;
      }
      job.is_trial = true;
      start(now, std::move(job));
      continue;
    }
    if (now >= job.until) {
      again(now, std::move(job));
    } else if (job.next_at <= now && has_place) {
      start(now, std::move(job));
    } else {
      waiting_.push_back(std::move(job));
    }
  }
}

void Pusher::Worker::start(TimePoint now, Job job) {
  std::unique_ptr<Running> running;
  if (spare_.empty()) {
    running = std::make_unique<Running>();
  } else {
    running = std::move(spare_.back());
    spare_.pop_back();
  }
  ++job.attempts;
  ++attempts_;
  running->job = std::move(job);
  const Delivery& delivery = running->job.delivery;
  ExchangeRequest request;
  request.body = delivery.body;
  request.time_max = std::max(left(now, running->job.until), kTimeMin);
  if (delivery.request) {
    request.method = delivery.request->method;
    request.url = owner_.options_.target.origin + delivery.request->path;
    request.headers = delivery.request->headers;
    request.headers.emplace_back("podring-id", to_string(delivery.id));
    request.has_body = !delivery.body.empty();
  } else {
    request.method = "POST";
    request.url = owner_.options_.target.url();
    request.headers = cloud_event_headers(delivery, owner_.options_.ring, running->job.attempts);
  }
  running->exchange.start(request);
  curl_multi_add_handle(multi_.get(), running->exchange.handle());
  running_.push_back(std::move(running));
}

void Pusher::Worker::reap() {
  int more = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_.get(), &more)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // the message does not outlive the handle
    const auto found = std::find_if(running_.begin(), running_.end(), [&](const auto& running) {
      return running->exchange.handle() == message->easy_handle;
    });
    if (found == running_.end()) continue;
    std::unique_ptr<Running> running = std::move(*found);
    running_.erase(found);
    curl_multi_remove_handle(multi_.get(), running->exchange.handle());
    ExchangeResult result = running->exchange.finish(code);
    Job job = std::exchange(running->job, {});
    spare_.push_back(std::move(running));
    judge(steady_now(), std::move(job), std::move(result));
  }
}

void Pusher::Worker::judge(TimePoint now, Job job, ExchangeResult result) {
  job.last = std::move(result);
  if (job.last.kind != ExchangeResult::Kind::answered) {
    const bool was_open = breaker_.is_open();
    breaker_.on_failure(now);
    if (job.is_trial) {
      finish(now, std::move(job), Outcome::no_program, "the program is still away");
      return;
    }
    again(now, std::move(job));
    if (breaker_.is_open() && !was_open) pass_all(now);
    return;
  }
  breaker_.on_answer();
  job.is_trial = false;
  const unsigned status = job.last.status;
  if (status < 300) {
    finish(now, std::move(job), Outcome::delivered, {});
  } else if (status >= 500 || status == 429) {
    again(now, std::move(job));
  } else {
    finish(now, std::move(job), Outcome::refused,
           "the program answered " + std::to_string(status) +
               (status < 400 ? "; redirects are not followed" : ""));
  }
}

/// Tries once more after a pause, if there is time for it.
void Pusher::Worker::again(TimePoint now, Job job) {
  const bool answered = job.last.kind == ExchangeResult::Kind::answered;
  Duration pause = std::exchange(job.pause, std::min<Duration>(job.pause * 2, kPauseMax));
  if (answered && job.last.retry_after) pause = *job.last.retry_after;
  if (job.attempts > 0 && now + pause < job.until) {
    job.next_at = now + pause;
    waiting_.push_back(std::move(job));
    return;
  }
  if (job.attempts == 0) {
    finish(now, std::move(job), Outcome::timed_out,
           "its time was over before one of the requests under way had ended");
  } else if (answered) {
    finish(now, std::move(job), Outcome::timed_out,
           "the program answered " + std::to_string(job.last.status) + " until the time was over");
  } else {
    const bool nobody = job.last.kind == ExchangeResult::Kind::no_connection;
    finish(now, std::move(job), nobody ? Outcome::no_program : Outcome::timed_out, job.last.detail);
  }
}

/// The breaker has opened: what waits passes.
void Pusher::Worker::pass_all(TimePoint now) {
  for (Job& job : std::exchange(waiting_, {})) {
    finish(now, std::move(job), Outcome::no_program, "the program has been away for a while");
  }
}

void Pusher::Worker::finish(TimePoint now, Job&& job, Outcome outcome, std::string detail) {
  DeliveryResult result;
  result.number = job.delivery.number;
  result.id = job.delivery.id;
  result.outcome = outcome;
  result.status = job.last.status;
  result.attempts = job.attempts;
  result.took = std::chrono::duration_cast<std::chrono::microseconds>(now - job.started);
  result.detail = std::move(detail);
  result.answer = std::move(job.last.answer);
  results_.push_back(std::move(result));
}

milliseconds Pusher::Worker::time_to_wait(TimePoint now) const {
  TimePoint until = now + kIdleWait;
  for (const Job& job : waiting_) {
    const bool may_start = running_.size() < owner_.options_.concurrency;
    until = std::min(until, may_start ? std::min(job.next_at, job.until) : job.until);
  }
  return left(now, until);
}

void Pusher::Worker::publish() {
  const bool news = !results_.empty();
  {
    const std::lock_guard lock{owner_.mutex_};
    owner_.unfinished_ -= results_.size();
    std::move(results_.begin(), results_.end(), std::back_inserter(owner_.results_));
    owner_.stats_ = {waiting_.size(), running_.size(), breaker_.is_open(), breaker_.times_opened(),
                     attempts_};
  }
  results_.clear();
  if (news) owner_.wake_();
}

}  // namespace podring::deliver
