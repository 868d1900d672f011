#include "deliver/http_exchange.h"

#include <algorithm>
#include <new>

#include "deliver/delivery.h"

namespace podring::deliver {
namespace {

constexpr long kConnectMsMax = 1000;  // on loopback a connection takes microseconds

template <typename Value>
void set(CURL* curl, CURLoption option, Value value) {
  if (curl_easy_setopt(curl, option, value) != CURLE_OK) throw std::bad_alloc{};
}

}  // namespace

HttpExchange::HttpExchange() : curl_{curl_easy_init()} {
  if (!curl_) throw std::bad_alloc{};
}

HttpExchange::~HttpExchange() = default;

void HttpExchange::start(const ExchangeRequest& request) {
  CURL* curl = curl_.get();
  curl_easy_reset(curl);
  answer_.clear();
  body_bytes_ = head_bytes_ = 0;
  headers_.reset();
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc{};
    (void)headers_.release();
    headers_.reset(longer);
  };
  for (const auto& [name, value] : request.headers) {
    add(value.empty() ? name + ";" : name + ": " + value);  // libcurl's form for an empty value
  }
  add("Expect:");  // no 100-continue: it costs a round trip
  const bool typed = std::any_of(request.headers.begin(), request.headers.end(),
                                 [](const auto& header) { return header.first == "Content-Type"; });
  if (!typed) add("Content-Type:");  // libcurl would claim a form

  set(curl, CURLOPT_URL, request.url.c_str());
  set(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.has_body) {
    set(curl, CURLOPT_POST, 1L);
    set(curl, CURLOPT_POSTFIELDS, request.body.data());
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  } else if (request.method == "HEAD") {
    set(curl, CURLOPT_NOBODY, 1L);
  }
  set(curl, CURLOPT_HTTPHEADER, headers_.get());
  set(curl, CURLOPT_USERAGENT, "podring");
  const long time_max = std::max<long>(1, static_cast<long>(request.time_max.count()));
  set(curl, CURLOPT_TIMEOUT_MS, time_max);
  set(curl, CURLOPT_CONNECTTIMEOUT_MS, std::min(time_max, kConnectMsMax));
  set(curl, CURLOPT_NOSIGNAL, 1L);
  set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  set(curl, CURLOPT_PROXY, "");  // whatever http_proxy says
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(curl, CURLOPT_PATH_AS_IS, 1L);
  set(curl, CURLOPT_WRITEFUNCTION, &HttpExchange::on_body);
  set(curl, CURLOPT_WRITEDATA, this);
  set(curl, CURLOPT_HEADERFUNCTION, &HttpExchange::on_header);
  set(curl, CURLOPT_HEADERDATA, this);
}

ExchangeResult HttpExchange::finish(CURLcode code) {
  ExchangeResult result;
  long status = 0;
  (void)curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status <= 999 && head_bytes_ <= kAnswerHeadMax) {
    // A body that is too long or never ends takes nothing from what the status says.
    result.kind = ExchangeResult::Kind::answered;
    result.status = static_cast<std::uint16_t>(status);
    curl_off_t retry_after = 0;
    (void)curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &retry_after);
    if (retry_after > 0) result.retry_after = std::chrono::seconds{retry_after};
    result.answer = std::move(answer_);
    return result;
  }
  const bool nobody = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
  curl_off_t connected_us = 0;
  (void)curl_easy_getinfo(curl_.get(), CURLINFO_CONNECT_TIME_T, &connected_us);
  const bool never_connected = code == CURLE_OPERATION_TIMEDOUT && connected_us == 0;
  result.kind = nobody || never_connected ? ExchangeResult::Kind::no_connection
                                          : ExchangeResult::Kind::no_answer;
  result.detail = head_bytes_ > kAnswerHeadMax ? "the head of the answer has more than 16 KiB"
                                               : curl_easy_strerror(code);
  return result;
}

std::size_t HttpExchange::on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<HttpExchange*>(self);
  const std::size_t got = size * count;
  const std::size_t kept = std::min(got, kAnswerBytesMax - exchange.answer_.size());
  exchange.answer_.append(bytes, kept);
  exchange.body_bytes_ += got;
  return exchange.body_bytes_ > kAnswerReadMax ? 0 : got;  // 0 ends the transfer
}

std::size_t HttpExchange::on_header(char*, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<HttpExchange*>(self);
  exchange.head_bytes_ += size * count;
  return exchange.head_bytes_ > kAnswerHeadMax ? 0 : size * count;
}

}  // namespace podring::deliver
