#include "core/peer_status.h"

#include <algorithm>

#include "core/codec.h"
#include "core/msgpack_io.h"

namespace podring {
namespace {

constexpr std::size_t kBriefFields = 7;
constexpr std::size_t kFullFields = 22;
constexpr std::size_t kUidBytesMax = 128;
constexpr std::size_t kReleaseBytesMax = 64;
constexpr std::uint64_t kAgeMax = UINT32_MAX;  // milliseconds, 49 days
constexpr std::string_view kLanes = "lanes";   // key in ext
constexpr std::size_t kLaneFields = 6;

template <typename Unit>
std::uint64_t in(Duration duration) {
  return static_cast<std::uint64_t>(std::max<Duration::rep>(
      std::chrono::duration_cast<std::chrono::duration<Duration::rep, Unit>>(duration).count(), 0));
}

void pack_optional(Packer& out, const std::optional<Address>& address) {
  if (address) {
    pack_address(out, *address);
  } else {
    pack_bin(out, {});
  }
}

std::uint64_t micros_of(const std::optional<Duration>& duration) {
  return duration ? std::clamp<std::uint64_t>(in<std::micro>(*duration), 1, UINT32_MAX) : 0;
}

void pack_lane(Packer& out, const std::optional<LaneStatus>& lane) {
  out.pack_array(lane ? kLaneFields : 0);
  if (!lane) return;
  out.pack(static_cast<std::uint8_t>(lane->state));
  out.pack(lane->sent);
  out.pack(lane->lost);
  out.pack(micros_of(lane->round_trip));
  out.pack(std::min<std::uint64_t>(in<std::micro>(lane->jitter), UINT32_MAX));
  out.pack(lane->path_mtu);
}

std::optional<LaneStatus> read_lane(Reader& in) {
  const std::size_t fields = in.array();
  if (fields == 0) return std::nullopt;
  if (fields != kLaneFields) in.fail();
  LaneStatus lane;
  lane.state = static_cast<LaneStatus::State>(
      in.uint_up_to<std::uint8_t>(static_cast<unsigned>(LaneStatus::State::failed)));
  lane.sent = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  lane.lost = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  const auto micros = in.uint_up_to<std::int64_t>(UINT32_MAX);
  if (micros > 0) lane.round_trip = std::chrono::microseconds{micros};
  lane.jitter = std::chrono::microseconds{in.uint_up_to<std::int64_t>(UINT32_MAX)};
  lane.path_mtu = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  return lane;
}

/// What is of another shape is of another release: it is as if it were not there.
LaneStatuses read_lanes(ByteView bytes) {
  Reader in{bytes};
  LaneStatuses lanes;
  if (in.array() != 2) in.fail();
  lanes.zmq = read_lane(in);
  lanes.udp = read_lane(in);
  return in.at_end() ? lanes : LaneStatuses{};
}

void read_details(Reader& in, PeerStatus& status) {
  status.identity.pod = in.str_up_to(kNameBytesMax);
  status.identity.uid = in.str_up_to(kUidBytesMax);
  status.identity.node = in.str_up_to(kNameBytesMax);
  status.release = in.str_up_to(kReleaseBytesMax);
  status.uptime = std::chrono::seconds{in.uint_up_to<std::int64_t>(UINT32_MAX)};
  status.view_size = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  status.digest = in.uint();
  status.queue = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  status.held = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  status.successor = in.optional_address();
  status.predecessor = in.optional_address();
  // 0: not measured.
  const auto micros = in.uint_up_to<std::int64_t>(UINT32_MAX);
  if (micros > 0) status.round_trip = std::chrono::microseconds{micros};
  status.handed_on = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  status.retries = in.uint_up_to<std::uint32_t>(UINT32_MAX);
  in.ext([&status](ByteView key, ByteView value) {
    if (key == kLanes) status.lanes = read_lanes(value);
  });
}

}  // namespace

bool differs_at_a_glance(const PeerStatus& a, const PeerStatus& b) {
  return a.leaving != b.leaving || a.view_size != b.view_size || a.digest != b.digest ||
         a.successor != b.successor || a.predecessor != b.predecessor || a.suspects != b.suspects ||
         a.suspect_count != b.suspect_count;
}

void append_status(Bytes& bytes, const ToldStatus& told) {
  const PeerStatus& status = told.status;
  Sink sink{bytes};
  Packer out{sink};
  out.pack_array(told.brief ? kBriefFields : kFullFields);
  out.pack(status.identity.boot.value);
  out.pack(told.version);
  out.pack(std::min(in<std::milli>(told.age), kAgeMax));
  pack_address(out, status.identity.address);
  out.pack(static_cast<std::uint8_t>(status.leaving ? 1 : 0));
  out.pack(status.suspect_count);
  const std::size_t suspects = std::min(status.suspects.size(), kSuspectsTold);
  out.pack_array(static_cast<std::uint32_t>(suspects));
  for (std::size_t i = 0; i < suspects; ++i) pack_address(out, status.suspects[i]);
  if (told.brief) return;
  pack_str(out, status.identity.pod);
  pack_str(out, status.identity.uid);
  pack_str(out, status.identity.node);
  pack_str(out, std::string_view{status.release}.substr(0, kReleaseBytesMax));
  out.pack(std::min<std::uint64_t>(in<std::ratio<1>>(status.uptime), UINT32_MAX));
  out.pack(status.view_size);
  out.pack(status.digest);
  out.pack(status.queue);
  out.pack(status.held);
  pack_optional(out, status.successor);
  pack_optional(out, status.predecessor);
  out.pack(micros_of(status.round_trip));
  out.pack(status.handed_on);
  out.pack(status.retries);
  if (!status.lanes.zmq && !status.lanes.udp) {
    out.pack_map(0);
    return;
  }
  out.pack_map(1);
  pack_str(out, kLanes);
  out.pack_array(2);
  pack_lane(out, status.lanes.zmq);
  pack_lane(out, status.lanes.udp);
}

std::optional<std::vector<ToldStatus>> read_statuses(ByteView bytes) {
  std::vector<ToldStatus> list;
  Reader in{bytes};
  while (in.ok() && in.remaining() > 0) {
    ToldStatus& told = list.emplace_back();
    PeerStatus& status = told.status;
    const std::size_t fields = in.array();
    told.brief = fields == kBriefFields;
    if (!told.brief && fields != kFullFields) in.fail();
    status.identity.boot = {in.uint()};
    told.version = in.uint();
    told.age = std::chrono::milliseconds{in.uint_up_to<std::int64_t>(kAgeMax)};
    status.identity.address = in.address();
    status.leaving = (in.uint_up_to<std::uint8_t>(255) & 1) != 0;
    status.suspect_count = in.uint_up_to<std::uint32_t>(UINT32_MAX);
    const std::size_t suspects = in.array();
    if (suspects > kSuspectsTold) in.fail();
    for (std::size_t i = 0; i < suspects && in.ok(); ++i) status.suspects.push_back(in.address());
    if (!told.brief) read_details(in, status);
    if (status.identity.boot.value == 0 || status.identity.address.is_unspecified()) in.fail();
    if (!told.brief && status.identity.pod.empty()) in.fail();
  }
  if (!in.ok()) return std::nullopt;
  return list;
}

}  // namespace podring
