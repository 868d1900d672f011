// proto-docs/log-lines.md, "What verify-logs holds against the lines": a log as it is written is
// right, and each thing planted in it is found.
#include <algorithm>
#include <functional>

#include "support/catch.h"
#include "tools/logged_net.h"

using namespace std::chrono_literals;
using podring::test::Checked, podring::test::check_logs, podring::test::check_texts;
using podring::test::joined, podring::test::LoggedNet, podring::test::LogLines;

namespace {

/// Three pods, 20 messages of 10 hops. Made once: the tests change copies of it.
const std::vector<LogLines>& real_logs() {
  static const std::vector<LogLines> logs = [] {
    LoggedNet ring{3};
    ring.seed_and_run(0, 20);
    return ring.take_logs();
  }();
  return logs;
}

bool has(const std::string& line, const std::string& text) {
  return line.find(text) != std::string::npos;
}

/// The first line of `lines` that has all of these texts.
LogLines::iterator line_with(LogLines& lines, const std::vector<std::string>& texts) {
  const auto found = std::find_if(lines.begin(), lines.end(), [&](const std::string& line) {
    return std::all_of(texts.begin(), texts.end(),
                       [&](const auto& text) { return has(line, text); });
  });
  REQUIRE(found != lines.end());
  return found;
}

void replace(std::string& line, const std::string& from, const std::string& to) {
  const std::size_t at = line.find(from);
  REQUIRE(at != std::string::npos);
  line.replace(at, from.size(), to);
}

/// Takes a line out and numbers the ones behind it anew, so that no number is missing.
void remove_without_gap(LogLines& lines, LogLines::iterator line) {
  for (auto at = lines.erase(line); at != lines.end(); ++at) {
    const std::size_t begin = at->find("\"seq\":") + 6;
    const std::size_t end = at->find(',', begin);
    const auto seq = std::stoull(at->substr(begin, end - begin));
    at->replace(begin, end - begin, std::to_string(seq - 1));
  }
}

/// Gives a line this number, and says what it had.
std::string numbered(std::string line, std::uint64_t seq) {
  const std::size_t begin = line.find("\"seq\":") + 6;
  line.replace(begin, line.find(',', begin) - begin, std::to_string(seq));
  return line;
}

/// Puts a line in, and numbers it and the ones behind it.
void insert(LogLines& lines, std::size_t at, const std::string& line) {
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), line);
  for (std::size_t i = at; i < lines.size(); ++i) lines[i] = numbered(lines[i], i);
}

/// The value of a string field.
std::string field(const std::string& line, const std::string& name) {
  const std::size_t begin = line.find("\"" + name + "\":\"") + name.size() + 4;
  return line.substr(begin, line.find('"', begin) - begin);
}

constexpr const char* kReceived = "\"event\":\"received\"";
constexpr const char* kCompleted = "\"event\":\"completed\"";

}  // namespace

TEST_CASE("a log as it is written is right", "[verify]") {
  const Checked checked = check_logs(real_logs());
  INFO(checked.text);
  CHECK(checked.code == 0);
  CHECK(checked.found.empty());
  CHECK(has(checked.text, "completed 20, expired 0, none 0"));
  CHECK(has(checked.text, "200 hand-overs checked"));
  CHECK(has(checked.json, "\"verdict\":\"right\""));
}

TEST_CASE("an end that is removed is a loss when every log is whole", "[verify]") {
  auto logs = real_logs();
  LogLines& log = logs[1];  // 10 hops from the first of three end at the second
  remove_without_gap(log, line_with(log, {kCompleted}));
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 1);
  CHECK(checked.count("lost") == 1);
}

TEST_CASE("an end that is removed is unproven when a log is not whole", "[verify]") {
  auto logs = real_logs();
  SECTION("a gap where the end was") {
    logs[1].erase(line_with(logs[1], {kCompleted}));
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 2);
    CHECK(checked.count("end_unproven") == 1);
    CHECK(checked.count("seq_gap") == 1);
    CHECK(checked.count("lost") == 0);
  }
  SECTION("a log without its last line") {
    remove_without_gap(logs[1], line_with(logs[1], {kCompleted}));
    logs[2].pop_back();
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 2);
    CHECK(checked.count("end_unproven") == 1);
    CHECK(has(checked.text, "has no end (no stopped)"));

    podring::verify::JudgeOptions killed;
    killed.logs_whole = true;
    CHECK(check_logs(logs, killed).count("lost") == 1);
  }
  SECTION("a log that is not there") {
    remove_without_gap(logs[1], line_with(logs[1], {kCompleted}));
    logs.pop_back();
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 2);
    CHECK(checked.count("lost") == 0);
    CHECK(checked.count("log_missing") == 1);
    CHECK(checked.count("visit_missing") == 0);
    CHECK(checked.count("visit_unproven") > 0);
  }
}

TEST_CASE("a visit that is removed is found", "[verify]") {
  auto logs = real_logs();
  LogLines& log = logs[1];
  SECTION("in the middle") {
    remove_without_gap(log, line_with(log, {kReceived, "\"hop\":4,"}));
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 1);
    CHECK(checked.count("visit_missing") == 1);
  }
  SECTION("the last one") {
    remove_without_gap(log, line_with(log, {kReceived, "\"hop\":10,"}));
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 1);
    CHECK(checked.count("visit_missing") == 1);
  }
  SECTION("the first one") {
    remove_without_gap(logs[0], line_with(logs[0], {kReceived, "\"hop\":0,"}));
    const Checked checked = check_logs(logs);
    CHECK(checked.code == 1);
    CHECK(checked.count("visit_missing") == 1);
  }
  SECTION("leaving a gap, which may be all that happened") {
    log.erase(line_with(log, {kReceived, "\"hop\":4,"}));
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 2);
    CHECK(checked.count("visit_missing") == 0);
    CHECK(checked.count("visit_unproven") == 1);
    CHECK(checked.count("seq_gap") == 1);
  }
}

TEST_CASE("two visits that are swapped are found", "[verify]") {
  auto logs = real_logs();
  SECTION("one pod's lines, in place") {
    const auto first = line_with(logs[1], {kReceived, "\"hop\":1,"});
    const auto second = line_with(logs[1], {kReceived, "\"hop\":4,"});
    std::iter_swap(first, second);
    const Checked checked = check_logs(logs);
    CHECK(checked.code == 1);
    CHECK(checked.count("lines_swapped") > 0);
  }
  SECTION("the pods of two visits") {
    std::string& first = *line_with(logs[1], {kReceived, "\"hop\":1,"});
    std::string& second = *line_with(logs[2], {kReceived, "\"hop\":2,"});
    const auto tail = [](const std::string& line) { return line.substr(line.find("\"id\":")); };
    const std::string first_tail = tail(first);
    const std::string second_tail = tail(second);
    replace(first, first_tail, second_tail);
    replace(second, second_tail, first_tail);
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 1);
    CHECK(checked.count("order_wrong") + checked.count("trace_wrong") +
              checked.count("visit_missing") >
          0);
  }
  SECTION("the hops of two visits") {
    replace(*line_with(logs[1], {kReceived, "\"hop\":1,"}), "\"hop\":1,", "\"hop\":4,");
    CHECK(check_logs(logs).count("trace_wrong") > 0);
  }
}

// A peer may end a message in two laps, on two branches: each end belongs to the visit of its lap.
TEST_CASE("an end in another lap than its visit is found", "[verify]") {
  auto logs = real_logs();
  std::string& line = *line_with(logs[1], {kCompleted, "\"lap\":3,"});
  replace(line, "\"lap\":3,", "\"lap\":4,");
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 1);
  CHECK(checked.count("visit_missing") == 1);
}

TEST_CASE("a foreign pod in a trace is found", "[verify]") {
  auto logs = real_logs();
  std::string& line = *line_with(logs[1], {kReceived, "\"hop\":4,"});
  SECTION("as the last name") { replace(line, "\"],\"sender_pod_ip\"", "x\"],\"sender_pod_ip\""); }
  SECTION("as the first name") { replace(line, "\"trace\":[\"", "\"trace\":[\"x"); }
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 1);
  CHECK(checked.count("trace_wrong") > 0);
}

TEST_CASE("a sender that is not the one in the trace is found", "[verify]") {
  auto logs = real_logs();
  std::string& line = *line_with(logs[1], {kReceived, "\"hop\":4,"});
  const std::size_t at = line.find("\"sender_pod_ip\":\"") + 17;
  line.replace(at, line.find('"', at) - at, "10.99.0.1");
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 1);
  CHECK(checked.count("sender_wrong") == 1);
}

TEST_CASE("a line that is there twice is found", "[verify]") {
  auto logs = real_logs();
  const auto line = line_with(logs[2], {kReceived});
  logs[2].insert(line, *line);
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 1);
  CHECK(checked.count("line_doubled") == 1);
  CHECK(checked.found.size() == 1);
}

TEST_CASE("a visit that is told twice under two numbers is found", "[verify]") {
  auto logs = real_logs();
  LogLines& log = logs[2];
  const std::string line = *line_with(log, {kReceived, "\"hop\":5,"});
  std::string again = line;
  const std::size_t begin = again.find("\"seq\":") + 6;
  again.replace(begin, again.find(',', begin) - begin, std::to_string(log.size() - 1));
  std::string& last = log.back();
  replace(last, "\"seq\":" + std::to_string(log.size() - 1),
          "\"seq\":" + std::to_string(log.size()));
  log.insert(log.end() - 1, again);
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 1);
  CHECK(checked.count("visit_repeated") == 1);
  CHECK(checked.count("accepted_twice") == 1);
}

TEST_CASE("a file that is cut is found", "[verify]") {
  auto logs = real_logs();
  std::vector<std::string> texts;
  for (const LogLines& lines : logs) texts.push_back(joined(lines));
  SECTION("within its last line") {
    texts[1].resize(texts[1].size() - 10);
    const Checked checked = check_texts(texts);
    CHECK(checked.code == 2);
    CHECK(checked.count("log_cut") == 1);
  }
  SECTION("in the middle: what it would have told is unproven, not lost") {
    texts[1].resize(texts[1].size() / 2);
    const Checked checked = check_texts(texts);
    INFO(checked.text);
    CHECK(checked.code == 2);
    CHECK(checked.count("log_cut") == 1);
    CHECK(checked.count("end_unproven") > 0);
    CHECK(checked.count("lost") == 0);
  }
  SECTION("at the end of a line: visits and ends are missing") {
    logs[1].resize(logs[1].size() / 2);
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 2);
    CHECK(checked.count("no_stopped") == 1);
    CHECK(checked.count("visit_unproven") > 0);
  }
  SECTION("at its beginning") {
    logs[1].erase(logs[1].begin(), logs[1].begin() + static_cast<long>(logs[1].size() / 2));
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 2);
    CHECK(checked.count("begin_missing") == 1);
    CHECK(checked.count("visit_missing") == 0);
  }
}

TEST_CASE("a gap in seq is found, whatever was in it", "[verify]") {
  auto logs = real_logs();
  LogLines& log = logs[0];
  log.erase(std::find_if(log.begin() + 3, log.end(),
                         [](const std::string& line) { return has(line, "\"event\":\"safe\""); }));
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 2);
  CHECK(checked.count("seq_gap") == 1);
}

TEST_CASE("a damaged line is found", "[verify]") {
  auto logs = real_logs();
  replace(*line_with(logs[1], {kReceived, "\"hop\":4,"}), "\"hop\":4,", "\"hop\":4 4,");
  const Checked checked = check_logs(logs);
  CHECK(checked.code == 2);
  CHECK(checked.count("line_damaged") == 1);
}

TEST_CASE("an end that comes too early or twice is found", "[verify]") {
  auto logs = real_logs();
  SECTION("too early") {
    const std::string id = "\"id\":";
    std::string& line = *line_with(logs[1], {kCompleted, "\"hop\":10,"});
    const std::string visit = *line_with(logs[1], {kReceived, "\"hop\":7,"});
    line = line.substr(0, line.find(id)) + visit.substr(visit.find(id));
    CHECK(check_logs(logs).count("end_wrong") == 1);
  }
  SECTION("twice without a detour") {
    LogLines& log = logs[1];
    std::string again = *line_with(log, {kCompleted});
    const std::size_t begin = again.find("\"seq\":") + 6;
    again.replace(begin, again.find(',', begin) - begin, std::to_string(log.size()));
    log.push_back(again);
    const Checked checked = check_logs(logs);
    CHECK(checked.code == 1);
    CHECK(checked.count("ended_twice") == 1);
  }
}

TEST_CASE("a hand-over to a pod that is not next is found", "[verify]") {
  // The lines of one message at the second pod are given to a fourth that nobody has in view.
  auto logs = real_logs();
  LogLines stranger{logs[1].front()};
  const std::size_t address = stranger[0].find("\"address\":\"") + 11;
  stranger[0].replace(address, stranger[0].find('"', address) - address, "10.200.0.1");
  const std::size_t boot = stranger[0].find("\"boot\":\"") + 8;
  const std::string own = stranger[0].substr(boot, 16);
  stranger[0].replace(boot, 16, "ffffffffffffffff");
  auto visit = line_with(logs[1], {kReceived, "\"hop\":10,"});
  std::string moved = *visit;
  remove_without_gap(logs[1], visit);
  replace(moved, own, "ffffffffffffffff");
  const std::size_t begin = moved.find("\"seq\":") + 6;
  moved.replace(begin, moved.find(',', begin) - begin, "1");
  stranger.push_back(moved);
  logs.push_back(stranger);
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 1);
  CHECK(checked.count("order_wrong") == 1);
}

TEST_CASE("a hand-over that one of a pod's two lives was right to make is right", "[verify]") {
  // Another life of the first pod had a visit as well, and nobody in its view.
  const bool earlier = GENERATE(true, false);
  auto logs = real_logs();
  const std::string boot = "\"boot\":\"";
  const std::string own = logs[0].front().substr(logs[0].front().find(boot) + boot.size(), 16);
  LogLines life{logs[0].front(), *line_with(logs[0], {kReceived, "\"hop\":3,"})};
  for (std::size_t seq = 0; seq < life.size(); ++seq) {
    replace(life[seq], boot + own, boot + "ffffffffffffffff");
    const std::size_t begin = life[seq].find("\"seq\":") + 6;
    life[seq].replace(begin, life[seq].find(',', begin) - begin, std::to_string(seq));
    const std::size_t year = life[seq].find("\"ts\":\"") + 6;
    if (earlier) life[seq].replace(year, 4, "1999");
  }
  logs.insert(earlier ? logs.begin() : logs.end(), life);
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.count("visit_repeated") == 1);  // it was read
  CHECK(checked.count("order_wrong") == 0);
  CHECK(checked.count("order_unproven") == 0);
}

TEST_CASE("killed pods, restarts and detours are right, and told", "[verify]") {
  LoggedNet ring{5, 7};
  ring.seed_and_run(0, 20, "before");
  ring.net.at(ring.net.now() + 15ms, [&ring] { ring.kill(2); });
  ring.seed_and_run(0, 40, "around");
  ring.start(2);
  ring.net.run_for(5s);
  ring.seed_and_run(1, 20, "after");
  const auto logs = ring.take_logs();
  REQUIRE(logs.size() == 6);
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 0);
  CHECK(checked.count("no_stopped") == 1);
  CHECK(has(checked.text, "of 6 processes"));
  CHECK(has(checked.text, "completed 80, expired 0, none 0"));
}

TEST_CASE("prefixes, mixed files and other programs' lines do not matter", "[verify]") {
  const auto& logs = real_logs();
  std::string mixed = "starting up\n{\"not\":\"ours\"}\n";
  for (std::size_t i = 0; i < logs[0].size() + logs[1].size() + logs[2].size(); ++i) {
    for (std::size_t pod = 0; pod < 3; ++pod) {
      if (i >= logs[pod].size()) continue;
      mixed += "[pod/podring-" + std::to_string(pod) + "/podring] " + logs[pod][i];
    }
  }
  SECTION("kubectl logs --prefix") {}
  SECTION("containerd's files") {
    std::string other;
    for (const LogLines& lines : logs) {
      for (const std::string& line : lines) {
        other += "2026-11-25T16:26:02.060676123Z stdout F " + line;
      }
    }
    mixed = other;
  }
  const Checked checked = check_texts({mixed});
  INFO(checked.text);
  CHECK(checked.code == 0);
  CHECK(has(checked.text, "3 processes, 3 pods"));
}

TEST_CASE("logs without hops: ends and losses are checked, and what is not is said", "[verify]") {
  podring::Settings settings;
  settings.report_visits = false;
  LoggedNet ring{3, 1, settings};
  ring.seed_and_run(0, 20);
  auto logs = ring.take_logs();
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 0);
  CHECK(has(checked.text, "--log-hops false"));
  CHECK(has(checked.json, "--log-hops false"));
  remove_without_gap(logs[1], line_with(logs[1], {kCompleted}));
  CHECK(check_logs(logs).count("lost") == 1);
}

TEST_CASE("logs that cannot be read for what they are prove nothing", "[verify]") {
  const Checked words =
      check_texts({"received JSON from pod 'a': {Message:x Trace:[] SenderPodIP:1.2.3.4}\n"});
  CHECK(words.code == 2);
  CHECK(has(words.text, "--log-format text"));
  CHECK(check_texts({""}).code == 2);
}

TEST_CASE("beyond its memory the verdict is the same, by way of a file", "[verify]") {
  std::vector<std::string> texts;
  for (const LogLines& lines : real_logs()) texts.push_back(joined(lines));
  const Checked small = check_texts(texts, {}, 256 * sizeof(podring::verify::Record));
  CHECK(small.code == 0);
  CHECK(small.text == check_texts(texts).text);
}

TEST_CASE("a counterexample shows the id's way", "[verify]") {
  auto logs = real_logs();
  remove_without_gap(logs[1], line_with(logs[1], {kReceived, "\"hop\":4,"}));
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(has(checked.text, "hop  lap  time"));
  CHECK(has(checked.text, "    > received"));
  CHECK(has(checked.text, "completed"));
}

TEST_CASE("a log that was read before the others is no wrong one", "[verify]") {
  auto logs = real_logs();
  SECTION("its pod has seeded since") {
    logs[0].erase(line_with(logs[0], {"\"event\":\"seeded\""}), logs[0].end());
    const Checked checked = check_logs(logs);
    INFO(checked.text);
    CHECK(checked.code == 2);
    CHECK(checked.count("seed_wrong") == 0);
  }
  SECTION("its pod has called another one down since") {
    // p1 hands to p3: p2 has no line of it, and p1's own line of that is behind the end.
    const auto seeded = line_with(logs[0], {"\"event\":\"seeded\""});
    const auto first = line_with(logs[0], {kReceived, "\"hop\":0,"});
    REQUIRE(seeded < first);
    logs[0].erase(first + 1, logs[0].end());
    std::string visit = *line_with(logs[1], {kReceived, "\"hop\":1,"});
    replace(visit, "\"pod\":\"" + field(visit, "pod"), "\"pod\":\"" + field(logs[2][0], "pod"));
    replace(visit, field(visit, "boot"), field(logs[2][0], "boot"));
    const auto stopped = logs[2].size() - 1;
    LogLines third(logs[2].begin(), line_with(logs[2], {kReceived}));
    third.push_back(numbered(visit, third.size()));
    REQUIRE(stopped > third.size());
    const Checked checked = check_logs({logs[0], third});
    INFO(checked.text);
    CHECK(checked.count("order_wrong") == 0);
    CHECK(checked.count("order_unproven") == 1);
  }
}

TEST_CASE("a log of a level above info hides what it has not got", "[verify]") {
  auto logs = real_logs();
  std::string warning = numbered(logs[0].back(), 0);
  replace(warning, "\"event\":\"stopped\"", "\"event\":\"warning\"");
  logs[0] = {warning};
  podring::verify::JudgeOptions whole;
  whole.logs_whole = true;
  const Checked checked = check_logs(logs, whole);
  INFO(checked.text);
  CHECK(checked.code != 1);
  CHECK(has(checked.text, "--log-level above info"));
}

TEST_CASE("a file of several pods that is cut excuses each of them", "[verify]") {
  auto logs = real_logs();
  const auto last = line_with(logs[1], {kReceived, "\"hop\":4,"});
  LogLines mixed(logs[1].begin(), last);
  mixed.insert(mixed.end(), logs[0].begin(), logs[0].end());
  mixed.push_back(last->substr(0, last->size() / 2));
  podring::verify::JudgeOptions whole;
  whole.logs_whole = true;
  const Checked checked = check_texts({joined(mixed), joined(logs[2])}, whole);
  INFO(checked.text);
  CHECK(checked.count("log_cut") == 1);
  CHECK(checked.code == 2);
}

TEST_CASE("a last line that says stopped needs no line break", "[verify]") {
  std::vector<std::string> texts;
  for (const LogLines& lines : real_logs()) texts.push_back(joined(lines));
  texts[1].pop_back();
  const Checked checked = check_texts(texts);
  INFO(checked.text);
  CHECK(checked.code == 0);
}

TEST_CASE("a message that goes on within or after its last lap is found", "[verify]") {
  auto logs = real_logs();
  const auto seeded = [&](std::uint32_t laps) {
    for (std::string& line : logs[0]) {
      if (has(line, "\"event\":\"seeded\"")) {
        replace(line, "\"hops\":10", "\"laps\":" + std::to_string(laps));
      }
    }
  };
  std::uint32_t limit = 0;
  SECTION("within: lap 3 begins at hop 9, and it ends at hop 10") { limit = 3; }
  SECTION("after") { limit = 2; }
  seeded(limit);
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.code == 1);
  CHECK(has(checked.text, "it went on after lap " + std::to_string(limit)));
}

TEST_CASE("a hop at two pods is found, be there one after a detour between them", "[verify]") {
  auto logs = real_logs();
  const std::string visit = *line_with(logs[1], {kReceived, "\"hop\":1,"});
  const auto at_pod = [&](std::size_t pod, int later_us, bool detour) {
    std::string copy = visit;
    replace(copy, "\"pod\":\"" + field(visit, "pod"), "\"pod\":\"" + field(logs[pod][0], "pod"));
    replace(copy, field(visit, "boot"), field(logs[pod][0], "boot"));
    const std::size_t digit = copy.find('Z') - 1;
    copy[digit] = static_cast<char>('0' + later_us);
    if (detour) {
      replace(copy, "\"sender_pod_ip\"", "\"detours\":[{\"hop\":1,\"try\":2}],\"sender_pod_ip\"");
    }
    insert(logs[pod], logs[pod].size() - 1, copy);
  };
  at_pod(2, 8, /*detour=*/true);
  at_pod(0, 9, /*detour=*/false);
  const Checked checked = check_logs(logs);
  INFO(checked.text);
  CHECK(checked.count("visit_repeated") == 1);
  CHECK(checked.count("repeated_with_detours") == 1);
}
