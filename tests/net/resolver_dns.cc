#include "net/resolver_dns.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "net/loopback.h"

extern char** environ;

namespace podring {
namespace {

constexpr std::uint16_t kPort = 10053;  // addresses differ from process to process
constexpr const char* kSerialName = "serial.ring.test";

std::runtime_error failed(const std::string& what) {
  return std::runtime_error{what + ": " + std::strerror(errno)};
}

sockaddr_in socket_address(const DnsServer& server) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port);
  address.sin_addr.s_addr = htonl(static_cast<std::uint32_t>(server.address.low));
  return address;
}

OwnFd bound_socket(const DnsServer& server, int type) {
  OwnFd fd{::socket(AF_INET, type | SOCK_CLOEXEC, 0)};
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const auto address = socket_address(server);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw failed("bind " + to_string(server.address));
  }
  return fd;
}

void put16(std::string& out, unsigned value) {
  out.push_back(static_cast<char>((value >> 8) & 0xff));
  out.push_back(static_cast<char>(value & 0xff));
}

unsigned get16(std::string_view bytes, std::size_t at) {
  return (static_cast<unsigned char>(bytes[at]) << 8U) | static_cast<unsigned char>(bytes[at + 1]);
}

/// The end of the name that begins at 12; the question's type follows.
std::size_t name_end(std::string_view bytes, std::string& name) {
  std::size_t at = 12;
  while (at < bytes.size() && bytes[at] != 0) {
    const auto length = static_cast<unsigned char>(bytes[at]);
    name += (name.empty() ? "" : ".") + std::string{bytes.substr(at + 1, length)};
    at += 1U + length;
  }
  return at + 1;
}

/// Reads exactly `size` bytes; false when the other side has closed.
bool read_all(int fd, char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(fd, to, size, 0);
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

Dnsmasq::Dnsmasq(std::uint32_t n, std::vector<std::string> extra) : server_{loopback(n), kPort} {
  std::string folder = (std::filesystem::temp_directory_path() / "podring-dns-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) throw failed("mkdtemp " + folder);
  folder_ = folder;
  std::ofstream{folder_ + "/hosts"} << "127.0.0.0 " << kSerialName << "\n";

  std::vector<std::string> words{"dnsmasq",
                                 "--keep-in-foreground",
                                 "--conf-file=/dev/null",
                                 "--no-resolv",
                                 "--no-hosts",
                                 "--pid-file=",
                                 "--bind-interfaces",
                                 "--log-facility=" + folder_ + "/log",
                                 "--addn-hosts=" + folder_ + "/hosts",
                                 "--local=/ring.test/",
                                 "--local-ttl=5",
                                 "--edns-packet-max=1232",
                                 "--port=" + std::to_string(server_.port),
                                 "--listen-address=" + to_string(server_.address)};
  if (::geteuid() == 0) words.push_back("--user=root");  // the folder is ours alone
  words.insert(words.end(), extra.begin(), extra.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // Debian keeps it in /usr/sbin, which a user's PATH may lack.
  const char* const path = std::getenv("PATH");
  ::setenv("PATH", (std::string{path == nullptr ? "" : path} + ":/usr/sbin").c_str(), 1);
  const int error =
      ::posix_spawnp(&pid_, words.front().c_str(), nullptr, nullptr, arguments.data(), environ);
  if (error != 0) {
    std::filesystem::remove_all(folder_);
    throw std::runtime_error{"dnsmasq does not start (Debian package dnsmasq-base): " +
                             std::string{std::strerror(error)}};
  }
  wait_until_it_answers(0);
}

Dnsmasq::~Dnsmasq() {
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Dnsmasq::signal(int number) const { ::kill(pid_, number); }

void Dnsmasq::serve(const std::multimap<std::string, std::string>& records) {
  ++serial_;
  {
    std::ofstream file{folder_ + "/hosts.new"};
    for (const auto& [name, address] : records) file << address << " " << name << "\n";
    file << "127.0.0." << serial_ << " " << kSerialName << "\n";
  }
  std::filesystem::rename(folder_ + "/hosts.new", folder_ + "/hosts");
  signal(SIGHUP);
  wait_until_it_answers(serial_);
}

void Dnsmasq::wait_until_it_answers(std::uint32_t serial) const {
  const std::string question = make_question(kSerialName, 1);
  for (int i = 0; i < 1000; ++i) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      throw std::runtime_error{"dnsmasq ended; is its address in use?"};
    }
    const auto reply = ask_once(server_, question);
    // The address is the reply's last four bytes but for EDNS, which was not asked for.
    if (reply && reply->size() > 16 && get16(*reply, 6) == 1 &&
        static_cast<unsigned char>(reply->back()) == serial) {
      return;
    }
    ::usleep(10'000);
  }
  throw std::runtime_error{"dnsmasq does not answer"};
}

ScriptedDns::ScriptedDns(std::uint32_t n, Script script, bool tcp)
    : server_{loopback(n), kPort}, script_{std::move(script)} {
  udp_ = bound_socket(server_, SOCK_DGRAM);
  if (tcp) {
    tcp_ = bound_socket(server_, SOCK_STREAM);
    if (::listen(tcp_.get(), 16) != 0) throw failed("listen");
  }
  stop_ = OwnFd{::eventfd(0, EFD_CLOEXEC)};
  thread_ = std::thread{[this] { run(); }};
}

ScriptedDns::~ScriptedDns() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

std::vector<ScriptedDns::Question> ScriptedDns::questions() const {
  const std::lock_guard lock{mutex_};
  return questions_;
}

void ScriptedDns::run() {
  std::array<pollfd, 3> fds{
      {{stop_.get(), POLLIN, 0}, {udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}}};
  std::array<char, 65536> buffer{};
  std::vector<OwnFd> silent;  // connections that get no answer stay open
  while (true) {
    ::poll(fds.data(), fds.size(), -1);
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t got = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(&from), &size);
      if (got >= 12) {
        const auto reply =
            answer({buffer.data(), static_cast<std::size_t>(got)}, false, ntohs(from.sin_port));
        if (reply) {
          ::sendto(udp_.get(), reply->data(), reply->size(), 0,
                   reinterpret_cast<const sockaddr*>(&from), size);
        }
      }
    }
    if (fds[2].revents != 0) {
      OwnFd connection{::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
      const timeval patience{2, 0};
      ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      std::array<char, 2> length{};
      if (!read_all(connection.get(), length.data(), length.size())) continue;
      const std::size_t size = get16({length.data(), 2}, 0);
      if (size < 12 || !read_all(connection.get(), buffer.data(), size)) continue;
      const auto reply = answer({buffer.data(), size}, true, 0);
      if (!reply) {
        silent.push_back(std::move(connection));
        continue;
      }
      std::string framed;
      put16(framed, static_cast<unsigned>(reply->size()));
      framed += *reply;
      (void)!::send(connection.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
    }
  }
}

std::optional<std::string> ScriptedDns::answer(std::string bytes, bool by_tcp,
                                               std::uint16_t source_port) {
  Question question{std::move(bytes), by_tcp, source_port, {}, 0};
  const std::size_t end = name_end(question.bytes, question.name);
  if (end + 2 <= question.bytes.size()) {
    question.type = static_cast<std::uint16_t>(get16(question.bytes, end));
  }
  auto reply = script_(question);
  const std::lock_guard lock{mutex_};
  questions_.push_back(std::move(question));
  return reply;
}

std::string make_reply(const ScriptedDns::Question& question, unsigned rcode,
                       const std::vector<std::uint32_t>& addresses, bool truncated) {
  std::string name;
  const std::size_t end = name_end(question.bytes, name) + 4;
  std::string reply = question.bytes.substr(0, 2);
  put16(reply, 0x8580U | (truncated ? 0x0200U : 0U) | rcode);  // a response, authoritative
  put16(reply, 1);
  put16(reply, static_cast<unsigned>(addresses.size()));
  put16(reply, 0);
  put16(reply, 0);
  reply += question.bytes.substr(12, end - 12);
  for (const std::uint32_t address : addresses) {
    put16(reply, 0xc00c);  // the question's name
    put16(reply, 1);       // A
    put16(reply, 1);       // IN
    put16(reply, 0);
    put16(reply, 30);  // TTL
    put16(reply, 4);
    put16(reply, address >> 16);
    put16(reply, address & 0xffff);
  }
  return reply;
}

std::optional<std::string> ask_once(const DnsServer& server, const std::string& bytes) {
  const OwnFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const auto address = socket_address(server);
  // Connected, so that a server that is not there yet is told at once.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::send(fd.get(), bytes.data(), bytes.size(), 0) < 0) {
    return std::nullopt;
  }
  pollfd wanted{fd.get(), POLLIN, 0};
  if (::poll(&wanted, 1, 1000) != 1) return std::nullopt;
  std::array<char, 4096> buffer{};
  const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
  if (got < 12) return std::nullopt;
  return std::string{buffer.data(), static_cast<std::size_t>(got)};
}

std::string make_question(const std::string& name, std::uint16_t type) {
  std::string bytes("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  std::size_t at = 0;
  while (at < name.size()) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    bytes.push_back(static_cast<char>(end - at));
    bytes += name.substr(at, end - at);
    at = end + 1;
  }
  bytes.push_back('\0');
  put16(bytes, type);
  put16(bytes, 1);
  return bytes;
}

}  // namespace podring
