#include "e2e/support/http.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>

namespace podring::e2e {
namespace {

HttpAnswer ask(const std::string& host, std::uint16_t port, const std::string& method,
               const std::string& path, const std::string& body, std::chrono::seconds at_most) {
  HttpAnswer answer;
  try {
    Poco::Net::HTTPClientSession session{host, port};
    session.setTimeout({static_cast<long>(at_most.count()), 0});
    Poco::Net::HTTPRequest request{method, path, "HTTP/1.1"};
    if (!body.empty()) {
      request.setContentType("application/json");
      request.setContentLength64(static_cast<Poco::Int64>(body.size()));
    }
    session.sendRequest(request) << body;
    Poco::Net::HTTPResponse response;
    std::istream& stream = session.receiveResponse(response);
    Poco::StreamCopier::copyToString(stream, answer.body);
    answer.status = response.getStatus();
  } catch (const Poco::Exception&) {
    answer.status = 0;
  }
  return answer;
}

}  // namespace

HttpAnswer http_get(const std::string& host, std::uint16_t port, const std::string& path) {
  return ask(host, port, "GET", path, {}, std::chrono::seconds{10});
}

HttpAnswer http_post(const std::string& host, std::uint16_t port, const std::string& path,
                     const std::string& json, std::chrono::seconds at_most) {
  return ask(host, port, "POST", path, json, at_most);
}

std::string json_text(const std::string& json, const std::string& member) {
  try {
    Poco::JSON::Parser parser;
    const auto object = parser.parse(json).extract<Poco::JSON::Object::Ptr>();
    return object->has(member) ? object->get(member).toString() : std::string{};
  } catch (const Poco::Exception&) {
    return {};
  }
}

}  // namespace podring::e2e
