#include "support/sim_story.h"

#include <cstdlib>
#include <tuple>

#include "support/sim_mutations.h"

namespace podring::sim {
namespace {

NetOptions net_options(const StoryOptions& options) {
  NetOptions net;
  net.lane = options.lane;
  net.delay_min = net.delay_max = options.delay;
  if (std::getenv("PODRING_TRACE") != nullptr)
    net.trace = [](const std::string& line) { std::puts(line.c_str()); };
  return net;
}

}  // namespace

Story::Story(StoryOptions options) : net(net_options(options)), options_(std::move(options)) {
  if (const char* name = std::getenv("PODRING_MUTATION"); name != nullptr) {
    const auto mutation = mutation_named(name);
    if (!mutation || !planted::plant(mutation->core)) {
      std::fprintf(stderr, "PODRING_MUTATION: this program has no fault '%s' to plant\n", name);
      std::abort();
    }
  }
  net.filter = [this](const FrameInfo& info) { return judge(info); };
  net.on_event = [this](Pid pid, const Event& event) { watch(pid, event); };
  for (const char letter : options_.hosts) start(letter, options_.hosts);
  if (options_.hosts.size() > 1) {
    net.run_until(
        [&] {
          for (std::size_t i = 0; i < options_.hosts.size(); ++i) {
            if (successor(options_.hosts[i]) !=
                std::string(1, options_.hosts[(i + 1) % options_.hosts.size()]))
              return false;
          }
          return true;
        },
        std::chrono::seconds{1});
  }
}

std::vector<Host> Story::hosts_of(std::string_view letters) const {
  std::vector<Host> hosts;
  for (const char letter : letters) hosts.push_back(host(letter));
  return hosts;
}

Pid Story::start(char letter, std::string_view view, std::optional<Settings> settings) {
  ProcessOptions process;
  process.settings = settings.value_or(options_.settings);
  process.log_delay = options_.log_delay;
  process.program = options_.program;
  process.settings.deliver = process.program.has_value();
  const auto index = static_cast<std::size_t>(host(letter));
  if (index < options_.nodes.size()) process.node = options_.nodes[index];
  const Pid pid = net.start(host(letter), process);
  if (index >= net_pids_.size()) net_pids_.resize(index + 1, -1);
  net_pids_[index] = pid;
  if (!view.empty()) net.set_fixed(pid, hosts_of(view));
  return pid;
}

void Story::view(char letter, std::string_view view) { net.set_fixed(at(letter), hosts_of(view)); }

void Story::view_of_all(std::string_view view) {
  for (const Pid pid : net.live()) net.set_fixed(pid, hosts_of(view));
}

void Story::answer(char letter, std::string_view view) { net.answer(at(letter), hosts_of(view)); }

// ---- seeds
// -----------------------------------------------------------------------------------------

EnvelopeId Story::seed(char letter, SeedRequest request) {
  if (request.message.empty()) request.message = "hello";
  request.sender = SimNet::address_of(host(letter));
  const SeedResult result = net.seed(at(letter), request);
  if (result.error != SeedError::none) net.fail("seed", result.reason);
  return result.first;
}

EnvelopeId Story::seed_hops(char letter, std::uint32_t hops, bool receipt) {
  SeedRequest request;
  request.hops = hops;
  request.receipt = receipt;
  return seed(letter, std::move(request));
}

EnvelopeId Story::seed_laps(char letter, std::uint32_t laps, bool receipt) {
  SeedRequest request;
  request.laps = laps;
  request.receipt = receipt;
  return seed(letter, std::move(request));
}

// ---- faults
// ----------------------------------------------------------------------------------------

void Story::drop(Match match, int count) { rules_.push_back({match, Fate::drop, count}); }

void Story::hold(Match match) { rules_.push_back({match, Fate::hold, 1'000'000}); }

void Story::release() {
  rules_.clear();
  net.release_held();
}

void Story::release(char from, char to) {
  std::erase_if(rules_,
                [&](const Rule& rule) { return rule.match.from == from && rule.match.to == to; });
  net.release_held(at(from), host(to));
}

void Story::cut(char from, char to) { net.way(host(from), host(to)).cut = true; }

void Story::cut_both(char a, char b) {
  cut(a, b);
  cut(b, a);
}

void Story::heal() { net.heal_all(); }

Fate Story::judge(const FrameInfo& info) {
  for (Rule& rule : rules_) {
    const Match& match = rule.match;
    if (rule.count == 0 || net.host(info.from) != host(match.from) || info.to != host(match.to) ||
        info.frame->type != match.type)
      continue;
    if (match.level_least) {
      const auto& ranges = info.frame->ack.ranges;
      if (std::none_of(ranges.begin(), ranges.end(),
                       [&](const AckRange& range) { return range.level >= *match.level_least; }))
        continue;
    }
    --rule.count;
    return rule.fate;
  }
  return Fate::pass;
}

bool Story::until_quiet(Duration bound) {
  return net.run_until(
      [&] {
        if (net.oracle().held_in_all() > 0) return false;
        for (const EnvelopeId& id : net.oracle().ids()) {
          if (!net.oracle().id(id).ended()) return false;
        }
        return true;
      },
      bound);
}

// ---- what happened
// ---------------------------------------------------------------------------------

void Story::watch(Pid pid, const Event& event) {
  if (const auto* visit = std::get_if<Visited>(&event)) {
    visits_.emplace_back(visit->envelope.head.id,
                         Visit{net.name(pid), visit->envelope.head.hop, visit->envelope.head.lap,
                               !visit->envelope.detours.empty()});
  } else if (const auto* ended = std::get_if<Ended>(&event)) {
    ends_.emplace_back(ended->envelope.head.id, net.name(pid), !ended->envelope.detours.empty());
  }
}

bool Story::holds(char letter, EnvelopeId id) const {
  return net.alive(at(letter)) && net.peer(at(letter)).held_status(id).has_value();
}

std::string Story::holders(EnvelopeId id) const {
  std::string letters;
  for (std::size_t i = 0; i < net_pids_.size(); ++i) {
    const auto letter = static_cast<char>('A' + i);
    if (net_pids_[i] >= 0 && holds(letter, id)) letters += letter;
  }
  return letters;
}

HeldStatus Story::held(char letter, EnvelopeId id) const {
  return net.peer(at(letter)).held_status(id).value_or(HeldStatus{});
}

int Story::ends_with_detours(EnvelopeId id) const {
  return static_cast<int>(std::count_if(ends_.begin(), ends_.end(), [&](const auto& end) {
    return std::get<0>(end) == id && std::get<2>(end);
  }));
}

std::vector<Visit> Story::visits(EnvelopeId id) const {
  std::vector<Visit> its;
  for (const auto& [visited, visit] : visits_) {
    if (visited == id) its.push_back(visit);
  }
  return its;
}

std::string Story::path(EnvelopeId id) const {
  std::string text;
  for (const auto& [visited, visit] : visits_) {
    if (visited == id) text += (text.empty() ? "" : " ") + visit.pod;
  }
  return text;
}

std::string Story::ended_at(EnvelopeId id) const {
  std::string text;
  for (const auto& [ended, pod, detours] : ends_) {
    if (ended == id) text += (text.empty() ? "" : " ") + pod;
  }
  return text;
}

std::string Story::successor(char letter) const {
  const std::optional<Address> address = net.status(at(letter)).successor;
  return address ? net.name_of(*address) : "nobody";
}

std::string Story::view(char letter) const {
  std::string letters;
  for (const Address& address : net.status(at(letter)).view) letters += net.name_of(address);
  return letters;
}

std::string Story::wrong() const {
  return net.failure() ? net.failure()->invariant + ": " + net.failure()->text : std::string{};
}

}  // namespace podring::sim
