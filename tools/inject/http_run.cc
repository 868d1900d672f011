#include "inject/http_run.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/StreamCopier.h>

#include <algorithm>
#include <array>
#include <utility>

#include "http/json_text.h"
#include "net/loop_clock.h"

namespace podring::inject {
namespace {

using std::chrono::milliseconds;

constexpr auto kLookEvery = milliseconds{100};
constexpr auto kRetryMin = milliseconds{20};
constexpr auto kRetryMax = std::chrono::seconds{5};
constexpr auto kConnectTimeout = std::chrono::seconds{5};
constexpr std::int64_t kWaitMsMax = 60'000;               // the server's bound
constexpr auto kAnswerMargin = std::chrono::seconds{5};   // for the answer beyond what it waits
constexpr std::size_t kAnswerBytesMax = 4 * 1024 * 1024;  // a trace of 10,000 hops fits
// The server closes idle connections after a few seconds; a request on a closed one would be lost.
constexpr int kKeepAliveS = 1;

TimePoint now_steady() {
  LoopClock clock;
  return clock.read().steady;
}

std::string body_of(const Options& options) {
  http::JsonText json;
  json.open_object().field("message", options.message);
  if (options.hops) json.field("hops", *options.hops);
  if (options.laps) json.field("laps", *options.laps);
  json.field("wait", options.wait == Stage::accepted ? "accepted"
                     : options.wait == Stage::safe   ? "safe"
                                                     : "completed");
  const auto wait_ms = std::chrono::duration_cast<milliseconds>(options.timeout).count();
  json.field("wait_ms", std::min(wait_ms, kWaitMsMax));
  return json.close_object().take();
}

/// What an answer says; fields that it has not are empty.
struct Answer {
  int status = 0;
  std::string error;
  std::string detail;
  std::string id;
  std::string end;
  std::vector<std::pair<std::string, WallTime>> trace;
  std::uint32_t trace_omitted = 0;
  std::optional<double> retry_after_s;
};

void read_trace(const Poco::JSON::Object& object, Answer& answer) {
  answer.end = object.optValue<std::string>("end", "");
  answer.trace_omitted = object.optValue<std::uint32_t>("trace_omitted", 0);
  const auto names = object.getArray("trace");
  const auto times = object.getArray("at_us");
  if (names.isNull() || times.isNull()) return;
  for (unsigned i = 0; i < std::min(names->size(), times->size()); ++i) {
    answer.trace.emplace_back(names->getElement<std::string>(i),
                              WallTime{times->getElement<std::int64_t>(i)});
  }
}

/// Somebody else may say 200 as well; podring gives an id.
bool is_taken(const Answer& answer) {
  return (answer.status == 200 || answer.status == 202) && !answer.id.empty();
}

void read_body(const std::string& text, Answer& answer) {
  try {
    const auto object = Poco::JSON::Parser{}.parse(text).extract<Poco::JSON::Object::Ptr>();
    answer.error = object->optValue<std::string>("error", "");
    answer.detail = object->optValue<std::string>("detail", "");
    if (const auto ids = object->getArray("ids"); !ids.isNull() && ids->size() > 0)
      answer.id = ids->getElement<std::string>(0);
    if (const auto traces = object->getArray("traces"); !traces.isNull() && traces->size() > 0)
      read_trace(*traces->getObject(0), answer);
  } catch (const Poco::Exception&) {  // an answer of somebody else: a proxy's page, say
  }
}

/// Each of its answers has an id or an error.
bool is_podrings(const Answer& answer) { return !answer.id.empty() || !answer.error.empty(); }

}  // namespace

/// One connection and its thread.
class HttpRun::Worker {
 public:
  explicit Worker(HttpRun& run)
      : run_{run},
        target_{std::get<UrlTarget>(run.options_.target)},
        body_{body_of(run.options_)},
        session_{target_.host, target_.port} {
    const auto seconds = [](Duration time) {
      return Poco::Timespan{std::chrono::duration_cast<std::chrono::microseconds>(time).count()};
    };
    const Duration answer =
        std::min<Duration>(run.options_.timeout, milliseconds{kWaitMsMax}) + kAnswerMargin;
    session_.setTimeout(seconds(kConnectTimeout), seconds(answer), seconds(answer));
    session_.setKeepAlive(true);
    session_.setKeepAliveTimeout(Poco::Timespan{kKeepAliveS, 0});
  }

  void run() {
    TimePoint due;
    while (run_.next(due)) seed(due);
  }

 private:
  void seed(TimePoint due) {
    Duration pause = kRetryMin;
    while (true) {
      Answer answer;
      Told told;
      std::string reason;
      bool later = false;
      bool sent = false;
      try {
        answer = post(sent);
        later = (answer.status == 429 || answer.status == 503) && answer.id.empty();
        if (is_podrings(answer)) {
          run_.answered();
          reason = std::to_string(answer.status) + " " + answer.error +
                   (answer.detail.empty() ? "" : ": " + answer.detail);
        } else {  // an ingress without a pod says 503 by itself, for a while
          reason =
              server() + " answers " + std::to_string(answer.status) + ", and not as podring does";
          if (!later) (void)run_.unreachable(reason);
        }
      } catch (const Poco::Exception& error) {
        session_.reset();
        reason = server() + ": " + error.displayText();
        later = !sent && !run_.unreachable(reason);
      }
      told.id = answer.id;
      told.latency = now_steady() - due;
      if (is_taken(answer)) {
        told.fate = answer.end == "expired" ? Fate::expired : Fate::reached;
        told.trace = std::move(answer.trace);
        told.trace_omitted = answer.trace_omitted;
        run_.taken();
        return run_.end(std::move(told), {});
      }
      if (later && told.latency < run_.options_.timeout) {
        run_.retried();
        pause = std::min<Duration>(pause * 2, kRetryMax);
        if (answer.retry_after_s) {
          pause = std::chrono::duration_cast<Duration>(
              std::chrono::duration<double>{*answer.retry_after_s});
        }
        if (run_.wait(std::clamp<Duration>(pause, kRetryMin, kRetryMax))) continue;
      }
      const bool maybe_taken = (sent && answer.status == 0) || !answer.id.empty();
      told.fate = answer.status == 504 && !answer.id.empty()
                      ? answer.error == "expired" ? Fate::expired : Fate::timed_out
                  : maybe_taken ? Fate::unknown
                                : Fate::refused;
      return run_.end(std::move(told), reason);
    }
  }

  [[nodiscard]] std::string server() const {
    return target_.host + ":" + std::to_string(target_.port);
  }

  /// `sent`: the server may have got it.
  Answer post(bool& sent) {
    Poco::Net::HTTPRequest request{Poco::Net::HTTPRequest::HTTP_POST, target_.path,
                                   Poco::Net::HTTPMessage::HTTP_1_1};
    request.setContentType("application/json");
    request.setContentLength(static_cast<std::streamsize>(body_.size()));
    std::ostream& out = session_.sendRequest(request);
    sent = true;
    out << body_;
    out.flush();
    Poco::Net::HTTPResponse response;
    std::istream& in = session_.receiveResponse(response);
    Answer answer;
    answer.status = response.getStatus();
    std::string text;
    std::array<char, 16 * 1024> part;
    while (in && text.size() < kAnswerBytesMax) {
      in.read(part.data(), part.size());
      text.append(part.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (in) session_.reset();  // longer than anything podring says; the rest is not read
    if (response.has("Retry-After")) {
      char* end = nullptr;
      const std::string value = response.get("Retry-After");
      const double number = std::strtod(value.c_str(), &end);
      if (end != value.c_str() && number >= 0) answer.retry_after_s = std::min(number, 3600.0);
    }
    read_body(text, answer);
    return answer;
  }

  HttpRun& run_;
  const UrlTarget& target_;
  const std::string body_;
  Poco::Net::HTTPClientSession session_;
};

HttpRun::HttpRun(const Options& options, Tally& tally, Watcher& watcher)
    : options_{options},
      tally_{tally},
      watcher_{watcher},
      pacer_{now_steady(), options.count, options.rate} {}

std::string HttpRun::run() {
  const auto threads =
      static_cast<std::size_t>(std::min<std::uint64_t>(options_.in_flight, options_.count));
  workers_left_ = threads;
  pacer_ = Pacer{now_steady(), options_.count, options_.rate};
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < threads; ++i) {
    workers.emplace_back([this] {
      Worker{*this}.run();
      const std::lock_guard lock{mutex_};
      --workers_left_;
      changed_.notify_all();
    });
  }
  {
    std::unique_lock lock{mutex_};
    while (workers_left_ > 0) {
      changed_.wait_for(lock, kLookEvery, [this] { return workers_left_ == 0; });
      const bool going = watcher_.go_on(
          now_steady(),
          {tally_.ended(), tally_.ended() - tally_.of(Fate::reached), options_.count, under_way_});
      if (!going) over_ = true;
      if (over_) changed_.notify_all();
    }
  }
  for (std::thread& worker : workers) worker.join();
  return ever_answered_ ? std::string{} : gave_up_;
}

bool HttpRun::next(TimePoint& due) {
  std::unique_lock lock{mutex_};
  while (!over_ && !pacer_.all_begun()) {
    const TimePoint at = *pacer_.next();
    const TimePoint now = now_steady();
    if (at <= now) {
      due = options_.rate ? at : now;
      pacer_.begin();
      ++under_way_;
      return true;
    }
    changed_.wait_for(lock, at - now);
  }
  return false;
}

bool HttpRun::wait(Duration pause) {
  std::unique_lock lock{mutex_};
  return !changed_.wait_for(lock, pause, [this] { return over_; });
}

void HttpRun::answered() {
  const std::lock_guard lock{mutex_};
  ever_answered_ = true;
}

void HttpRun::taken() {
  const std::lock_guard lock{mutex_};
  pacer_.taken();
}

void HttpRun::end(Told told, const std::string& reason) {
  const std::lock_guard lock{mutex_};
  --under_way_;
  if (!reason.empty()) tally_.add_reason(reason);
  tally_.add(std::move(told));
}

void HttpRun::retried() {
  const std::lock_guard lock{mutex_};
  tally_.add_retry();
}

bool HttpRun::unreachable(const std::string& why) {
  const std::lock_guard lock{mutex_};
  if (ever_answered_) return false;
  gave_up_ = why;
  over_ = true;
  return true;
}

}  // namespace podring::inject
