#include "core/annotations.h"

#include <algorithm>

#include "core/msgpack_io.h"

namespace podring {
namespace {

constexpr std::string_view kContentType = "content_type";
constexpr std::string_view kKey = "key";
constexpr std::string_view kTraceparent = "traceparent";
constexpr std::string_view kTracestate = "tracestate";
constexpr std::string_view kAttributes = "attributes";
constexpr std::string_view kRequest = "request";
constexpr std::string_view kWantsAnswers = "wants_answers";
constexpr std::string_view kOutcomes = "outcomes";
constexpr std::string_view kAnswers = "answers";
constexpr std::string_view kAnswersOmitted = "answers_omitted";
constexpr std::string_view kLastVisit = "last_visit";
constexpr std::array kKnown{kContentType, kKey,          kTraceparent, kTracestate, kAttributes,
                            kRequest,     kWantsAnswers, kOutcomes,    kAnswers,    kAnswersOmitted,
                            kLastVisit};

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::size_t ext_at(const Envelope& envelope) {
  return envelope.message_at + envelope.message_bytes;
}

ByteView ext_of(const Envelope& envelope) {
  return ByteView{envelope.tail}.substr(ext_at(envelope), envelope.trace_at - ext_at(envelope));
}

void append_varint(Bytes& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

std::optional<std::uint32_t> take_varint(ByteView& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 35 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) {
      return value <= UINT32_MAX ? std::optional{static_cast<std::uint32_t>(value)} : std::nullopt;
    }
  }
  return std::nullopt;
}

// A record: varint of the hop, then the outcome in the low bits of a byte whose top bit says that
// two bytes of status follow.
constexpr unsigned char kHasStatus = 0x80;

void append_outcome(Bytes& out, const VisitOutcome& visit) {
  append_varint(out, visit.hop);
  const auto kind = static_cast<unsigned char>(visit.outcome);
  out.push_back(static_cast<char>(visit.status != 0 ? kind | kHasStatus : kind));
  if (visit.status == 0) return;
  out.push_back(static_cast<char>(visit.status >> 8));
  out.push_back(static_cast<char>(visit.status & 0xff));
}

std::vector<VisitOutcome> read_outcomes(ByteView bytes) {
  std::vector<VisitOutcome> outcomes;
  while (!bytes.empty()) {
    const auto hop = take_varint(bytes);
    if (!hop || bytes.empty()) break;
    const auto tag = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    VisitOutcome visit{*hop, static_cast<Outcome>(tag & 0x7fU), 0};
    if ((tag & 0x7fU) > static_cast<unsigned>(Outcome::no_program)) break;
    if ((tag & kHasStatus) != 0) {
      if (bytes.size() < 2) break;
      visit.status = static_cast<std::uint16_t>((static_cast<unsigned char>(bytes[0]) << 8) |
                                                static_cast<unsigned char>(bytes[1]));
      bytes.remove_prefix(2);
    }
    outcomes.push_back(visit);
  }
  return outcomes;
}

std::vector<VisitAnswer> read_answers(ByteView bytes) {
  std::vector<VisitAnswer> answers;
  while (!bytes.empty()) {
    const auto hop = take_varint(bytes);
    const auto size = hop ? take_varint(bytes) : std::nullopt;
    if (!size || *size > bytes.size()) break;
    answers.push_back({*hop, std::string{bytes.substr(0, *size)}});
    bytes.remove_prefix(*size);
  }
  return answers;
}

Pairs read_pairs(Reader& in) {
  Pairs pairs;
  const std::size_t count = in.map();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    std::string name{in.str()};
    pairs.emplace_back(std::move(name), in.str());
  }
  return pairs;
}

void pack_pairs(Packer& out, const Pairs& pairs) {
  out.pack_map(static_cast<std::uint32_t>(pairs.size()));
  for (const auto& [name, value] : pairs) {
    pack_str(out, name);
    pack_str(out, value);
  }
}

std::optional<ProgramRequest> read_request(ByteView value) {
  Reader in{value};
  ProgramRequest request;
  if (in.array() != 3) return std::nullopt;
  request.method = in.str();
  request.path = in.str();
  request.headers = read_pairs(in);
  return in.at_end() ? std::optional{std::move(request)} : std::nullopt;
}

std::optional<std::pair<std::string, WallTime>> read_last_visit(ByteView value) {
  Reader in{value};
  if (in.array() != 2) return std::nullopt;
  std::string pod{in.str()};
  const auto micros = in.uint_up_to<std::int64_t>(INT64_MAX);
  if (!in.at_end()) return std::nullopt;
  return std::pair{std::move(pod), WallTime{micros}};
}

/// Packs what is there, key by key, and counts the keys.
class ExtWriter {
 public:
  template <typename Body>
  void add(bool is_there, std::string_view key, Body&& body) {
    if (!is_there) return;
    ++keys_;
    pack_str(out_, key);
    body(out_);
  }
  void add_text(std::string_view key, const std::string& text) {
    add(!text.empty(), key, [&](Packer& out) { pack_str(out, text); });
  }
  void add_encoded(std::string_view key, ByteView value) {
    ++keys_;
    pack_str(out_, key);
    bytes_.append(value);
  }
  void add_sender(const SenderAnnotations& sender) {
    add_text(kContentType, sender.content_type);
    add_text(kKey, sender.key);
    add_text(kTraceparent, sender.traceparent);
    add_text(kTracestate, sender.tracestate);
    add(!sender.attributes.empty(), kAttributes,
        [&](Packer& out) { pack_pairs(out, sender.attributes); });
    add(sender.request.has_value(), kRequest, [&](Packer& out) {
      out.pack_array(3);
      pack_str(out, sender.request->method);
      pack_str(out, sender.request->path);
      pack_pairs(out, sender.request->headers);
    });
    add(sender.wants_answers, kWantsAnswers, [](Packer& out) { out.pack(true); });
  }
  [[nodiscard]] std::uint32_t keys() const { return keys_; }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  Sink sink_{bytes_};
  Packer out_{sink_};
  std::uint32_t keys_ = 0;
};

Bytes encoded_outcomes(const std::vector<VisitOutcome>& outcomes) {
  constexpr std::size_t kRecordMax = 5 + 3;
  Bytes bytes;
  std::size_t from = outcomes.size() - std::min(outcomes.size(), kOutcomeBytesMax / kRecordMax);
  // Most records are shorter than the longest: take as many more of the newest as fit.
  for (std::size_t i = from; i < outcomes.size(); ++i) append_outcome(bytes, outcomes[i]);
  while (from > 0) {
    Bytes one;
    append_outcome(one, outcomes[from - 1]);
    if (one.size() + bytes.size() > kOutcomeBytesMax) break;
    bytes.insert(0, one);
    --from;
  }
  return bytes;
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::visited:
      return "visited";
    case Outcome::delivered:
      return "delivered";
    case Outcome::refused:
      return "refused";
    case Outcome::timed_out:
      return "timed_out";
    case Outcome::no_program:
      return "no_program";
  }
  return "visited";
}

Annotations annotations_of(const Envelope& envelope) {
  Annotations notes;
  SenderAnnotations& sender = notes.sender;
  Reader in{ext_of(envelope)};
  in.ext([&](ByteView key, ByteView value) {
    Reader item{value};
    if (key == kContentType) sender.content_type = item.str_up_to(kContentTypeBytesMax);
    if (key == kKey) sender.key = item.str_up_to(kKeyBytesMax);
    if (key == kTraceparent) sender.traceparent = item.str();
    if (key == kTracestate) sender.tracestate = item.str();
    if (key == kAttributes) sender.attributes = read_pairs(item);
    if (key == kRequest) sender.request = read_request(value);
    if (key == kWantsAnswers) sender.wants_answers = item.boolean();
    if (key == kOutcomes) notes.outcomes = read_outcomes(item.bin());
    if (key == kAnswers) notes.answers = read_answers(item.bin());
    if (key == kAnswersOmitted) notes.answers_omitted = item.uint_up_to<std::uint32_t>(UINT32_MAX);
    if (key == kLastVisit) notes.last_visit = read_last_visit(value);
  });
  return notes;
}

Journey journey_of(const Envelope& envelope) {
  Journey journey;
  for (const TraceEntry& entry : trace_of(envelope)) {
    journey.trace.push_back({std::string{entry.pod}, entry.at});
  }
  Annotations notes = annotations_of(envelope);
  journey.answers_omitted = notes.answers_omitted;
  if (notes.last_visit) {
    journey.last_visit = {std::move(notes.last_visit->first), notes.last_visit->second};
  }
  // Entries after a cut stand for later hops.
  const auto visit_at = [&](std::uint32_t hop) -> VisitRecord* {
    if (hop == envelope.head.hop && journey.last_visit) return &*journey.last_visit;
    if (hop >= kTraceFirstKept && envelope.trace_omitted > 0) {
      if (hop < kTraceFirstKept + envelope.trace_omitted) return nullptr;
      hop -= envelope.trace_omitted;
    }
    return hop < journey.trace.size() ? &journey.trace[hop] : nullptr;
  };
  for (const VisitOutcome& visit : notes.outcomes) {
    if (VisitRecord* record = visit_at(visit.hop)) record->outcome = visit;
  }
  for (VisitAnswer& answer : notes.answers) {
    if (VisitRecord* record = visit_at(answer.hop)) record->answer = std::move(answer.answer);
  }
  return journey;
}

void annotate(Envelope& envelope, Annotations notes) {
  Bytes answers;
  for (const VisitAnswer& answer : notes.answers) {
    Bytes one;
    append_varint(one, answer.hop);
    append_varint(one, static_cast<std::uint32_t>(answer.answer.size()));
    one += answer.answer;
    if (answers.size() + one.size() > kAnswerBytesAllMax) {
      ++notes.answers_omitted;
    } else {
      answers += one;
    }
  }
  const Bytes outcomes = encoded_outcomes(notes.outcomes);

  ExtWriter writer;
  Reader old{ext_of(envelope)};
  old.ext([&](ByteView key, ByteView value) {
    if (std::find(kKnown.begin(), kKnown.end(), key) == kKnown.end()) {
      writer.add_encoded(key, value);
    }
  });
  writer.add_sender(notes.sender);
  writer.add(!outcomes.empty(), kOutcomes, [&](Packer& out) { pack_bin(out, outcomes); });
  writer.add(!answers.empty(), kAnswers, [&](Packer& out) { pack_bin(out, answers); });
  writer.add(notes.answers_omitted > 0, kAnswersOmitted,
             [&](Packer& out) { out.pack(notes.answers_omitted); });
  writer.add(notes.last_visit.has_value(), kLastVisit, [&](Packer& out) {
    out.pack_array(2);
    pack_str(out, notes.last_visit->first);
    out.pack(static_cast<std::uint64_t>(notes.last_visit->second.micros));
  });
  Bytes ext;
  Sink sink{ext};
  Packer{sink}.pack_map(writer.keys());
  ext += writer.bytes();
  // A map that others have filled leaves no place: what the programs said is then not told, which
  // reads as `visited` and never as `delivered`.
  if (ext.size() > Reader::kExtBytesMax || writer.keys() > Reader::kExtKeysMax) return;
  const std::size_t at = ext_at(envelope);
  envelope.tail.replace(at, envelope.trace_at - at, ext);
  envelope.trace_at = static_cast<std::uint32_t>(at + ext.size());
}

std::size_t encoded_bytes(const SenderAnnotations& sender) {
  ExtWriter writer;
  writer.add_sender(sender);
  return writer.bytes().size();
}

}  // namespace podring
