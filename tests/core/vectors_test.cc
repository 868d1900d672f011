// proto-docs/vectors.json against the codec: the bytes were made from the document by another
// program (tests/interop/make_vectors.py), so neither can hide a mistake of the other.
#include <fstream>
#include <sstream>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include "core/codec.h"
#include "core/peer_status.h"
#include "core/ring.h"
#include "support/catch.h"
#include "support/frames.h"

using namespace podring;  // NOLINT(google-build-using-namespace): the subject is the namespace
using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

namespace {

const Object& vectors() {
  static const Object::Ptr read = [] {
    const char* source = std::getenv("PODRING_SOURCE");
    REQUIRE(source != nullptr);
    std::ifstream file{std::string{source} + "/proto-docs/vectors.json"};
    REQUIRE(file);
    std::ostringstream text;
    text << file.rdbuf();
    return Poco::JSON::Parser{}.parse(text.str()).extract<Object::Ptr>();
  }();
  return *read;
}

/// Calls `check(object)` for each entry of a section, with its name in every message.
template <typename Check>
void for_each(const char* section, Check&& check) {
  const Array::Ptr entries = vectors().getArray(section);
  REQUIRE(!entries.isNull());
  REQUIRE(entries->size() > 5);
  for (std::size_t i = 0; i < entries->size(); ++i) {
    const Object::Ptr entry = entries->getObject(static_cast<unsigned>(i));
    INFO(section << " " << entry->getValue<std::string>("name"));
    check(*entry);
  }
}

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

/// Hex text, or a list of hex text and [hex text, times].
Bytes bytes_of(const Var& value) {
  if (value.isString()) return from_hex(value);
  Bytes bytes;
  for (const Var& part : *value.extract<Array::Ptr>()) {
    if (part.isString()) {
      bytes += from_hex(part);
      continue;
    }
    const auto& pair = *part.extract<Array::Ptr>();
    const Bytes once = from_hex(pair.get(0));
    const auto times = pair.getElement<std::size_t>(1);
    for (std::size_t i = 0; i < times; ++i) bytes += once;
  }
  return bytes;
}

/// A string, {"repeat": string, "times": n} or {"hex": ...}.
std::string text_of(const Var& value) {
  if (value.isString()) return value;
  const auto& object = *value.extract<Object::Ptr>();
  if (object.has("hex")) return from_hex(object.getValue<std::string>("hex"));
  std::string text;
  const auto times = object.getValue<std::size_t>("times");
  for (std::size_t i = 0; i < times; ++i) text += object.getValue<std::string>("repeat");
  return text;
}

/// A list, or {"repeat": item, "times": n}.
std::vector<Array::Ptr> list_of(const Var& value) {
  std::vector<Array::Ptr> list;
  if (value.type() == typeid(Array::Ptr)) {
    for (const Var& item : *value.extract<Array::Ptr>()) list.push_back(item.extract<Array::Ptr>());
    return list;
  }
  const auto& object = *value.extract<Object::Ptr>();
  list.assign(object.getValue<std::size_t>("times"), object.getArray("repeat"));
  return list;
}

/// The fields of a vector, read as the types that the codec has for them.
class Fields {
 public:
  explicit Fields(const Object& entry) : object_(*entry.getObject("fields")) {}

  template <typename T>
  [[nodiscard]] T number(const char* name) const {
    return static_cast<T>(object_.getValue<std::uint64_t>(name));
  }
  [[nodiscard]] bool boolean(const char* name) const { return object_.getValue<bool>(name); }
  [[nodiscard]] std::string text(const char* name) const { return text_of(object_.get(name)); }
  [[nodiscard]] Address address(const char* name) const {
    const auto parsed = parse_address(object_.getValue<std::string>(name));
    REQUIRE(parsed);
    return *parsed;
  }
  [[nodiscard]] std::vector<Array::Ptr> list(const char* name) const {
    return list_of(object_.get(name));
  }
  [[nodiscard]] Array::Ptr array(const char* name) const { return object_.getArray(name); }

 private:
  const Object& object_;
};

std::uint64_t at(const Array& array, unsigned index) {
  return array.getElement<std::uint64_t>(index);
}

/// The frame that the fields describe. Its envelopes point into `envelopes`.
AnyFrame frame_from(const Object& entry, std::vector<Bytes>& envelopes) {
  const Fields in{entry};
  AnyFrame frame;
  frame.version = static_cast<std::uint8_t>(entry.getValue<unsigned>("version"));
  frame.session = entry.getValue<std::uint64_t>("session");
  const auto type = entry.getValue<std::string>("type");
  if (type == "hello") {
    frame.type = FrameType::hello;
    frame.hello = {in.boolean("answer"),
                   in.number<std::uint8_t>("version_min"),
                   in.number<std::uint8_t>("version_max"),
                   in.number<Role>("role"),
                   in.text("ring"),
                   {in.text("pod"),
                    in.text("uid"),
                    in.text("node"),
                    in.address("address"),
                    {in.number<std::uint64_t>("boot")}},
                   in.address("dialled"),
                   in.boolean("leaving"),
                   in.number<std::uint64_t>("room_envelopes"),
                   in.number<std::uint64_t>("room_bytes"),
                   std::nullopt,
                   entry.optValue("takes_status", false)};
  } else if (type == "relay") {
    frame.type = FrameType::relay;
    frame.relay.floor = in.number<std::uint64_t>("floor");
    frame.relay.first = in.number<std::uint64_t>("first");
    for (const Var& hex : *in.array("envelopes")) envelopes.push_back(from_hex(hex));
    frame.relay.envelopes.assign(envelopes.begin(), envelopes.end());
  } else if (type == "ack") {
    frame.type = FrameType::ack;
    frame.ack.credit_envelopes = in.number<std::uint64_t>("room_envelopes");
    frame.ack.credit_bytes = in.number<std::uint64_t>("room_bytes");
    for (const Array::Ptr& range : in.list("ranges")) {
      const bool has_place = range->size() > 3;
      frame.ack.ranges.push_back({static_cast<AckLevel>(at(*range, 0)),
                                  {at(*range, 1), at(*range, 2)},
                                  static_cast<std::uint8_t>(has_place),
                                  has_place ? at(*range, 3) : 0});
    }
  } else if (type == "seed") {
    frame.type = FrameType::seed;
    frame.seed = {in.number<std::uint64_t>("request"),
                  in.number<std::uint32_t>("count"),
                  in.text("message"),
                  in.number<LimitKind>("limit_kind"),
                  in.number<std::uint32_t>("limit"),
                  in.number<std::uint64_t>("ttl_ms"),
                  in.number<Stage>("wait")};
  } else if (type == "seeded") {
    frame.type = FrameType::seeded;
    frame.seeded = {in.number<std::uint64_t>("request"),
                    in.number<Stage>("stage"),
                    {{in.number<std::uint64_t>("boot")}, in.number<std::uint64_t>("counter")},
                    in.number<std::uint32_t>("count"),
                    in.number<std::uint32_t>("trace_omitted"),
                    {}};
    for (const Array::Ptr& item : in.list("trace")) {
      frame.seeded.trace.emplace_back(item->getElement<std::string>(0),
                                      WallTime{item->getElement<std::int64_t>(1)});
    }
  } else if (type == "refuse") {
    frame.type = FrameType::refuse;
    frame.refuse = {in.number<RefuseCode>("code"), in.text("reason"),
                    in.number<std::uint64_t>("request")};
  } else if (type == "leaving") {
    frame.type = FrameType::leaving;
  } else if (type == "ping") {
    frame.type = FrameType::ping;
    frame.ping = {in.number<std::uint64_t>("token"), in.number<std::uint64_t>("floor"), {}};
    for (const Array::Ptr& ask : in.list("asks"))
      frame.ping.asks.push_back({at(*ask, 0), at(*ask, 1)});
  } else if (type == "status") {
    frame.type = FrameType::status;
    frame.status.told = envelopes.emplace_back(in.text("told"));
  } else {
    REQUIRE(type == "pong");
    frame.type = FrameType::pong;
    frame.pong = {in.number<std::uint64_t>("token"), in.number<std::uint64_t>("room_envelopes"),
                  in.number<std::uint64_t>("room_bytes")};
  }
  return frame;
}

void append_bin(Bytes& out, ByteView content) {
  REQUIRE(content.size() < 0x10000);
  if (content.size() < 0x100) {
    out += '\xc4';
  } else {
    out += '\xc5';
    out += static_cast<char>(content.size() >> 8);
  }
  out += static_cast<char>(content.size() & 0xff);
  out += content;
}

Bytes written(const AnyFrame& frame) {
  Bytes batch;
  for (const ByteView envelope : frame.relay.envelopes) append_bin(batch, envelope);
  return test::written_again(frame, frame.relay.envelopes.size(), batch);
}

void check_same(const AnyFrame& read, const AnyFrame& told) {
  REQUIRE(read.type == told.type);
  CHECK(read.version == told.version);
  CHECK(read.session == told.session);
  switch (told.type) {
    case FrameType::hello:
      CHECK(read.hello.answer == told.hello.answer);
      CHECK(read.hello.version_min == told.hello.version_min);
      CHECK(read.hello.version_max == told.hello.version_max);
      CHECK(read.hello.role == told.hello.role);
      CHECK(read.hello.ring == told.hello.ring);
      CHECK(read.hello.identity == told.hello.identity);
      CHECK(read.hello.dialled == told.hello.dialled);
      CHECK(read.hello.leaving == told.hello.leaving);
      CHECK(read.hello.credit_envelopes == told.hello.credit_envelopes);
      CHECK(read.hello.credit_bytes == told.hello.credit_bytes);
      CHECK(read.hello.takes_status == told.hello.takes_status);
      return;
    case FrameType::relay:
      CHECK(read.relay.floor == told.relay.floor);
      CHECK(read.relay.first == told.relay.first);
      CHECK(read.relay.envelopes == told.relay.envelopes);
      return;
    case FrameType::ack:
      CHECK(read.ack.credit_envelopes == told.ack.credit_envelopes);
      CHECK(read.ack.credit_bytes == told.ack.credit_bytes);
      CHECK(read.ack.ranges == told.ack.ranges);
      return;
    case FrameType::seed:
      CHECK(read.seed.request == told.seed.request);
      CHECK(read.seed.count == told.seed.count);
      CHECK(read.seed.message == told.seed.message);
      CHECK(read.seed.limit_kind == told.seed.limit_kind);
      CHECK(read.seed.limit == told.seed.limit);
      CHECK(read.seed.ttl_ms == told.seed.ttl_ms);
      CHECK(read.seed.wait == told.seed.wait);
      return;
    case FrameType::seeded:
      CHECK(read.seeded.request == told.seeded.request);
      CHECK(read.seeded.stage == told.seeded.stage);
      CHECK(read.seeded.first == told.seeded.first);
      CHECK(read.seeded.count == told.seeded.count);
      CHECK(read.seeded.trace_omitted == told.seeded.trace_omitted);
      CHECK(read.seeded.trace == told.seeded.trace);
      return;
    case FrameType::refuse:
      CHECK(read.refuse.code == told.refuse.code);
      CHECK(read.refuse.reason == told.refuse.reason);
      CHECK(read.refuse.request == told.refuse.request);
      return;
    case FrameType::leaving:
      return;
    case FrameType::ping:
      CHECK(read.ping.token == told.ping.token);
      CHECK(read.ping.floor == told.ping.floor);
      CHECK(read.ping.asks == told.ping.asks);
      return;
    case FrameType::pong:
      CHECK(read.pong.token == told.pong.token);
      CHECK(read.pong.credit_envelopes == told.pong.credit_envelopes);
      CHECK(read.pong.credit_bytes == told.pong.credit_bytes);
      return;
    case FrameType::status:
      CHECK(read.status.told == told.status.told);
      return;
  }
}

std::optional<LaneStatus> lane_from(const Array& fields) {
  if (fields.size() == 0) return std::nullopt;
  const auto number = [&](unsigned at) { return fields.getElement<std::uint32_t>(at); };
  LaneStatus lane;
  lane.state = static_cast<LaneStatus::State>(number(0));
  lane.sent = number(1);
  lane.lost = number(2);
  if (number(3) > 0) lane.round_trip = std::chrono::microseconds{number(3)};
  lane.jitter = std::chrono::microseconds{number(4)};
  lane.path_mtu = number(5);
  return lane;
}

ToldStatus status_from(const Object& entry) {
  const Fields in{entry};
  ToldStatus told;
  PeerStatus& status = told.status;
  told.brief = entry.getValue<bool>("brief");
  told.version = in.number<std::uint64_t>("version");
  told.age = std::chrono::milliseconds{in.number<std::int64_t>("age_ms")};
  status.identity.boot = {in.number<std::uint64_t>("boot")};
  status.identity.address = in.address("address");
  status.leaving = in.number<unsigned>("flags") == 1;
  status.suspect_count = in.number<std::uint32_t>("suspect_count");
  for (const Var& address : *in.array("suspects"))
    status.suspects.push_back(*parse_address(address.convert<std::string>()));
  if (told.brief) return told;
  status.identity.pod = in.text("pod");
  status.identity.uid = in.text("uid");
  status.identity.node = in.text("node");
  status.release = in.text("release");
  status.uptime = std::chrono::seconds{in.number<std::int64_t>("uptime_s")};
  status.view_size = in.number<std::uint32_t>("view_size");
  status.digest = in.number<std::uint64_t>("digest");
  status.queue = in.number<std::uint32_t>("queue");
  status.held = in.number<std::uint32_t>("held");
  status.successor = parse_address(in.text("successor"));
  status.predecessor = parse_address(in.text("predecessor"));
  if (const auto micros = in.number<std::int64_t>("round_trip_us"); micros > 0)
    status.round_trip = std::chrono::microseconds{micros};
  status.handed_on = in.number<std::uint32_t>("handed_on");
  status.retries = in.number<std::uint32_t>("retries");
  if (entry.getObject("fields")->has("lanes")) {
    const Array& lanes = *in.array("lanes");
    status.lanes = {lane_from(*lanes.getArray(0)), lane_from(*lanes.getArray(1))};
  }
  return told;
}

EnvelopeHead head_from(const Object& entry) {
  const Fields in{entry};
  EnvelopeHead head;
  head.id = {{in.number<std::uint64_t>("boot")}, in.number<std::uint64_t>("counter")};
  head.origin = in.address("origin");
  head.hop = in.number<std::uint32_t>("hop");
  head.lap = in.number<std::uint32_t>("lap");
  head.limit_kind = in.number<LimitKind>("limit_kind");
  head.limit = in.number<std::uint32_t>("limit");
  head.copies = in.number<std::uint8_t>("copies");
  head.copies_on = in.number<CopiesOn>("copies_on");
  head.receipt = (in.number<unsigned>("flags") & 1) != 0;
  head.ended = in.number<End>("ended");
  head.time_left_ms = in.number<std::uint32_t>("time_left_ms");
  return head;
}

ByteView bin_content(ByteView bin) {
  const auto tag = static_cast<unsigned char>(bin[0]);
  return bin.substr(tag == 0xc4 ? 2U : tag == 0xc5 ? 3U : 5U);
}

}  // namespace

TEST_CASE("every frame of the vectors is read as its fields say, and written as its bytes say",
          "[codec][vectors]") {
  for_each("frames", [](const Object& entry) {
    const Bytes bytes = bytes_of(entry.get("bytes"));
    std::vector<Bytes> envelopes;
    const AnyFrame told = frame_from(entry, envelopes);
    AnyFrame read;
    REQUIRE(read_frame(bytes, read));
    check_same(read, told);
    if (entry.getValue<bool>("canonical")) CHECK(written(told) == bytes);
    // Half a frame is none, and neither is one and a bit.
    const std::size_t step = bytes.size() > 4096 ? 997 : 1;
    for (std::size_t size = 0; size < bytes.size(); size += step)
      REQUIRE_FALSE(read_frame(ByteView{bytes}.substr(0, size), read));
    REQUIRE_FALSE(read_frame(bytes + '\0', read));
  });
}

TEST_CASE("no frame that the vectors call invalid is read", "[codec][vectors]") {
  for_each("invalid_frames", [](const Object& entry) {
    INFO(entry.getValue<std::string>("why"));
    AnyFrame read;
    CHECK_FALSE(read_frame(bytes_of(entry.get("bytes")), read));
  });
}

TEST_CASE("every envelope of the vectors is read as its fields say", "[codec][vectors]") {
  for_each("envelopes", [](const Object& entry) {
    const Fields in{entry};
    const Bytes bytes = bytes_of(entry.get("bytes"));
    Envelope read;
    REQUIRE(read_envelope(bytes, read));
    CHECK(read.head == head_from(entry));
    CHECK(read.message() == in.text("message"));
    CHECK(read.trace_omitted == in.number<std::uint32_t>("trace_omitted"));
    CHECK(read.trace_count == entry.getValue<std::uint32_t>("trace_count"));
    std::vector<DetourEntry> detours;
    for (const Array::Ptr& detour : in.list("detours")) {
      detours.push_back(
          {static_cast<std::uint32_t>(at(*detour, 0)), static_cast<std::uint32_t>(at(*detour, 1))});
    }
    CHECK(read.detours == detours);
    CHECK(trace_is_well_formed(read) == entry.has("trace"));
    if (!entry.has("trace")) return;
    const Array::Ptr trace = entry.getArray("trace");
    const std::vector<TraceEntry> entries = trace_of(read);
    REQUIRE(entries.size() == trace->size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Array::Ptr item = trace->getArray(static_cast<unsigned>(i));
      CHECK(entries[i].pod == item->getElement<std::string>(0));
      CHECK(entries[i].at.micros == item->getElement<std::int64_t>(1));
    }
  });
}

TEST_CASE("no envelope that the vectors call invalid is read", "[codec][vectors]") {
  for_each("invalid_envelopes", [](const Object& entry) {
    INFO(entry.getValue<std::string>("why"));
    Envelope read;
    CHECK_FALSE(read_envelope(bytes_of(entry.get("bytes")), read));
  });
}

TEST_CASE("an envelope is handed on as the vectors' bytes say", "[codec][vectors]") {
  for_each("hand_overs", [](const Object& entry) {
    Envelope received;
    REQUIRE(read_envelope(bytes_of(entry.get("received")), received));
    HandOver hand_over{.hop = entry.getValue<std::uint32_t>("hop"),
                       .lap = entry.getValue<std::uint32_t>("lap"),
                       .time_left_ms = entry.getValue<std::uint32_t>("time_left_ms"),
                       .append_entry = entry.has("pod")};
    const std::string pod = entry.optValue<std::string>("pod", "");
    hand_over.pod = pod;
    hand_over.arrived = {entry.optValue<std::int64_t>("arrived", 0)};
    Bytes sent;
    append_envelope(sent, received, hand_over);
    CHECK(bin_content(sent) == bytes_of(entry.get("sent")));
  });
}

TEST_CASE("a seed's first hand-over has the bytes of the vector first_hop", "[codec][vectors]") {
  bool found = false;
  for_each("envelopes", [&](const Object& entry) {
    if (entry.getValue<std::string>("name") != "first_hop") return;
    found = true;
    EnvelopeHead head = head_from(entry);
    head.hop = 0;
    Bytes sent;
    append_envelope(
        sent, make_envelope(head, "hello"),
        {.hop = 1, .time_left_ms = 600'000, .pod = "pod-1", .arrived = {1'700'000'000'000'000}});
    CHECK(bin_content(sent) == bytes_of(entry.get("bytes")));
  });
  CHECK(found);
}

TEST_CASE("a status entry is the bytes of the document", "[vectors]") {
  for_each("statuses", [](const Object& entry) {
    const Bytes bytes = bytes_of(entry.get("bytes"));
    const ToldStatus told = status_from(entry);
    Bytes made;
    append_status(made, told);
    CHECK(made == bytes);
    const auto read = read_statuses(bytes + bytes);
    REQUIRE(read);
    REQUIRE(read->size() == 2);
    for (const ToldStatus& one : *read) {
      CHECK(one.version == told.version);
      CHECK(one.age == told.age);
      CHECK(one.brief == told.brief);
      CHECK(one.status == told.status);
    }
    CHECK_FALSE(read_statuses(bytes + bytes.substr(0, bytes.size() - 1)));
  });
}

TEST_CASE("places and laps are counted as the vectors say", "[codec][vectors]") {
  const Array::Ptr places = vectors().getArray("places");
  REQUIRE(places->size() > 3);
  for (const Var& item : *places) {
    const auto& place = *item.extract<Object::Ptr>();
    Identity identity;
    identity.boot = {place.getValue<std::uint64_t>("boot")};
    identity.node = place.getValue<std::string>("node");
    INFO("boot " << identity.boot.value << " node " << identity.node);
    CHECK(site_of(identity, CopiesOn::peers) == place.getValue<std::uint64_t>("peers"));
    CHECK(site_of(identity, CopiesOn::nodes) == place.getValue<std::uint64_t>("nodes"));
  }
  const Array::Ptr laps = vectors().getArray("laps");
  REQUIRE(laps->size() > 50);
  for (const Var& item : *laps) {
    const auto& lap = *item.extract<Array::Ptr>();
    const auto address = [&](unsigned index) {
      return parse_address(lap.getElement<std::string>(index)).value();
    };
    INFO(lap.getElement<std::string>(0) << " to " << lap.getElement<std::string>(1) << ", origin "
                                        << lap.getElement<std::string>(2));
    CHECK(passes(address(0), address(1), address(2)) == lap.getElement<bool>(3));
  }
}
