#include "http/request_parser.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/String.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <tuple>
#include <utility>

namespace podring::http {
namespace {

constexpr int kFieldsMax = 100;
constexpr std::size_t kChunkLineMax = 256;      // a size and its extensions
constexpr std::size_t kTrailersMax = 4 * 1024;  // all of them

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// Where the head's blank line ends; npos while it has not come. Lines end with LF or CR LF.
std::size_t head_end(std::string_view text, std::size_t from) {
  for (auto at = text.find('\n', from); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    if (text.substr(at + 1, 1) == "\n") {
      return at + 2;
    }
    if (text.substr(at + 1, 2) == "\r\n") {
      return at + 3;
    }
  }
  return std::string_view::npos;
}

std::size_t count_of(const Poco::Net::HTTPRequest& head, const std::string& name) {
  std::size_t count = 0;
  for (const auto& [key, value] : head) {
    count += Poco::icompare(key, name) == 0 ? 1 : 0;
  }
  return count;
}

template <typename Number>
std::optional<Number> read_number(std::string_view digits, int base) {
  Number number{};
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, base);
  if (digits.empty() || error != std::errc{} || stop != end) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

RequestParser::State RequestParser::feed(std::string_view bytes) {
  if (bytes.empty() || state_ == State::done || state_ == State::failed) {
    return state_;
  }
  untouched_ = false;
  pending_ += bytes;
  if (state_ == State::head) {
    read_head();
  }
  if (state_ == State::body) {
    read_body();
  }
  return state_;
}

bool RequestParser::take_expects_continue() { return std::exchange(expects_continue_, false); }

RequestParser::State RequestParser::fail(int status, std::string_view error,
                                         std::string_view detail) {
  failure_ = error_reply(status, error, detail);
  return state_ = State::failed;
}

void RequestParser::read_head() {
  // Blank lines before the request line are skipped (RFC 9112, 2.2).
  if (const auto start = pending_.find_first_not_of("\r\n"); start != 0) {
    pending_.erase(0, start);
  }
  const std::size_t end = head_end(pending_, scanned_);
  if (std::min(end, pending_.size()) > limits_.head_max) {
    fail(431, "head_too_large",
         "request line and headers have more than " + std::to_string(limits_.head_max) + " bytes");
    return;
  }
  if (end == std::string::npos) {
    scanned_ = pending_.size() < 2 ? 0 : pending_.size() - 2;
    return;
  }
  Poco::Net::HTTPRequest head;
  head.setFieldLimit(kFieldsMax);
  try {
    std::istringstream in{pending_.substr(0, end)};
    head.read(in);
  } catch (const Poco::Exception& bad) {
    fail(400, "bad_request", "the request's head cannot be read: " + bad.displayText());
    return;
  }
  pending_.erase(0, end);
  request_.method = head.getMethod();
  request_.last_event_id = head.get("Last-Event-ID", "");
  request_.content_type = head.get("Content-Type", "");
  request_.traceparent = head.get("traceparent", "");
  request_.tracestate = head.get("tracestate", "");
  for (const auto& [name, value] : head) {
    const std::string lower = Poco::toLower(name);
    if (lower.starts_with("ce-")) request_.ce.emplace_back(lower.substr(3), value);
  }
  auto target = split_target(head.getURI());
  if (!is_token(request_.method)) {
    fail(400, "bad_request", "the method is no HTTP method");
    return;
  }
  if (head.getURI() == "*" && request_.method == "OPTIONS") {
    target = {"*", {}};
  }
  if (!target) {
    fail(400, "bad_request",
         "the target must be a path that begins with '/'; in its query no name may come twice and "
         "every '%' must be followed by two hex digits");
    return;
  }
  std::tie(request_.path, request_.query) = std::move(*target);
  const std::string& version = head.getVersion();
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    fail(400, "bad_request", "only HTTP/1.1 and HTTP/1.0 are spoken here");
    return;
  }
  if (count_of(head, "Host") > 1 || (version == "HTTP/1.1" && !head.has("Host"))) {
    fail(400, "bad_request", "there must be exactly one Host header");
    return;
  }

  const std::size_t lengths = count_of(head, "Content-Length");
  const std::string coding = head.get("Transfer-Encoding", "");
  if (lengths > 1 || (lengths == 1 && !coding.empty())) {
    fail(400, "bad_request", "Content-Length and Transfer-Encoding: give one of them, once");
    return;
  }
  if (!coding.empty()) {
    if (Poco::icompare(coding, "chunked") != 0 || count_of(head, "Transfer-Encoding") > 1) {
      fail(501, "not_implemented", "the only Transfer-Encoding understood here is chunked");
      return;
    }
    chunked_ = true;
  } else if (lengths == 1) {
    const std::string& digits = head.get("Content-Length");
    const bool all_digits =
        !digits.empty() &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!all_digits) {
      fail(400, "bad_request", "Content-Length must be a whole number");
      return;
    }
    const auto length = read_number<std::size_t>(digits, 10);
    if (!length || *length > limits_.body_max) {
      fail(413, "too_large",
           "the body may have at most " + std::to_string(limits_.body_max) + " bytes");
      return;
    }
    left_ = *length;
  } else if (request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH") {
    fail(411, "length_required", "send Content-Length, or Transfer-Encoding: chunked");
    return;
  }
  if (const std::string expect = head.get("Expect", ""); !expect.empty()) {
    if (Poco::icompare(expect, "100-continue") != 0) {
      fail(417, "expectation_failed", "the only Expect understood here is 100-continue");
      return;
    }
    expects_continue_ = version == "HTTP/1.1" && (chunked_ || left_ > 0);
  }
  state_ = State::body;
}

void RequestParser::read_body() {
  if (chunked_) {
    read_chunks();
    return;
  }
  const std::size_t taken = std::min(left_, pending_.size());
  request_.body.append(pending_, 0, taken);
  left_ -= taken;
  pending_.clear();
  if (left_ == 0) {
    state_ = State::done;
  }
}

void RequestParser::read_chunk_size(std::string_view line) {
  const auto digits = line.substr(0, line.find_first_of("; \t"));
  const auto size = read_number<std::uint64_t>(digits, 16);
  if (!size || digits.size() > 16) {
    fail(400, "bad_request", "a chunk of the body does not begin with its size in hex");
  } else if (*size > limits_.body_max - request_.body.size()) {
    fail(413, "too_large",
         "the body may have at most " + std::to_string(limits_.body_max) + " bytes");
  } else {
    left_ = static_cast<std::size_t>(*size);
    chunk_ = left_ == 0 ? Chunk::trailer : Chunk::data;
  }
}

void RequestParser::read_chunks() {
  std::size_t used = 0;  // erased once at the end: many small chunks cost no more than one large
  const auto next_line = [&](std::string_view& line) {
    const auto end = pending_.find('\n', used);
    if (end == std::string::npos) {
      if (pending_.size() - used > kChunkLineMax) {
        fail(400, "bad_request", "a line of the chunked body is too long");
      }
      return false;
    }
    line = std::string_view{pending_}.substr(used, end - used);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    used = end + 1;
    return true;
  };
  std::string_view line;
  while (state_ == State::body) {
    if (chunk_ == Chunk::data) {
      const std::size_t taken = std::min(left_, pending_.size() - used);
      request_.body.append(pending_, used, taken);
      used += taken;
      left_ -= taken;
      if (left_ > 0) {
        break;
      }
      chunk_ = Chunk::data_end;
    }
    if (!next_line(line)) {
      break;
    }
    switch (chunk_) {
      case Chunk::data_end:
        if (!line.empty()) {
          fail(400, "bad_request", "a chunk of the body is longer than its size says");
        }
        chunk_ = Chunk::size;
        break;
      case Chunk::trailer:
        trailer_bytes_ += line.size();
        if (trailer_bytes_ > kTrailersMax) {
          fail(400, "bad_request", "the chunked body's trailers are too long");
        } else if (line.empty()) {
          state_ = State::done;
        }
        break;
      default:
        read_chunk_size(line);
        break;
    }
  }
  pending_.erase(0, used);
}

}  // namespace podring::http
