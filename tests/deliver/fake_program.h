// A program that takes messages, on a free loopback port; how it answers is up to the test.
#pragma once

#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace podring::deliver {

class FakeProgram {
 public:
  using Answer = std::function<void(Poco::Net::HTTPServerRequest&, Poco::Net::HTTPServerResponse&)>;

  explicit FakeProgram(Answer answer, std::uint16_t port = 0);
  ~FakeProgram();
  FakeProgram(const FakeProgram&) = delete;
  FakeProgram& operator=(const FakeProgram&) = delete;

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port()) + "/take";
  }

 private:
  std::unique_ptr<Poco::Net::HTTPServer> server_;
};

/// Answers with `status` and `body`.
void answer(Poco::Net::HTTPServerResponse& response, int status, const std::string& body = {});

}  // namespace podring::deliver
