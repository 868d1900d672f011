#include "http/listener.h"

#include <sys/socket.h>

#include <stdexcept>

#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/Net/TCPServerParams.h>
#include <Poco/Timespan.h>

namespace podring::http {
namespace {

constexpr int kBacklog = 128;
const Poco::Timespan kThreadIdle{0, 250'000};
constexpr int kThreadStack = 1024 * 1024;
// What the kernel may hold for one reader. Fixed, so that a slow one is noticed and 32 of them cost
// a few megabytes at most.
constexpr int kSendBuffer = 128 * 1024;

class Factory : public Poco::Net::TCPServerConnectionFactory {
 public:
  Factory(const ConnectionRules& rules, AcceptTimes& times) : rules_{rules}, times_{times} {}
  Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& socket) override {
    return new Connection{socket, rules_, times_.take(socket.impl()->sockfd())};
  }

 private:
  const ConnectionRules& rules_;
  AcceptTimes& times_;
};

// Runs in the acceptor's thread. Poco closes what its queue cannot take without a word; this says
// why first.
class Filter : public Poco::Net::TCPServerConnectionFilter {
 public:
  Filter(const ConnectionRules& rules, AcceptTimes& times, int queue_max)
      : rules_{rules},
        times_{times},
        queue_max_{queue_max},
        refusal_{busy_reply(503, "overloaded", "too many connections wait for an answer", 1)} {}

  void watch(const Poco::Net::TCPServer* server) { server_ = server; }

  bool accept(const Poco::Net::StreamSocket& socket) override {
    const int fd = socket.impl()->sockfd();
    if (server_->queuedConnections() < queue_max_) {
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
      times_.put(fd, AcceptTimes::Clock::now());
      return true;
    }
    rules_.stats.connections_refused.fetch_add(1);
    rules_.stats.answered(refusal_.status);
    const std::string text = head_text(refusal_, refusal_.body.size()) + refusal_.body;
    // Best effort: a fresh connection takes this much without waiting.
    static_cast<void>(::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    ::shutdown(fd, SHUT_WR);
    char rest[4096];
    static_cast<void>(::recv(fd, rest, sizeof rest, MSG_DONTWAIT));
    return false;
  }

 private:
  const ConnectionRules& rules_;
  AcceptTimes& times_;
  const int queue_max_;
  const Reply refusal_;
  const Poco::Net::TCPServer* server_ = nullptr;
};

std::string endpoint_text(const Listener::Options& options) {
  const std::string address = to_string(options.bind);
  return (options.bind.is_v4() ? address : "[" + address + "]") + ":" +
         std::to_string(options.port);
}

}  // namespace

void AcceptTimes::put(int fd, Clock::time_point accepted) {
  const std::lock_guard lock{mutex_};
  by_fd_[fd] = accepted;
}

AcceptTimes::Clock::time_point AcceptTimes::take(int fd) {
  const std::lock_guard lock{mutex_};
  const auto node = by_fd_.extract(fd);
  return node.empty() ? Clock::now() : node.mapped();
}

Listener::Listener(const Options& options, const ConnectionRules& rules)
    : rules_{rules},
      // Room above the dispatcher's own bound: a thread that has just finished is not free at once.
      threads_{options.name, 1, options.threads + 8, 60, kThreadStack} {
  try {
    const Poco::Net::SocketAddress endpoint{to_string(options.bind), options.port};
    if (options.bind.is_v4()) {
      socket_.bind(endpoint, /*reuseAddress=*/true, /*reusePort=*/false);
    } else {
      socket_.bind6(endpoint, /*reuseAddress=*/true, /*reusePort=*/false, /*ipV6Only=*/false);
    }
    socket_.listen(kBacklog);
    port_ = socket_.address().port();
  } catch (const Poco::Exception& wrong) {
    throw std::runtime_error{"cannot listen on " + endpoint_text(options) + ": " +
                             wrong.displayText() + "; choose another port with " + options.flag +
                             " or another address with --bind"};
  }
  Poco::Net::TCPServerParams::Ptr params{new Poco::Net::TCPServerParams};
  params->setMaxThreads(options.threads);
  params->setMaxQueued(options.queue);
  // A thread that begins to wait for a connection in the moment of stop() is not woken: it looks
  // again after this time, where Poco's default is 10 s.
  params->setThreadIdleTime(kThreadIdle);
  server_ = std::make_unique<Poco::Net::TCPServer>(
      Poco::Net::TCPServerConnectionFactory::Ptr{new Factory{rules_, accept_times_}}, threads_,
      socket_, params);
  Poco::AutoPtr<Filter> filter{new Filter{rules_, accept_times_, options.queue}};
  filter->watch(server_.get());
  server_->setConnectionFilter(filter);
}

void Listener::start() {
  server_->start();
  started_ = true;
}

void Listener::stop() {
  if (started_) {
    server_->stop();
    threads_.joinAll();
    started_ = false;
  }
  socket_.close();
}

ServerLoad Listener::load() const {
  return {static_cast<std::uint64_t>(server_->currentConnections()),
          static_cast<std::uint64_t>(server_->queuedConnections())};
}

}  // namespace podring::http
