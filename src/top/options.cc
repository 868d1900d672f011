#include "top/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "app/config_parse.h"
#include "core/types.h"
#include "terminal/command_line.h"

namespace podring::top {
namespace {

constexpr const char* kAbout =
    "Shows a ring in the terminal as one of its pods sees it: every pod in ring order with its "
    "state and\n"
    "its link to the next one, rates and queues, the latest messages, and what happens. It seeds "
    "nothing\n"
    "and changes nothing.";

constexpr const char* kFooter = R"(
Without --url it asks the peer at $PODRING_ADDRESS (else 127.0.0.1), port $PODRING_HTTP_PORT (else 8080);
so in a pod it asks that pod. Any pod of a ring knows the whole of it. When the connection is lost, it
says so and how old the figures are, and connects again.

The line "ring" adds up what all pods told of themselves; hops and what was sent again are those of the
last minute. The table has as many of these columns as fit (make the window wider for more):
  mark         * the pod that tells all this, ! suspected or passing over somebody, - leaving,
               ~ connecting, ? stale or never heard of
  age          since the process started
  state        up, suspected (does not answer somebody and is passed over), leaving, connecting,
               stale (told nothing for 15 s), listed (in the view; nothing is known of it)
  hands to     next: the pod below it; another pod's name: those in between are passed over
  round trip   to the pod it hands to, smoothed
  sent again   hand-overs of the last minute that were sent again, and their share
  lost         packets of each lane of that link; known where the pod that tells all this is an end of it
  queue, held  messages the next pod has not got yet, and those it must be able to send again
  told         how long ago the pod told anything

Keys: q or Ctrl-C quits; arrows (or j, k), PgUp, PgDn, Home and End scroll the pods; p shows those with
trouble only; Ctrl-L draws anew; Ctrl-Z suspends. NO_COLOR is honoured.

Exit codes:
  0    quit with q or Ctrl-C; with --once: the screen was printed
  2    the command line is wrong, or this is no terminal
  3    no peer answers there, or what answers is no podring
  130  ended by SIGINT; 143 by SIGTERM, 129 by SIGHUP

Examples:
  podring top                                               the peer on this machine
  podring top --url http://10.42.0.9:8080                   another one; --url http://localhost: the ingress
  kubectl -n podring exec -it deployment/podring -- podring top
  podring top --once | grep suspected                       for scripts
)";

struct Raw {
  std::string url;
  bool once = false;
};

void describe(CLI::App& app, Raw& raw) {
  app.name("podring top");
  app.description(kAbout);
  app.footer(kFooter);
  app.get_formatter()->column_width(18);
  app.set_help_flag("-h,--help", "this text");
  app.add_option("--url", raw.url, "a peer's front end, such as http://10.42.0.9:8080")
      ->type_name("URL");
  app.add_flag("--once", raw.once, "one screen of all pods as plain text, then exit");
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : value;
}

/// Variables that say nothing usable count as not set: Kubernetes sets some by itself.
HttpUrl peer_here() {
  HttpUrl here{"127.0.0.1", 8080, {}};
  if (const auto address = parse_address(variable("PODRING_ADDRESS"))) {
    here.host = podring::to_string(*address);
  }
  if (const auto port = parse_whole_number(variable("PODRING_HTTP_PORT"), 1, 65535)) {
    here.port = static_cast<std::uint16_t>(*port);
  }
  return here;
}

}  // namespace

Parsed parse_options(std::vector<std::string> arguments) {
  CLI::App app;
  Raw raw;
  describe(app, raw);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
  Parsed parsed;
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    parsed.print = app.help();
    return parsed;
  } catch (const CLI::Error& error) {
    parsed.error = terminal::mistake(app, error, "podring top");
    return parsed;
  }
  parsed.options = {peer_here(), raw.once};
  if (app.count("--url") == 0) return parsed;
  if (const auto url = parse_http_url(raw.url)) {
    parsed.options.server = *url;
  } else {
    parsed.error =
        "--url must look like http://10.42.0.9:8080 (http only, without @, ? and #), not '" +
        raw.url + "'";
  }
  return parsed;
}

terminal::CompletedCommand command() {
  CLI::App app;
  Raw raw;
  describe(app, raw);
  terminal::CompletedCommand command = terminal::completed_command(app);
  command.name = "top";
  command.about = "shows the ring in the terminal";
  return command;
}

}  // namespace podring::top
