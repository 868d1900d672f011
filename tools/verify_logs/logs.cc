#include "verify_logs/logs.h"

#include <algorithm>
#include <functional>

namespace podring::verify {
namespace {

constexpr std::uint64_t kSeedsPerLineMax = 1000;  // the front end's bound

std::string at(const Input& input, const Line& line) {
  const std::string& name = input.names()[line.input];
  return (name == "-" ? "standard input" : name) + ":" + std::to_string(line.number);
}

}  // namespace

std::string describe(const ProcessLog& process) {
  std::string text = process.pod.empty() ? "an unnamed pod" : process.pod;
  return text + " (boot " + to_string(process.boot) + ")";
}

std::uint32_t TextTable::number_of(std::string_view text) {
  const std::uint64_t hash = std::hash<std::string_view>{}(text);
  const auto [found, is_new] =
      by_hash_.try_emplace(hash, static_cast<std::uint32_t>(texts_.size()));
  if (is_new) texts_.emplace_back(text);
  return found->second;
}

std::uint32_t Logs::process_of(BootId boot) {
  const auto [found, is_new] =
      by_boot_.try_emplace(boot.value, static_cast<std::uint32_t>(processes_.size()));
  if (is_new) {
    processes_.push_back(std::make_unique<ProcessLog>());
    processes_.back()->boot = boot;
  }
  return found->second;
}

void Logs::name(ProcessLog& process, std::string_view pod) {
  if (!process.pod.empty()) return;
  process.pod = pod;
}

void Logs::read(Input& input) {
  LineReader reader;
  LogLine line;
  Line raw;
  while (input.next(raw)) {
    const ReadResult result = reader.read(raw.text, raw.capacity, line);
    switch (result) {
      case ReadResult::line:
        ++totals_.lines;
        take(line, raw);
        break;
      case ReadResult::foreign:
        ++totals_.foreign;
        break;
      case ReadResult::words:
        ++totals_.words;
        break;
      case ReadResult::damaged:
        if (!raw.cut) verdict_.tell(Finding::line_damaged, at(input, raw));
        break;
    }
    // `stopped` is the last line: nothing is missing behind it.
    const bool is_last = result == ReadResult::line && line.kind == LineKind::stopped;
    if (raw.cut && !is_last && result != ReadResult::foreign && result != ReadResult::words) {
      verdict_.tell(Finding::log_cut, at(input, raw) + " has no line break");
      for (const std::uint32_t writer : writers_of_input_[raw.input]) {
        processes_[writer]->cut = true;  // nobody knows whose line it was
      }
    }
  }
  for (const auto& process : processes_) process->on_end_of_input();
  tell_log_findings();
}

void Logs::take(const LogLine& line, const Line& where) {
  const std::uint32_t index = process_of(line.boot);
  ProcessLog& process = *processes_[index];
  writers_of_input_[where.input].insert(index);
  name(process, line.pod);
  switch (process.place(line.seq)) {
    case ProcessLog::Place::doubled:
      verdict_.tell(Finding::line_doubled, describe(process) + ", seq " + std::to_string(line.seq) +
                                               ", " + std::string{line.event});
      return;
    case ProcessLog::Place::late:
      verdict_.tell(
          Finding::lines_swapped,
          describe(process) + ", seq " + std::to_string(line.seq) + " comes after a higher one");
      break;
    case ProcessLog::Place::next:
    case ProcessLog::Place::ahead:
      break;
  }
  if (process.lines == 1) process.first_ts = line.ts;
  process.last_ts = line.ts;
  switch (line.kind) {
    case LineKind::received:
      ++totals_.received;
      return keep(line, index, RecordKind::visit);
    case LineKind::completed:
      return keep(line, index, RecordKind::completed);
    case LineKind::expired:
      return keep(line, index, RecordKind::expired);
    case LineKind::safe:
      return keep(line, index, RecordKind::safe);
    case LineKind::held_at_exit:
      return keep(line, index, RecordKind::held);
    case LineKind::detour:
      ++totals_.detours;
      return keep(line, index, RecordKind::detour);
    case LineKind::duplicate:
      ++totals_.duplicates;
      return;
    case LineKind::seeded:
      return keep_seeds(line, index);
    case LineKind::view:
      return take_view(process, line);
    case LineKind::peer_health:
      if (line.peer) process.on_health(line.seq, line.ts, *line.peer, line.state);
      return;
    case LineKind::link_up: {
      if (line.peer_boot.value == 0) return;
      ProcessLog& peer = *processes_[process_of(line.peer_boot)];
      name(peer, line.peer_pod);
      if (!peer.address) peer.address = line.peer;
      return;
    }
    case LineKind::started:
      process.address = line.address;
      process.hops_logged = line.hops_logged;
      process.info_logged = line.info_logged;
      if (process.address) process.on_started(line.seq, line.ts);
      return;
    case LineKind::stopped:
      process.stopped = true;
      return;
    case LineKind::dropped_lines:
      process.dropped += line.count;
      return;
    case LineKind::shed:
      process.forgot_ids |= line.what == "ids_forgotten";
      return;
    case LineKind::other:
      return;
  }
}

void Logs::take_view(ProcessLog& process, const LogLine& line) {
  const bool whole = line.part == line.parts;  // a large change takes several lines
  const bool fits = process.on_view(line.seq, line.ts, line.added, line.removed,
                                    whole ? std::optional{line.digest} : std::nullopt);
  if (fits || !process.view_is_sure) return;
  process.view_is_sure = false;
  verdict_.tell(Finding::view_wrong, describe(process) + ", seq " + std::to_string(line.seq));
}

void Logs::keep(const LogLine& line, std::uint32_t process, RecordKind kind) {
  Record record;
  record.counter = line.id.counter;
  record.trace = line.trace.value;
  record.ts = line.ts.micros;
  record.seq = line.seq;
  record.origin = process_of(line.id.boot);
  record.process = process;
  record.hop = line.hop;
  record.lap = line.lap;
  record.sender = texts_.number_of(line.sender);
  record.last_name = texts_.number_of(line.last_name);
  record.kind = kind;
  record.has_detours = line.has_detours;
  record.trace_is_cut = line.trace_omitted > 0;
  record.trace_fits_hop = line.trace_names + line.trace_omitted == line.hop;
  store_.add(record);
}

void Logs::keep_seeds(const LogLine& line, std::uint32_t process) {
  Record record;
  record.ts = line.ts.micros;
  record.seq = line.seq;
  record.origin = process_of(line.id.boot);
  record.process = process;
  record.hop = line.limit;
  record.lap = line.limit_kind == LimitKind::laps ? 1 : 0;
  record.sender = texts_.number_of(line.sender);
  record.kind = RecordKind::seeded;
  for (std::uint64_t i = 0; i < std::min(line.count, kSeedsPerLineMax); ++i) {
    record.counter = line.id.counter + i;
    store_.add(record);
  }
}

void Logs::tell_log_findings() {
  for (const auto& process : processes_) {
    if (process->lines == 0) {
      verdict_.tell(Finding::log_missing, describe(*process));
      continue;
    }
    if (process->first_seq > 0) {
      verdict_.tell(Finding::begin_missing,
                    describe(*process) + " begins at seq " + std::to_string(process->first_seq));
    }
    for (const SeqGap& gap : process->gaps) {
      std::string what = describe(*process) + ", seq " + std::to_string(gap.first);
      if (gap.last > gap.first) what += " to " + std::to_string(gap.last);
      verdict_.tell(Finding::seq_gap, std::move(what));
    }
    if (process->dropped > 0) {
      if (Example* example = verdict_.add(Finding::lines_dropped, process->dropped)) {
        example->what = describe(*process) + ": " + std::to_string(process->dropped);
      }
    }
    if (!process->stopped) verdict_.tell(Finding::no_stopped, describe(*process));
  }
}

}  // namespace podring::verify
