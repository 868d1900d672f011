// One HTTP request to the program beside this pod and what came of it, with a deadline over the
// whole of it and a bound on every part of the answer. Wraps a libcurl easy handle.
//
// libcurl in place of Poco's client: its deadline holds over the whole exchange, so that a program
// that drips bytes cannot outlive it; one thread drives many exchanges; connections are kept.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "deliver/cloud_event.h"

namespace podring::deliver {

inline constexpr std::size_t kAnswerReadMax =
    64 * 1024;  ///< bytes of a body; then the connection is cut
inline constexpr std::size_t kAnswerHeadMax = 16 * 1024;  ///< bytes of all header lines

struct ExchangeRequest {
  std::string method;
  std::string url;
  Headers headers;
  std::string_view body;  ///< must live as long as the exchange
  bool has_body = true;
  std::chrono::milliseconds time_max{};  ///< from now to the end of the answer; > 0
};

struct ExchangeResult {
  enum class Kind : std::uint8_t {
    answered,       ///< there is a status
    no_connection,  ///< refused, unreachable, or no connection within the time
    no_answer,      ///< a connection, and no complete answer head within the time, or a broken one
  };
  Kind kind = Kind::no_answer;
  std::uint16_t status = 0;
  std::optional<std::chrono::seconds> retry_after;
  std::string answer;  ///< at most kAnswerBytesMax
  std::string detail;  ///< libcurl's words when nothing was answered
};

class HttpExchange {
 public:
  HttpExchange();  ///< throws std::bad_alloc when libcurl gives no handle
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  /// Prepares the handle for `request`; it may be used again after finish().
  void start(const ExchangeRequest& request);
  /// What came of it; `code` is what libcurl reported for the handle.
  [[nodiscard]] ExchangeResult finish(CURLcode code);
  [[nodiscard]] CURL* handle() const { return curl_.get(); }

 private:
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);

  struct Free {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  std::unique_ptr<CURL, Free> curl_;
  std::unique_ptr<curl_slist, Free> headers_;
  std::string answer_;
  std::size_t body_bytes_ = 0;
  std::size_t head_bytes_ = 0;
};

}  // namespace podring::deliver
