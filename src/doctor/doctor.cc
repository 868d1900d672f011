#include "doctor/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>

#include "app/config_environment.h"
#include "doctor/facts.h"
#include "doctor/judge.h"
#include "doctor/report.h"
#include "terminal/text.h"

namespace podring::doctor {
namespace {

constexpr std::string_view kHelp =
    R"(podring doctor [--json] [flags of podring]

Looks at what usually goes wrong with a ring, from where a pod runs: the name service, the way to
each pod (of more than 64, to 64 of them), who answers there, clocks and versions. It takes
podring's flags and PODRING_* variables (podring --help) and looks at what they name. It seeds
nothing and changes nothing. What may pass by itself while pods come and go is looked at twice.

  --json      one JSON object in place of text
  -h, --help  this text

Each finding says what was seen, what it means and the line to change. They are:

  name_empty           the service's name has no address
  dns_no_answer        the name server answers neither by UDP nor by TCP
  dns_tcp_blocked      it answers by UDP alone, so large answers are lost
  dns_udp_blocked      it answers by TCP alone
  answer_too_large     more pods than one answer can hold
  mixed_families       the name has addresses of IPv4 and of IPv6
  own_address_missing  a peer runs here, and is not listed
  not_ready_listed     pods that are not ready are listed (publishNotReadyAddresses)
  nobody_listens       a listed address has no peer
  peer_unreachable     a listed address answers at no port
  ring_port_blocked    the ring's port is closed on the way, other ports are not
  blocked_one_way      a pod cannot reach another one that can be reached from here
  udp_blocked          datagrams do not get through while TCP does, from here or between two pods
  mtu_small            datagrams of 1,200 bytes do not get through, small ones do
  udp_port_taken       something else has a pod's UDP port
  ring_keys_differ     pods have different ring keys, so no datagrams go between them
  service_mesh         a proxy takes the connections
  no_hello             something that is no podring listens at the ring's port
  two_rings            pods of another ring share the name
  wrong_address        a pod has another --address than the one that leads to it
  version_skew         pods of several builds or protocol versions
  clock_off            a pod's clock is more than 3 s away from the one here
  service_links        Kubernetes set PODRING_* variables for a Service (enableServiceLinks)
  configuration        podring would start with a warning

A datagram counts as arrived when the peer answers it, be it by ICMP that nobody reads datagrams at
that port. A network that drops ICMP looks like one that drops UDP. Unless its --lanes is zmq, a
peer reads datagrams and drops a stranger's: then the pods' own links say whether datagrams get
through (udp_to in GET /ring).

Exit code: 0 all is well, 1 there are findings, 2 it could not run (bad flags).
)";

constexpr std::chrono::seconds kSecondLookAfter{3};

/// Columns of the terminal; nullopt: no terminal.
std::optional<std::size_t> terminal_width() {
  constexpr std::size_t kLeast = 40;
  if (::isatty(STDOUT_FILENO) != 1) return std::nullopt;
  return std::max(terminal::size_of(STDOUT_FILENO).columns, kLeast);
}

Facts look(const LoadedConfig& loaded, const std::vector<std::string>& links) {
  Facts facts;
  facts.service_links = links;
  facts.warnings = loaded.warnings;
  const Config& config = loaded.config;
  std::vector<Address> addresses = config.peers;
  if (!config.service.empty()) {
    facts.names = probe_names(config);
    addresses = facts.names->udp.outcome == NameAnswer::Outcome::answer
                    ? facts.names->udp.addresses
                    : facts.names->tcp.addresses;
  }
  facts.listed = addresses.size();
  probe_peers(config, std::move(addresses), facts);
  return facts;
}

int say(const std::string& text, int code) {
  const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return written ? code : kExitUsage;
}

}  // namespace

terminal::CompletedCommand command() {
  terminal::CompletedCommand command = podring_command();
  command.name = "doctor";
  command.about = "looks at what usually goes wrong with a ring";
  std::erase_if(command.flags, [](const terminal::CompletedFlag& flag) {
    return flag.names.back() == "--completion";
  });
  command.flags.push_back({{"--json"}, "one JSON object in place of text", false, false, {}});
  return command;
}

int run(std::vector<std::string> arguments, const std::vector<std::string>& environment,
        const Host& host) {
  const bool json = std::erase(arguments, "--json") > 0;
  for (const std::string& argument : arguments) {
    if (argument == "-h" || argument == "--help") return say(std::string{kHelp}, kExitWell);
  }
  const std::vector<std::string> links = service_links(environment);
  std::vector<std::string> others;
  for (const std::string& entry : environment) {
    const std::string variable = entry.substr(0, entry.find('='));
    if (std::find(links.begin(), links.end(), variable) == links.end()) others.push_back(entry);
  }
  LoadedConfig loaded = load_config(arguments, others, host);
  if (loaded.print) return say(*loaded.print, kExitWell);
  if (!loaded.completion.empty()) {
    loaded.errors.push_back("--completion covers doctor, too: podring --completion " +
                            loaded.completion);
  }
  for (const std::string& error : loaded.errors) {
    std::fprintf(stderr, "podring doctor: %s\n", error.c_str());
  }
  if (!loaded.errors.empty()) return kExitUsage;
  try {
    Facts facts = look(loaded, links);
    std::vector<Finding> findings = judge(loaded.config, facts);
    if (std::any_of(findings.begin(), findings.end(),
                    [](const Finding& finding) { return finding.may_pass; })) {
      std::this_thread::sleep_for(kSecondLookAfter);
      facts = look(loaded, links);
      findings = judge(loaded.config, facts);
    }
    return say(json ? as_json(loaded.config, facts, findings)
                    : as_text(loaded.config, facts, findings,
                              {terminal_width(), terminal::wants_colour(STDOUT_FILENO)}),
               findings.empty() ? kExitWell : kExitFindings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "podring doctor: cannot look: %s\n", error.what());
    return kExitUsage;
  }
}

}  // namespace podring::doctor
