#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <random>
#include <regex>
#include <utility>

#include "doctor/facts.h"
#include "net/loop_clock.h"
#include "net/seed_client.h"

namespace podring::doctor {
namespace {

const Poco::Timespan kPatience{2, 0};
constexpr std::size_t kBodyMax = 4 * 1024 * 1024;  // of /ring, with 1,000 peers some 300 KiB
/// tcpmux: nobody listens there, so whoever takes a connection stands in between.
constexpr std::uint16_t kUnusedPort = 1;

Port try_port(Address address, std::uint16_t port) {
  try {
    Poco::Net::StreamSocket socket;
    socket.connect(Poco::Net::SocketAddress{to_string(address), port}, kPatience);
    return Port::open;
  } catch (const Poco::Net::ConnectionRefusedException&) {
    return Port::refused;
  } catch (const Poco::Exception&) {  // time-out, no route
    return Port::silent;
  }
}

void say_hello(zmq::context_t& context, const Config& config, PeerFacts& peer) {
  SeedClientOptions options;
  options.ring = config.ring;
  options.name = "doctor";
  options.keys = config.ring_keys;
  std::random_device random;  // a peer that still knows the boot id of the last look would wait
  SeedClient client{context, options, BootId{(std::uint64_t{random()} << 32) | random() | 1}};
  LoopClock clock;
  client.start(clock.read().steady, peer.address, config.port);
  while (true) {
    (void)client.on_ready(clock.read().steady);
    if (client.greeted() || client.failed()) break;
    const auto fds = client.fds();
    std::array<pollfd, 2> waited{{{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}}};
    const Duration left = client.next_deadline() - clock.read().steady;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    ::poll(waited.data(), waited.size(), static_cast<int>(std::clamp<std::int64_t>(ms, 0, 1000)));
  }
  peer.greeted = client.greeted();
  peer.hello_failure = client.reason();
  peer.hello_refused = client.hello_refused();
  peer.identity = client.remote();
  peer.version_max = client.remote_version_max();
}

/// How far the clock that wrote `date` is ahead, taking it for the middle of its second.
std::optional<Duration> ahead(const std::string& date, std::chrono::system_clock::time_point here) {
  Poco::DateTime there;
  int zone = 0;
  if (!Poco::DateTimeParser::tryParse(Poco::DateTimeFormat::HTTP_FORMAT, date, there, zone)) {
    return std::nullopt;
  }
  const auto at = std::chrono::system_clock::time_point{
      std::chrono::microseconds{there.timestamp().epochMicroseconds()}};
  return at + std::chrono::milliseconds{500} - here;
}

struct Answer {
  int status = 0;
  std::string body;
};

/// Takes the clock of who answers into `peer`.
std::optional<Answer> get(PeerFacts& peer, std::uint16_t port, const std::string& path) {
  try {
    const auto before = std::chrono::system_clock::now();
    Poco::Net::HTTPClientSession session{Poco::Net::SocketAddress{to_string(peer.address), port}};
    session.setTimeout(kPatience);
    Poco::Net::HTTPRequest request{"GET", path, Poco::Net::HTTPRequest::HTTP_1_1};
    session.sendRequest(request);
    Poco::Net::HTTPResponse response;
    std::istream& in = session.receiveResponse(response);
    const auto after = std::chrono::system_clock::now();
    if (const auto far = ahead(response.get("Date", ""), before + (after - before) / 2)) {
      peer.clock_ahead = far;
    }
    Answer answer{static_cast<int>(response.getStatus()), {}};
    std::array<char, 16384> block{};
    while (in && answer.body.size() < kBodyMax) {
      in.read(block.data(), block.size());
      answer.body.append(block.data(), static_cast<std::size_t>(in.gcount()));
    }
    return answer;
  } catch (const Poco::Exception&) {  // the ports are known already; this one said no more
    return std::nullopt;
  }
}

void read_admin(const Config& config, PeerFacts& peer) {
  const auto ready = get(peer, config.admin_port, "/readyz");
  if (!ready) return;
  peer.ready_status = ready->status;
  if (ready->status != 200) peer.not_ready_because = ready->body.substr(0, 300);
  const auto metrics = get(peer, config.admin_port, "/metrics");
  if (!metrics) return;
  static const std::regex info{"podring_build_info\\{version=\"([^\"]*)\",revision=\"([^\"]*)\""};
  std::smatch found;
  if (std::regex_search(metrics->body, found, info)) {
    peer.build = found[1].str() + " (" + found[2].str() + ")";
    peer.reads_datagrams = metrics->body.find("podring_datagrams_received_total") != Bytes::npos;
    peer.port_missing = metrics->body.find("\npodring_datagrams_port_missing 1") != Bytes::npos;
    static const std::regex key{"podring_datagrams_ring_key_info\\{id=\"([^\"]*)\""};
    if (std::regex_search(metrics->body, found, key)) peer.ring_key = found[1].str();
  }
}

void read_ring(const Config& config, PeerFacts& peer) {
  const auto ring = get(peer, config.http_port, "/ring");
  if (!ring || ring->status != 200) return;
  try {
    const auto object = Poco::JSON::Parser{}.parse(ring->body).extract<Poco::JSON::Object::Ptr>();
    const auto peers = object->getArray("peers");
    for (std::size_t i = 0; peers && i < peers->size(); ++i) {
      const auto one = peers->getObject(static_cast<unsigned>(i));
      const auto to = parse_address(one->getValue<std::string>("address"));
      if (!to) continue;
      LinkFacts link;
      link.to = *to;
      link.state = one->getValue<std::string>("state");
      link.outgoing = one->getValue<bool>("outgoing");
      if (const auto udp = one->getObject("udp_to")) {
        link.datagrams = udp->getValue<std::string>("state");
      }
      if (const auto zmq = one->getObject("zmq_to")) {
        link.segment_max = zmq->getValue<std::size_t>("path_mtu");
      }
      peer.links.push_back(std::move(link));
    }
  } catch (const Poco::Exception&) {
    peer.links.clear();  // not podring's front end
  }
}

PeerFacts probe_peer(zmq::context_t& context, const Config& config, Address address) {
  PeerFacts peer;
  peer.address = address;
  peer.ring = try_port(address, config.port);
  if (peer.ring == Port::open) {
    say_hello(context, config, peer);
    peer.datagram = probe_datagrams(address, config.port);
    peer.intercepted = try_port(address, kUnusedPort) == Port::open;
  }
  peer.admin = try_port(address, config.admin_port);
  if (peer.admin == Port::open) read_admin(config, peer);
  peer.front = try_port(address, config.http_port);
  if (peer.front == Port::open) read_ring(config, peer);
  return peer;
}

}  // namespace

void probe_peers(const Config& config, std::vector<Address> addresses, Facts& facts) {
  facts.self_listed = std::erase(addresses, config.address) > 0;
  if (addresses.size() > kPeersMax) {  // evenly, so that the ring's whole length is looked at
    std::vector<Address> some;
    for (std::size_t i = 0; i < kPeersMax; ++i) {
      some.push_back(addresses[i * addresses.size() / kPeersMax]);
    }
    addresses = std::move(some);
  }
  zmq::context_t context{/*io_threads=*/1};
  const auto probe = [&](Address address) {
    return std::async(std::launch::async, probe_peer, std::ref(context), std::cref(config),
                      address);
  };
  auto self = probe(config.address);
  std::vector<std::future<PeerFacts>> probes;
  probes.reserve(addresses.size());
  for (const Address address : addresses) probes.push_back(probe(address));
  for (auto& one : probes) facts.peers.push_back(one.get());
  facts.self = self.get();
  facts.self_runs = facts.self.greeted;
}

}  // namespace podring::doctor
