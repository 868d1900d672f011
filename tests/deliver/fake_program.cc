#include "deliver/fake_program.h"

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/ServerSocket.h>

#include <exception>
#include <utility>

namespace podring::deliver {
namespace {

class Handler : public Poco::Net::HTTPRequestHandler {
 public:
  explicit Handler(const FakeProgram::Answer& answer) : answer_{answer} {}
  void handleRequest(Poco::Net::HTTPServerRequest& request,
                     Poco::Net::HTTPServerResponse& response) override {
    try {
      answer_(request, response);
    } catch (const std::exception&) {
      // The other side has hung up, which some tests want.
    }
  }

 private:
  const FakeProgram::Answer& answer_;
};

class Factory : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit Factory(FakeProgram::Answer answer) : answer_{std::move(answer)} {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(
      const Poco::Net::HTTPServerRequest&) override {
    return new Handler{answer_};
  }

 private:
  FakeProgram::Answer answer_;
};

}  // namespace

FakeProgram::FakeProgram(Answer answer, std::uint16_t port) {
  Poco::Net::ServerSocket socket{Poco::Net::SocketAddress{"127.0.0.1", port}};
  server_ = std::make_unique<Poco::Net::HTTPServer>(new Factory{std::move(answer)}, socket,
                                                    new Poco::Net::HTTPServerParams);
  server_->start();
}

FakeProgram::~FakeProgram() { server_->stopAll(true); }

void answer(Poco::Net::HTTPServerResponse& response, int status, const std::string& body) {
  response.setStatus(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status));
  response.setContentLength64(static_cast<Poco::Int64>(body.size()));
  response.send() << body;
}

}  // namespace podring::deliver
