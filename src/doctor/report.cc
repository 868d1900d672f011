#include "doctor/report.h"

#include "http/json_text.h"
#include "terminal/text.h"

namespace podring::doctor {
namespace {

using terminal::Colour, terminal::painted, terminal::printable;

constexpr std::size_t kIndent = 10;

/// Broken at blanks to fit the terminal, all lines but the first indented.
std::string wrapped(const std::string& text, const std::optional<std::size_t>& width) {
  if (!width) return text;
  std::string out;
  for (const std::string& line : terminal::wrapped(text, *width - kIndent)) {
    out += (out.empty() ? "" : "\n" + std::string(kIndent, ' ')) + line;
  }
  return out;
}

std::size_t count_greeted(const Facts& facts) {
  std::size_t count = 0;
  for (const PeerFacts& peer : facts.peers) count += peer.greeted ? 1 : 0;
  return count;
}

}  // namespace

std::string as_text(const Config& config, const Facts& facts, const std::vector<Finding>& findings,
                    const Look& look) {
  const std::string whom = config.service.empty() ? "--peers" : config.service;
  std::string out = wrapped("looked at " + whom + " from " + to_string(config.address) + ": " +
                                std::to_string(facts.listed) + " addresses" +
                                (facts.self_listed ? ", this one among them" : "") + "; " +
                                std::to_string(count_greeted(facts)) + " of " +
                                std::to_string(facts.peers.size()) +
                                " others answer hello of the ring '" + printable(config.ring) + "'",
                            look.width) +
                    "\n";
  const auto line = [&](std::string_view key, const std::string& text) {
    const std::string gap(kIndent - 2 - key.size(), ' ');
    return "  " + painted(key, Colour::bold, look.colour) + gap +
           wrapped(printable(text), look.width) + "\n";
  };
  for (const Finding& finding : findings) {
    out += "\n" + painted(finding.id, Colour::red, look.colour) + "\n";
    out += line("seen", finding.seen);
    out += line("means", finding.means);
    out += line("change", finding.change);
  }
  const std::string sum = findings.empty()       ? "all is well"
                          : findings.size() == 1 ? "1 finding"
                                                 : std::to_string(findings.size()) + " findings";
  return out + "\n" + painted(sum, findings.empty() ? Colour::green : Colour::red, look.colour) +
         "\n";
}

std::string as_json(const Config& config, const Facts& facts,
                    const std::vector<Finding>& findings) {
  http::JsonText json;
  json.open_object().key("findings").open_array();
  for (const Finding& finding : findings) {
    json.open_object().field("id", finding.id).field("seen", finding.seen);
    json.field("means", finding.means).field("change", finding.change).close_object();
  }
  json.close_array().key("looked_at").open_object();
  json.field("service", config.service).field("ring", config.ring);
  json.field("from", to_string(config.address)).field("listed", facts.listed);
  json.field("self_listed", facts.self_listed).field("self_runs", facts.self_runs);
  json.field("peers", facts.peers.size()).field("answered", count_greeted(facts));
  json.close_object().close_object();
  return json.take() + "\n";
}

}  // namespace podring::doctor
