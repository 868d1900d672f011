#include "inject/options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include <CLI/CLI.hpp>

#include "app/config_environment.h"
#include "app/config_parse.h"
#include "app/http_url.h"
#include "app/version.h"
#include "http/json_text.h"
#include "terminal/command_line.h"
#include "terminal/completion.h"

namespace podring::inject {
namespace {

constexpr const char* kAbout =
    "Seeds messages into a podring and tells what became of them.\n"
    "Without --peer, --service or --url the target is $PODRING_SERVICE, or the peer at 127.0.0.1.";

constexpr const char* kFooter = R"(
Exit codes:
  0    every message reached the stage that --wait names
  1    some did not: refused, expired, timed out, or the connection broke; the summary says why
  2    the command line is wrong
  3    nothing was seeded: the name has no address, nobody answers, or the ring's name is another one
  130  interrupted by Ctrl-C; the summary covers what was done until then

Examples:
  inject "hello"                                        to the peer on this machine
  inject --peer 10.42.0.9 --wait completed "hello"      shows the whole trace
  inject --service ring.default.svc.cluster.local "hi"  to any pod of the service
  inject --url http://localhost --count 1000 --rate 50 --wait safe "hello"
  inject --count 100000 --size 256 --json > run.json    load, and its figures for a program

The seed's stages: accepted (a peer holds it), safe (as many peers as the ring's --copies hold it, or it
has ended), completed (it has ended and the peer that took it knows). PODRING_RING and PODRING_SERVICE
stand for --ring and --service, PODRING_RING_KEY_FILE for --ring-key-file. Colours and the progress bar appear on a terminal only; NO_COLOR is honoured.
)";

/// Thrown within parse_options() alone.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::uint16_t parse_port(const std::string& text, const std::string& where) {
  const bool digits =
      !text.empty() && text.size() <= 5 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const unsigned long port = digits ? std::stoul(text) : 0;
  if (port < 1 || port > 65535)
    throw UsageError{"the port in '" + where + "' must be from 1 to 65535"};
  return static_cast<std::uint16_t>(port);
}

/// ip, ipv4:port, [ip] or [ip]:port
PeerTarget parse_peer(const std::string& text, std::uint16_t default_port) {
  PeerTarget target{{}, default_port};
  std::string host = text;
  if (!parse_address(text)) {
    const auto colon = text.rfind(':');
    if (colon != std::string::npos && text.find(']', colon) == std::string::npos) {
      target.port = parse_port(text.substr(colon + 1), text);
      host = text.substr(0, colon);
    }
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
      host = host.substr(1, host.size() - 2);
  }
  const auto address = parse_address(host);
  if (!address || address->is_unspecified()) {
    throw UsageError{
        "--peer must be an address such as 10.42.0.9, 10.42.0.9:5570 or [fd00::9]:5570, not '" +
        text + "'; a name goes to --service"};
  }
  target.address = *address;
  return target;
}

std::string service_name(const std::string& text) {
  if (!is_dns_name(text)) {
    throw UsageError{
        "--service must be a fully qualified name such as ring.default.svc.cluster.local, not '" +
        text + "'"};
  }
  return normal_service_name(text);
}

UrlTarget parse_url(const std::string& text) {
  auto url = parse_http_url(text);
  if (!url) {
    throw UsageError{
        "--url must look like http://localhost:8080 (http only, without @, ? and #), not '" + text +
        "'"};
  }
  if (!url->path.ends_with("/messages")) url->path += "/messages";
  return *url;
}

/// The raw values, as CLI11 fills them.
struct Raw {
  std::string peer;
  std::string service;
  std::string url;
  std::string dns_server;
  std::string ring;
  std::string ring_key_file;
  std::uint32_t port = kRingPort;
  std::string message;
  std::uint64_t count = 1;
  double rate = 0;
  std::size_t size = 0;
  std::uint32_t hops = 0;
  std::uint32_t laps = 0;
  std::uint64_t ttl_ms = 0;
  std::uint64_t timeout_ms = 60'000;
  std::uint32_t in_flight = 0;
  std::string wait = "safe";
  std::string ids_file;
  bool json = false;
  bool quiet = false;
  std::string completion;  ///< the shell
};

std::optional<DnsServer> dns_server_of(const Raw& raw) {
  if (raw.dns_server.empty()) return std::nullopt;
  const auto server = parse_dns_server(raw.dns_server);
  if (!server) {
    throw UsageError{"--dns-server must be an address such as 10.96.0.10 or 10.96.0.10:53, not '" +
                     raw.dns_server + "'"};
  }
  return server;
}

Target target_of(const Raw& raw) {
  const auto port = static_cast<std::uint16_t>(raw.port);
  if (!raw.url.empty()) return parse_url(raw.url);
  if (!raw.peer.empty()) return parse_peer(raw.peer, port);
  std::string service = raw.service;
  if (const char* named = std::getenv("PODRING_SERVICE"); service.empty() && named != nullptr)
    service = named;
  if (!service.empty()) return ServiceTarget{service_name(service), port, dns_server_of(raw)};
  return PeerTarget{Address::v4(0x7f000001), port};
}

std::string ring_of(const Raw& raw, const Target& target) {
  if (!raw.ring.empty()) return raw.ring;
  if (const char* ring = std::getenv("PODRING_RING"); ring != nullptr && *ring != '\0') return ring;
  if (const auto* service = std::get_if<ServiceTarget>(&target)) return service->name;
  return "podring";
}

/// The message, made `size` bytes long when a size is given.
/// What a pod's own variables say holds for an inject in it as well.
lane::RingKeys ring_keys_of(const Raw& raw) {
  std::string file = raw.ring_key_file;
  std::string where = "--ring-key-file";
  if (const char* named = std::getenv("PODRING_RING_KEY_FILE"); file.empty() && named != nullptr) {
    file = named;
    where = "PODRING_RING_KEY_FILE";
  }
  lane::RingKeys keys;
  if (file.empty()) return keys;
  if (const std::string wrong = read_ring_keys(file, keys); !wrong.empty())
    throw UsageError{where + " is '" + file + "' but " + wrong};
  return keys;
}

std::string message_of(const Raw& raw, bool has_message, bool has_size) {
  if (!has_message && !has_size)
    throw UsageError{
        "what shall be seeded? Give a message, as in: inject \"hello\" (or --size for any text)"};
  std::string message = has_message ? raw.message : std::string{"podring "};
  if (!http::is_utf8(message)) throw UsageError{"the message must be UTF-8"};
  if (!has_size) return message;
  if (message.size() > raw.size) {
    throw UsageError{"--size " + std::to_string(raw.size) +
                     " is less than the message, which has " + std::to_string(message.size()) +
                     " bytes"};
  }
  message.resize(raw.size, '.');
  return message;
}

Options options_of(const CLI::App& app, const Raw& raw) {
  Options options;
  options.target = target_of(raw);
  const bool http = std::holds_alternative<UrlTarget>(options.target);
  if (!raw.dns_server.empty() && !std::holds_alternative<ServiceTarget>(options.target))
    throw UsageError{"--dns-server is for --service; name one, or leave it out"};
  if (http && !raw.ring.empty())
    throw UsageError{"--ring is not for --url: the server behind it belongs to one ring"};
  if (http && app.count("--ttl-ms") > 0)
    throw UsageError{"--ttl-ms cannot be said by HTTP; use --peer or --service, or leave it out"};
  if (http && !raw.ring_key_file.empty())
    throw UsageError{"--ring-key-file is not for --url: HTTP does not go by the ring port"};
  options.ring = ring_of(raw, options.target);
  if (!http) options.ring_keys = ring_keys_of(raw);
  if (options.ring.size() > kNameBytesMax) throw UsageError{"--ring must have at most 253 bytes"};
  options.message = message_of(raw, app.count("message") > 0, app.count("--size") > 0);
  options.count = raw.count;
  if (app.count("--rate") > 0) {
    if (!(raw.rate > 0) || !std::isfinite(raw.rate))
      throw UsageError{"--rate must be above 0, in messages a second; leave it out for no limit"};
    options.rate = raw.rate;
  }
  const std::uint32_t most = http ? kHttpInFlightMax : kInFlightMax;
  options.in_flight = app.count("--in-flight") > 0 ? raw.in_flight : http ? 8 : 256;
  if (options.in_flight > most) {
    throw UsageError{"--in-flight must be from 1 to " + std::to_string(most) +
                     (http ? " with --url" : "")};
  }
  if (app.count("--hops") > 0) options.hops = raw.hops;
  if (app.count("--laps") > 0) options.laps = raw.laps;
  if (app.count("--ttl-ms") > 0) options.ttl_ms = raw.ttl_ms;
  options.wait = raw.wait == "accepted" ? Stage::accepted
                 : raw.wait == "safe"   ? Stage::safe
                                        : Stage::completed;
  options.timeout = std::chrono::milliseconds{raw.timeout_ms};
  options.ids_file = raw.ids_file;
  options.json = raw.json;
  options.quiet = raw.quiet;
  return options;
}

}  // namespace

std::variant<Options, Stop> parse_options(int argc, const char* const* argv) {
  CLI::App app{kAbout, "inject"};
  app.footer(kFooter);
  app.get_formatter()->column_width(30);
  Raw raw;
  app.add_option("message", raw.message, "The text to seed, UTF-8")->type_name("TEXT");
  auto* peer = app.add_option("--peer", raw.peer, "The peer at this address takes the seed")
                   ->type_name("IP[:PORT]");
  auto* service = app.add_option("--service", raw.service,
                                 "Any peer behind this fully qualified headless service name")
                      ->type_name("NAME");
  auto* url =
      app.add_option("--url", raw.url, "By HTTP, such as http://localhost:8080")->type_name("URL");
  peer->excludes(service)->excludes(url);
  service->excludes(url);
  app.add_option("--dns-server", raw.dns_server, "Name server for --service [resolv.conf]")
      ->type_name("IP[:PORT]");
  app.add_option("--ring", raw.ring, "The ring's name [the service's name, else podring]")
      ->type_name("NAME");
  app.add_option("--ring-key-file", raw.ring_key_file, "The ring's key, as its peers have it")
      ->type_name("FILE");
  terminal::take_whole_number(
      *app.add_option("--port", raw.port, "Ring port when the target names none [5570]"), 1, 65535);
  terminal::take_whole_number(
      *app.add_option("--count", raw.count, "So many messages, all with this text [1]"), 1,
      kCountMax);
  app.add_option("--rate", raw.rate, "At most so many a second [no limit]")->type_name("N");
  terminal::take_whole_number(
      *app.add_option("--size", raw.size, "Fill the message with dots up to so many bytes"), 0,
      kEnvelopeBytesMax, "BYTES");
  auto* hops = app.add_option("--hops", raw.hops, "Hand-overs until it ends [the peer's default]");
  terminal::take_whole_number(*hops, 1, kHopsMax);
  auto* laps =
      app.add_option("--laps", raw.laps, "Laps round the ring until it ends, in place of hops");
  terminal::take_whole_number(*laps, 1, kLapsMax);
  hops->excludes(laps);
  terminal::take_whole_number(
      *app.add_option("--ttl-ms", raw.ttl_ms, "Expires after so long [the peer's default]"), 1,
      UINT32_MAX, "MS");
  terminal::take_only(*app.add_option("--wait", raw.wait, "Stage to wait for [safe]"),
                      {"accepted", "safe", "completed"});
  terminal::take_whole_number(
      *app.add_option("--timeout-ms", raw.timeout_ms, "Longest wait for one message [60000]"), 1,
      86'400'000, "MS");
  terminal::take_whole_number(
      *app.add_option("--in-flight", raw.in_flight,
                      "Messages waited for at one time [256; 8 with --url]"),
      1, kInFlightMax);
  app.add_option("--ids", raw.ids_file, "Write the ids that reached that stage, one a line")
      ->type_name("FILE");
  app.add_flag("--json", raw.json, "One JSON object on standard output, for programs");
  app.add_flag("--quiet", raw.quiet, "No progress bar");
  app.set_version_flag("-V,--version", version_text("inject") + protocol_text(),
                       "Version, revision and protocol");
  terminal::add_completion_flag(app, raw.completion);

  try {
    app.parse(argc, argv);
    if (!raw.completion.empty()) {
      return Stop{Exit::done,
                  terminal::completion_script(raw.completion, terminal::completed_command(app))};
    }
    return options_of(app, raw);
  } catch (const CLI::CallForHelp&) {
    return Stop{Exit::done, app.help()};
  } catch (const CLI::CallForVersion&) {
    return Stop{Exit::done, version_text("inject") + protocol_text() + "\n"};
  } catch (const CLI::Error& error) {
    return Stop{Exit::usage, "inject: " + terminal::mistake(app, error, "inject") + "\n"};
  } catch (const UsageError& error) {
    return Stop{Exit::usage, std::string{"inject: "} + error.what() + "\n"};
  }
}

}  // namespace podring::inject
