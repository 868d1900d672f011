#include "app/config_flags.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "app/config_environment.h"
#include "app/config_parse.h"
#include "core/codec.h"
#include "core/envelope.h"

namespace podring {
namespace {

constexpr std::uint64_t kHour = 3'600'000;
constexpr std::uint64_t kMebibyte = 1024 * 1024;

// Every number's bounds, in the unit of its flag.
struct Bounds {
  std::string_view flag;
  std::uint64_t min;
  std::uint64_t max;
};
constexpr Bounds kBounds[] = {
    {"poll-ms", 100, 60'000},  // faster only loads the name server; slower hides a scale-up
    {"port", 1, 65535},
    {"http-port", 1, 65535},
    {"admin-port", 1, 65535},
    {"copies", 1, 3},
    {"hops", 1, kHopsMax},
    {"ttl-ms", 1, 49 * 24 * kHour},  // milliseconds left travel as 32 bits
    {"queue", 2, 1'000'000},         // a seed needs a slot, and a free one after it
    // Two of the largest envelopes, for the same reason.
    {"queue-bytes", 2 * kEnvelopeBytesMax, 4096 * kMebibyte},
    {"grace-ms", 0, kHour},
    {"drain-linger-ms", 0, kHour},
    {"seed-on-start", 0, 1000},
    {"deliver-timeout-ms", 10, 600'000},
    {"deliver-concurrency", 1, 256},  // connections to one program
    {"app-port", 1, 65535},
};

const Bounds& bounds_of(std::string_view flag) {
  return *std::find_if(std::begin(kBounds), std::end(kBounds),
                       [&](const Bounds& bounds) { return bounds.flag == flag; });
}

struct About {
  std::string name, value, group, help;
};

std::string with_bounds(std::string help, const Bounds& bounds) {
  return std::move(help) + "; " + std::to_string(bounds.min) + " to " + std::to_string(bounds.max);
}

template <typename Number>
Flag number(About about, Number Config::*field) {
  const Bounds& bounds = bounds_of(about.name);
  const std::string default_text = std::to_string(Config{}.*field);
  return {std::move(about.name),
          std::move(about.value),
          std::move(about.group),
          with_bounds(std::move(about.help), bounds),
          default_text,
          false,
          [bounds, field](std::string_view text, Config& config) -> std::string {
            const auto value = parse_whole_number(text, bounds.min, bounds.max);
            if (!value) return whole_number_wanted(bounds.min, bounds.max);
            config.*field = static_cast<Number>(*value);
            return {};
          },
          [field](const Config& config) { return std::to_string(config.*field); }};
}

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

Flag time_span(About about, Duration Config::*field) {
  const Bounds& bounds = bounds_of(about.name);
  return {std::move(about.name),
          std::move(about.value),
          std::move(about.group),
          with_bounds(std::move(about.help), bounds),
          milliseconds(Config{}.*field),
          false,
          [bounds, field](std::string_view text, Config& config) -> std::string {
            const auto value = parse_whole_number(text, bounds.min, bounds.max);
            if (!value) return whole_number_wanted(bounds.min, bounds.max) + " (milliseconds)";
            config.*field = std::chrono::milliseconds{*value};
            return {};
          },
          [field](const Config& config) { return milliseconds(config.*field); }};
}

Flag size(About about, std::size_t Config::*field) {
  const Bounds& bounds = bounds_of(about.name);
  return {std::move(about.name),
          std::move(about.value),
          std::move(about.group),
          std::move(about.help),
          show_size(Config{}.*field),
          false,
          [bounds, field](std::string_view text, Config& config) -> std::string {
            const auto value = parse_size(text);
            if (!value || *value < bounds.min || *value > bounds.max) {
              return "must be a size from " + show_size(bounds.min) + " to " +
                     show_size(bounds.max) + ", such as 16MiB or 16777216";
            }
            config.*field = *value;
            return {};
          },
          [field](const Config& config) { return show_size(config.*field); }};
}

template <typename Choice>
using Choices = std::vector<std::pair<std::string_view, Choice>>;

/// The choices are the placeholder, too.
template <typename Choice>
Flag choice(About about, Choices<Choice> choices, Choice Config::*field) {
  std::string texts;
  for (const auto& [text, value] : choices) texts += (texts.empty() ? "" : ",") + std::string{text};
  const auto show = [choices, field](const Config& config) {
    for (const auto& [text, value] : choices) {
      if (value == config.*field) return std::string{text};
    }
    return std::string{};
  };
  return {std::move(about.name),
          "{" + texts + "}",
          std::move(about.group),
          std::move(about.help),
          show(Config{}),
          false,
          [choices, field](std::string_view given, Config& config) -> std::string {
            std::string wanted;
            for (const auto& [text, value] : choices) {
              if (text == given) {
                config.*field = value;
                return {};
              }
              if (!wanted.empty()) wanted += text == choices.back().first ? " or " : ", ";
              wanted += text;
            }
            return "must be " + wanted;
          },
          show};
}

Flag name(About about, std::string default_text, std::size_t bytes_max, bool may_be_empty,
          std::string Config::*field) {
  return {std::move(about.name),
          std::move(about.value),
          std::move(about.group),
          std::move(about.help),
          std::move(default_text),
          may_be_empty,
          [bytes_max, field](std::string_view text, Config& config) -> std::string {
            if (!is_name(text, bytes_max)) {
              return "must be 1 to " + std::to_string(bytes_max) +
                     " letters, digits and signs of ASCII, without blanks";
            }
            config.*field = text;
            return {};
          },
          [field](const Config& config) { return config.*field; }};
}

Flag address(About about, std::string default_text, bool unspecified_allowed,
             Address Config::*field) {
  return {std::move(about.name),
          std::move(about.value),
          std::move(about.group),
          std::move(about.help),
          std::move(default_text),
          false,
          [unspecified_allowed, field](std::string_view text, Config& config) -> std::string {
            const auto value = parse_address(text);
            if (!value) return "must be one IPv4 or IPv6 address, without a port";
            if (is_multicast(*value) || (value->is_unspecified() && !unspecified_allowed)) {
              return "must be an address that others can dial, not a multicast or unspecified one";
            }
            config.*field = *value;
            return {};
          },
          [field](const Config& config) { return to_string(config.*field); }};
}

std::string parse_service(std::string_view text, Config& config) {
  if (parse_address(text)) return "must be a name; addresses go to --peers";
  if (!is_dns_name(text)) {
    return "must be the fully qualified name of a headless service, such as "
           "podring-ring.default.svc.cluster.local, without a port";
  }
  config.service = normal_service_name(text);
  return {};
}

std::string show_peers(const Config& config) {
  std::string text;
  for (const Address& peer : config.peers) text += (text.empty() ? "" : ",") + to_string(peer);
  return text;
}

std::string parse_deliver_to(std::string_view text, Config& config) {
  auto parsed = deliver::parse_target(text, /*other_hosts_allowed=*/true);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) return "it " + *wrong;
  config.deliver_to = std::get<deliver::Target>(std::move(parsed));
  return {};
}

std::string parse_deliver_allow(std::string_view text, Config& config) {
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view one = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    auto parsed = deliver::parse_request_rule(one);
    if (const auto* wrong = std::get_if<std::string>(&parsed)) return *wrong;
    config.deliver_allow.push_back(std::get<deliver::RequestRule>(std::move(parsed)));
  }
  return {};
}

std::string show_deliver_allow(const Config& config) {
  std::string text;
  for (const auto& [method, pattern] : config.deliver_allow) {
    text.append(text.empty() ? "" : ",").append(method).append(" ").append(pattern);
  }
  return text;
}

void add_program_flags(std::vector<Flag>& flags) {
  const std::string program = "The program beside this pod";
  flags.push_back({"deliver-to", "URL", program,
                   "POST each message that visits this pod there, as a CloudEvent", "(none)", true,
                   parse_deliver_to, [](const Config& config) {
                     return config.deliver_to ? config.deliver_to->url() : "";
                   }});
  flags.push_back(choice<bool>(
      {"deliver", "", program,
       "pull: the program asks for messages at --app-port; off: only --deliver-to delivers"},
      {{"off", false}, {"pull", true}}, &Config::deliver_pull));
  flags.push_back(choice<bool>(
      {"deliver-to-other-hosts", "", program, "--deliver-to may name another host than this one"},
      {{"false", false}, {"true", true}}, &Config::deliver_to_other_hosts));
  flags.push_back(time_span({"deliver-timeout-ms", "MS", program,
                             "a message goes on when the program has not answered by then"},
                            &Config::deliver_timeout));
  flags.push_back(number({"deliver-concurrency", "N", program, "requests to the program at once"},
                         &Config::deliver_concurrency));
  flags.push_back({"deliver-allow", "'METHOD PATH'", program,
                   "requests that messages may make of the program, such as 'PURGE /*'; can be "
                   "given several times",
                   "(none)", true, parse_deliver_allow, show_deliver_allow, true});
  flags.push_back(number({"app-port", "PORT", program,
                          "inbox and messages for the program, on loopback, while messages are "
                          "delivered"},
                         &Config::app_port));
  flags.push_back(choice<bool>(
      {"broadcast", "", program, "on: POST /broadcast at --http-port, too; it reaches programs"},
      {{"off", false}, {"on", true}}, &Config::broadcast));
}

std::vector<Flag> make_flags() {
  const std::string who = "Who and where";
  const std::string discovery = "Discovery";
  const std::string ports = "Ports";
  const std::string delivery = "Delivery (rules for messages seeded here)";
  const std::string life = "Start and end";
  const std::string log = "Log";
  std::vector<Flag> flags;
  flags.push_back(name({"name", "NAME", who, "this peer's name in traces and logs"},
                       "(the host name)", kNameBytesMax, false, &Config::name));
  flags.push_back(name({"uid", "TEXT", who, "what tells this peer from others of the same name"},
                       "(random)", 128, false, &Config::uid));
  flags.push_back(name({"node", "NAME", who, "the machine it runs on; see --copies-on"},
                       "(a node of its own)", kNameBytesMax, true, &Config::node));
  flags.push_back(address({"address", "IP", who, "where the other peers reach this one"},
                          "(the one address of this host that is not loopback)", false,
                          &Config::address));
  flags.push_back(
      address({"bind", "IP", who, "where all ports listen; 0.0.0.0 or :: is everywhere"},
              "(the address when that is loopback, otherwise everywhere)", true, &Config::bind));
  flags.push_back(name({"ring", "NAME", who, "only peers of the same ring talk to each other"},
                       "(the value of --service, else podring)", kNameBytesMax, false,
                       &Config::ring));

  flags.push_back({"service", "NAME", discovery,
                   "fully qualified name of the headless service that lists the peers", "(none)",
                   true, parse_service, [](const Config& config) { return config.service; }});
  flags.push_back(
      {"peers", "IP,IP,...", discovery, "a fixed list of peers in place of --service", "(none)",
       true,
       [](std::string_view text, Config& config) { return parse_address_list(text, config.peers); },
       show_peers});
  flags.push_back({"dns-server", "IP[:PORT]", discovery, "the name server to ask",
                   "(those of /etc/resolv.conf)", true,
                   [](std::string_view text, Config& config) -> std::string {
                     config.dns_server = parse_dns_server(text);
                     if (config.dns_server) return {};
                     return "must be an address with or without a port, such as 10.43.0.10, "
                            "127.0.0.1:5353 or [::1]:53";
                   },
                   [](const Config& config) {
                     return config.dns_server ? show_dns_server(*config.dns_server) : "";
                   }});
  flags.push_back(time_span({"poll-ms", "MS", discovery, "how often the service name is asked for"},
                            &Config::poll));

  flags.push_back(
      number({"port", "PORT", ports, "the ring: ZeroMQ; the same at every peer"}, &Config::port));
  flags.push_back(number({"http-port", "PORT", ports, "the front end: page, messages, events"},
                         &Config::http_port));
  flags.push_back(
      number({"admin-port", "PORT", ports, "health, readiness, metrics"}, &Config::admin_port));

  flags.push_back(choice<Lanes>(
      {"lanes", "", ports,
       "zmq; udp: datagrams at the same port as well; auto: the same where that port can be had"},
      {{"zmq", Lanes::zmq}, {"udp", Lanes::udp}, {"auto", Lanes::auto_}}, &Config::lanes));

  flags.push_back(
      {"ring-key-file", "FILE", ports,
       "the ring's secret, 64 hexadecimal digits, the same for all peers: nobody else is "
       "heard or can read; two lines while it is changed",
       "(none)", true,
       [](std::string_view text, Config& config) {
         config.ring_key_file = text;
         return read_ring_keys(config.ring_key_file, config.ring_keys);
       },
       [](const Config& config) { return config.ring_key_file; }});
  flags.push_back(choice<bool>(
      {"insecure", "", ports, "run without a ring key though others can reach the ring port"},
      {{"true", true}, {"false", false}}, &Config::insecure));

  flags.push_back(number(
      {"copies", "N", delivery, "how many peers or nodes hold a message before it is called safe"},
      &Config::copies));
  flags.push_back(choice<CopiesOn>(
      {"copies-on", "", delivery, "what --copies counts: different peers, or different nodes"},
      {{"peers", CopiesOn::peers}, {"nodes", CopiesOn::nodes}}, &Config::copies_on));
  flags.push_back(number({"hops", "N", delivery,
                          "hops of a message that names neither hops nor "
                          "laps"},
                         &Config::hops));
  flags.push_back(
      time_span({"ttl-ms", "MS", delivery, "a message expires after this time"}, &Config::ttl));
  flags.push_back(
      number({"queue", "N", delivery, "messages that may wait here until the next peer has them"},
             &Config::queue));
  flags.push_back(
      size({"queue-bytes", "SIZE", delivery, "their size, all together"}, &Config::queue_bytes));

  add_program_flags(flags);

  flags.push_back(number({"seed-on-start", "N", life,
                          "messages that this peer sends by itself when "
                          "it starts"},
                         &Config::seed_on_start));
  flags.push_back(
      time_span({"grace-ms", "MS", life, "longest time from SIGTERM to the exit"}, &Config::grace));
  flags.push_back(time_span(
      {"drain-linger-ms", "MS", life, "seeds are still taken for this long after SIGTERM"},
      &Config::drain_linger));

  flags.push_back(choice<observe::LogFormat>(
      {"log-format", "", log, "json for programs, text for people"},
      {{"json", observe::LogFormat::json}, {"text", observe::LogFormat::text}},
      &Config::log_format));
  flags.push_back(choice<observe::Level>({"log-level", "", log, "lines below this are left out"},
                                         {{"debug", observe::Level::debug},
                                          {"info", observe::Level::info},
                                          {"warn", observe::Level::warn},
                                          {"error", observe::Level::error}},
                                         &Config::log_level));
  flags.push_back(choice<bool>({"log-hops", "", log, "one line per visit; false for load"},
                               {{"true", true}, {"false", false}}, &Config::log_hops));
  return flags;
}

}  // namespace

const std::vector<Flag>& config_flags() {
  static const std::vector<Flag> flags = make_flags();
  return flags;
}

std::string variable_of(std::string_view flag) {
  std::string variable = "PODRING_";
  for (const char c : flag) {
    variable.push_back(c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c));
  }
  return variable;
}

}  // namespace podring
