#include "app/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "app/config_environment.h"
#include "app/config_flags.h"
#include "app/config_parse.h"
#include "app/version.h"

namespace podring {
namespace {

struct Given {
  std::string text;
  std::string where;  ///< what the user must change: "--poll-ms" or "PODRING_POLL_MS"
  std::string source;
};
using GivenByFlag = std::map<std::string, Given, std::less<>>;

enum class Asked { start, help, version, completion, print_config };

std::string describe(const Flag& flag) {
  const bool derived = flag.default_text.starts_with('(');
  return flag.help + (derived ? " " + flag.default_text : " (" + flag.default_text + ")");
}

/// What was given, made safe to print: one line, and short.
std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 100;
  std::string shown = "'";
  for (const char c : text.substr(0, kShown)) shown += c >= ' ' && c != '\x7f' ? c : '?';
  return shown + (text.size() > kShown ? "...'" : "'");
}

/// CLI11 only splits the command line and knows the help; values stay text, so that one bad flag
/// does not hide the next.
class CommandLine {
 public:
  CommandLine() {
    app_.name("podring");
    app_.description("A message-queue-free peer mesh: hands messages round a ring of pods.");
    app_.footer(
        "\npodring doctor [flags] looks at what usually goes wrong with a ring: podring doctor "
        "--help\n"
        "podring top [flags] shows the ring in the terminal: podring top --help\n"
        "Each flag --a-b can be given as the variable PODRING_A_B too; the flag wins.\n"
        "Without --service and --peers a peer is alone.\n"
        "\nExit codes:\n"
        "  0    ended by SIGTERM or SIGINT: what it held was handed on, or is named in the log\n"
        "       (held_at_exit) when the grace time or a second signal ended it; or it has printed\n"
        "       what was asked for\n"
        "  1    it could not start, as when a port is taken, or go on; the last line says why\n"
        "  2    the command line or a variable is wrong; each mistake has a line\n"
        "\nExamples:\n"
        "  podring --service ring.default.svc.cluster.local --ring-key-file "
        "/etc/podring/ring-key/key\n"
        "                                                     in a pod, with a headless service\n"
        "  podring --address 127.0.0.1 --peers 127.0.0.1,127.0.0.2 &\n"
        "  podring --address 127.0.0.2 --peers 127.0.0.1,127.0.0.2 --log-format text\n"
        "                                                     two peers on one machine\n"
        "  PODRING_HOPS=20 podring --print-config             what would hold, and why\n"
        "  podring doctor --service ring.default.svc.cluster.local\n"
        "  inject --wait completed \"hello\"                    a message, and its trace\n");
    app_.set_help_flag("-h,--help", "this text")->group(kInformation);
    app_.add_flag("-V,--version", version_, "version, revision and protocol")->group(kInformation);
    app_.add_flag("--print-config", print_, "each value and where it came from")
        ->group(kInformation);
    terminal::add_completion_flag(app_, completion_, kInformation);
    app_.allow_extras();
    app_.get_formatter()->column_width(34);
    for (const Flag& flag : config_flags()) {
      CLI::Option* option = app_.add_option("--" + flag.name, values_[flag.name], describe(flag))
                                ->type_name(flag.value)
                                ->group(flag.group)
                                ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      if (flag.repeatable) {
        option->multi_option_policy(CLI::MultiOptionPolicy::Join)->delimiter(',');
      }
    }
  }

  Asked read(std::vector<std::string> arguments, GivenByFlag& given,
             std::vector<std::string>& errors) {
    // It reads as a switch, and takes a value like all others.
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const bool valued =
          i + 1 < arguments.size() && (arguments[i + 1] == "true" || arguments[i + 1] == "false");
      if (arguments[i] == "--insecure" && !valued) arguments[i] += "=true";
    }
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
    try {
      app_.parse(arguments);
    } catch (const CLI::CallForHelp&) {
      return Asked::help;
    } catch (const CLI::ParseError& error) {
      errors.push_back(std::string{error.what()} + "; podring --help lists the flags");
      return Asked::start;
    }
    if (version_) return Asked::version;
    if (!completion_.empty()) return Asked::completion;
    report_unknown(errors);
    for (const Flag& flag : config_flags()) {
      if (app_.count("--" + flag.name) > 0) {
        given[flag.name] = {values_[flag.name], "--" + flag.name, "flag"};
      }
    }
    return print_ ? Asked::print_config : Asked::start;
  }

  [[nodiscard]] std::string help() const { return app_.help(); }
  [[nodiscard]] const std::string& completion() const { return completion_; }
  [[nodiscard]] terminal::CompletedCommand command() const {
    return terminal::completed_command(app_);
  }

 private:
  static constexpr const char* kInformation = "Information";

  void report_unknown(std::vector<std::string>& errors) const {
    std::vector<std::string> known;
    for (const Flag& flag : config_flags()) known.push_back("--" + flag.name);
    bool value_may_follow = false;
    for (const std::string& extra : app_.remaining()) {
      if (!extra.starts_with('-')) {
        if (!value_may_follow) {
          errors.push_back(in_quotes(extra) + " belongs to no flag; podring --help lists them");
        }
        value_may_follow = false;
        continue;
      }
      const std::string flag = extra.substr(0, extra.find('='));
      std::string error = "there is no flag " + flag;
      if (const auto meant = closest(flag, known)) error += "; did you mean " + *meant + "?";
      errors.push_back(error + (error.ends_with('?') ? "" : "; podring --help lists them"));
      value_may_follow = flag == extra;
    }
  }

  CLI::App app_;
  bool version_ = false;
  bool print_ = false;
  std::string completion_;
  std::map<std::string, std::string> values_;
};

/// Defaults that depend on other values or on the host. Returns what each was made of.
std::map<std::string, std::string> derive_defaults(const GivenByFlag& given, const Host& host,
                                                   Config& config,
                                                   std::vector<std::string>& errors) {
  std::map<std::string, std::string> made_of;
  if (!given.contains("name")) {
    config.name = host.name;
    made_of["name"] = "the host name";
    if (!is_name(config.name, 253)) errors.push_back("this host has no usable name; give --name");
  }
  if (!given.contains("uid")) {
    config.uid = host.uid;
    made_of["uid"] = "random";
  }
  if (!given.contains("address")) {
    if (auto error = choose_address(host, config, made_of["address"]); !error.empty()) {
      errors.push_back(std::move(error));
    }
  }
  if (!given.contains("bind")) {
    if (config.address.is_loopback()) {
      config.bind = config.address;
      made_of["bind"] = "the address, which is loopback";
    } else {
      config.bind = config.address.is_v4() ? Address::v4(0) : Address{};
      made_of["bind"] = "all addresses";
    }
  }
  if (!given.contains("ring") && !config.service.empty()) {
    config.ring = config.service;
    made_of["ring"] = "the value of --service";
  }
  return made_of;
}

/// As far as `host` tells: it has neither loopback nor link-local addresses.
bool host_has(const Host& host, Address address) {
  if (address.is_unspecified() || address.is_loopback() || is_link_local(address)) return true;
  return std::any_of(host.addresses.begin(), host.addresses.end(),
                     [&](const HostAddress& own) { return own.address == address; });
}

/// What no single value shows: values that contradict each other.
void check_together(const Config& config, const Host& host, std::vector<std::string>& errors,
                    std::vector<std::string>& warnings) {
  if (!config.service.empty() && !config.peers.empty()) {
    errors.push_back("--service and --peers are both given; peers are found by one of them");
  }
  if (config.deliver_to && config.deliver_pull) {
    errors.push_back(
        "--deliver-to and --deliver pull are both given; the program is asked, or asks");
  }
  if (config.deliver_to) {
    const auto near =
        deliver::parse_target(config.deliver_to->url(), config.deliver_to_other_hosts);
    if (const auto* wrong = std::get_if<std::string>(&near))
      errors.push_back("--deliver-to: " + *wrong);
    if (config.deliver_to->port == config.http_port || config.deliver_to->port == config.app_port) {
      errors.push_back("--deliver-to is a port of podring itself (" +
                       std::to_string(config.deliver_to->port) + "); give that of the program");
    }
  }
  if (!config.deliver_allow.empty() && !config.deliver_to) {
    errors.push_back("--deliver-allow needs --deliver-to: requests are made to that program");
  }
  const std::array<std::pair<const char*, std::uint16_t>, 4> ports{
      {{"--port", config.port},
       {"--http-port", config.http_port},
       {"--admin-port", config.admin_port},
       {"--app-port", config.app_port}}};
  for (std::size_t i = 0; i < ports.size(); ++i) {
    for (std::size_t j = i + 1; j < ports.size(); ++j) {
      if (ports[i].second != ports[j].second) continue;
      errors.push_back(std::string{ports[i].first} + " and " + ports[j].first + " are both " +
                       std::to_string(ports[i].second) + "; give them different ports");
    }
  }
  if (config.drain_linger > config.grace) {
    errors.push_back(
        "--drain-linger-ms is above --grace-ms, so the time to leave would be over before seeds "
        "stop; lower the first or raise the second");
  }
  if (!config.address.is_unspecified()) {
    const std::string address = to_string(config.address);
    if (!config.bind.is_unspecified() && config.bind != config.address) {
      if (config.bind.is_loopback() != config.address.is_loopback() ||
          config.bind.is_v4() != config.address.is_v4()) {
        errors.push_back("--bind " + to_string(config.bind) +
                         " cannot be reached at the --address " + address +
                         "; leave --bind away or make them the same");
      }
    }
    for (const Address& peer : config.peers) {
      if (peer.is_v4() == config.address.is_v4() &&
          peer.is_loopback() == config.address.is_loopback()) {
        continue;
      }
      errors.push_back("--peers has " + to_string(peer) +
                       ", which cannot be reached from the "
                       "--address " +
                       address + "; a ring has addresses of one kind");
      break;
    }
  }
  if (!host_has(host, config.address)) {
    warnings.push_back("no interface of this host has the --address " + to_string(config.address) +
                       ": unless something forwards it here, no peer reaches this one; the host "
                       "has " +
                       (host.addresses.empty() ? "loopback ones alone" : list_of(host.addresses)));
  }
  if (config.service.empty() && config.peers.empty()) {
    warnings.push_back("neither --service nor --peers is given: this peer stays alone");
  }
  if (!config.service.empty() && config.service.find('.') == std::string::npos) {
    warnings.push_back("--service " + config.service +
                       " has no dot; it is asked for as it is, without search domains. A service "
                       "in Kubernetes is NAME.NAMESPACE.svc.cluster.local");
  }
  if (config.copies_on == CopiesOn::nodes && config.node.empty()) {
    warnings.push_back(
        "--copies-on is nodes, but --node is not given: this peer counts as a node "
        "of its own");
  }
}

std::string table(const std::vector<ConfigEntry>& entries) {
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const ConfigEntry& entry : entries) {
    name_width = std::max(name_width, entry.name.size());
    value_width = std::max(value_width, std::min<std::size_t>(entry.value.size(), 40));
  }
  std::string text;
  for (const ConfigEntry& entry : entries) {
    std::string line = entry.name;
    line.resize(name_width + 2, ' ');
    line += entry.value;
    if (line.size() < name_width + 2 + value_width) line.resize(name_width + 2 + value_width, ' ');
    line += "  " + entry.source;
    if (!entry.detail.empty()) line += ": " + entry.detail;
    text += line + "\n";
  }
  return text;
}

}  // namespace

LoadedConfig load_config(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment, const Host& host) {
  LoadedConfig loaded;
  GivenByFlag given;
  CommandLine command_line;
  const Asked asked = command_line.read(arguments, given, loaded.errors);
  if (asked == Asked::help) loaded.print = command_line.help();
  if (asked == Asked::version) loaded.print = version_text("podring") + protocol_text() + "\n";
  if (asked == Asked::completion) loaded.completion = command_line.completion();
  if (loaded.print || asked == Asked::completion) return loaded;

  const EnvironmentValues variables = select_variables(environment, loaded.warnings);
  for (const Flag& flag : config_flags()) {
    const auto found = variables.find(flag.name);
    if (found == variables.end() || given.contains(flag.name)) continue;
    given[flag.name] = {found->second, variable_of(flag.name), "environment"};
  }

  for (const Flag& flag : config_flags()) {
    const auto found = given.find(flag.name);
    if (found == given.end()) continue;
    if (found->second.text.empty() && flag.may_be_empty) continue;
    const std::string wanted = flag.parse(found->second.text, loaded.config);
    if (wanted.empty()) continue;
    loaded.errors.push_back(found->second.where + " is " + in_quotes(found->second.text) + " but " +
                            wanted);
  }
  std::vector<std::string> host_errors;
  const auto made_of = derive_defaults(given, host, loaded.config, host_errors);
  // With a bad value in place of its default, or a flag that was misspelt, the rest would only be
  // noise.
  if (loaded.errors.empty()) {
    loaded.errors = std::move(host_errors);
    check_together(loaded.config, host, loaded.errors, loaded.warnings);
  }

  for (const Flag& flag : config_flags()) {
    ConfigEntry entry{"--" + flag.name, flag.show(loaded.config), "default", {}};
    if (const auto found = given.find(flag.name); found != given.end()) {
      entry.source = found->second.source;
      if (entry.source == "environment") entry.detail = found->second.where;
    } else if (const auto made = made_of.find(flag.name); made != made_of.end()) {
      entry.detail = made->second;
    }
    loaded.entries.push_back(std::move(entry));
  }
  if (asked == Asked::print_config && loaded.errors.empty()) loaded.print = table(loaded.entries);
  return loaded;
}

terminal::CompletedCommand podring_command() { return CommandLine{}.command(); }

std::string normal_service_name(std::string_view service) {
  if (service.ends_with('.')) service.remove_suffix(1);
  std::string name{service};
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

void look_for_ring_key(LoadedConfig& loaded) {
  const Config& config = loaded.config;
  if (!config.ring_keys.empty()) return;
  const std::string port = std::to_string(config.port);
  if (!config.bind.is_loopback() && !config.insecure) {
    loaded.errors.push_back(
        "--ring-key-file is not given, so whoever reaches port " + port +
        " could lose, read and forge messages; give every peer the same key (openssl rand -hex 32 "
        "> FILE), or --insecure where nobody else can reach that port");
    return;
  }
  loaded.warnings.push_back(
      "there is no ring key: whoever " +
      std::string{config.bind.is_loopback() ? "is on this machine" : "reaches port " + port} +
      " can lose, read and forge messages; --ring-key-file closes that");
}

}  // namespace podring
