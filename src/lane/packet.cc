#include "lane/packet.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"

namespace podring::lane {
namespace {

constexpr unsigned char kMagic[2] = {'p', 'd'};
constexpr std::size_t kVersionAt = sizeof kMagic;
constexpr unsigned char kPlain = 1;
constexpr unsigned char kSealed = 2;
constexpr std::size_t kProbesMax = 16;  // of each kind in one datagram
enum Chunk : unsigned char { padding = 0, ack = 1, probe = 2, answer = 3, frame = 4 };

template <typename Number>
void put(Bytes& out, Number number) {
  for (int shift = static_cast<int>(sizeof(Number)) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((number >> shift) & 0xff));
}

class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_{bytes} {}
  template <typename Number>
  bool take(Number& number) {
    if (rest_.size() < sizeof(Number)) return false;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i)
      value = (value << 8) | static_cast<unsigned char>(rest_[i]);
    number = static_cast<Number>(value);
    rest_.remove_prefix(sizeof(Number));
    return true;
  }
  bool take(std::size_t count, ByteView& bytes) {
    if (rest_.size() < count) return false;
    bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
  }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  void skip_padding() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of('\0'), rest_.size()));
  }

 private:
  ByteView rest_;
};

bool read_ack(Cursor& in, PacketAck& ack) {
  std::uint32_t delay_micros = 0;
  std::uint8_t count = 0;
  if (!in.take(delay_micros) || !in.take(count) || count == 0 || count > kAckRangesMax)
    return false;
  ack.delay = std::chrono::microseconds{delay_micros};
  ack.ranges.clear();
  for (unsigned i = 0; i < count; ++i) {
    PacketRange range;
    if (!in.take(range.first) || !in.take(range.last) || range.first > range.last) return false;
    if (!ack.ranges.empty() && range.last >= ack.ranges.back().first) return false;
    ack.ranges.push_back(range);
  }
  return true;
}

bool read_number(Cursor& in, std::vector<std::uint64_t>& numbers) {
  std::uint64_t number = 0;
  if (!in.take(number) || numbers.size() == kProbesMax) return false;
  numbers.push_back(number);
  return true;
}

}  // namespace

std::optional<Header> read_header(ByteView datagram) {
  if (datagram.size() < kHeaderBytes || std::memcmp(datagram.data(), kMagic, sizeof kMagic) != 0)
    return std::nullopt;
  const auto version = static_cast<unsigned char>(datagram[kVersionAt]);
  if ((version != kPlain && version != kSealed) || datagram[kVersionAt + 1] != 0)
    return std::nullopt;
  Header header;
  header.sealed = version == kSealed;
  Cursor in{datagram.substr(4)};
  ByteView token;
  if (!in.take(header.lane) || !in.take(header.token.bytes.size(), token) ||
      !in.take(header.number))
    return std::nullopt;
  std::memcpy(header.token.bytes.data(), token.data(), token.size());
  return header;
}

bool read_payload(ByteView bytes, Payload& payload) {
  payload.ack.reset();
  payload.probes.clear();
  payload.answers.clear();
  payload.frames.clear();
  Cursor in{bytes};
  while (!in.empty()) {
    std::uint8_t chunk = 0;
    if (!in.take(chunk)) return false;
    switch (chunk) {
      case Chunk::padding:
        in.skip_padding();
        break;
      case Chunk::ack:
        if (payload.ack || !read_ack(in, payload.ack.emplace())) return false;
        break;
      case Chunk::probe:
        if (!read_number(in, payload.probes)) return false;
        break;
      case Chunk::answer:
        if (!read_number(in, payload.answers)) return false;
        break;
      case Chunk::frame: {
        std::uint16_t size = 0;
        ByteView frame;
        if (!in.take(size) || !in.take(std::size_t{size}, frame)) return false;
        payload.frames.push_back(frame);
        break;
      }
      default:
        return false;
    }
  }
  payload.ack_eliciting = !payload.probes.empty() || !payload.frames.empty();
  return true;
}

void write_header(Bytes& out, const Header& header) {
  out.append(reinterpret_cast<const char*>(kMagic), sizeof kMagic);
  out.push_back(static_cast<char>(header.sealed ? kSealed : kPlain));
  out.push_back(0);
  put(out, header.lane);
  out.append(reinterpret_cast<const char*>(header.token.bytes.data()), header.token.bytes.size());
  put(out, header.number);
}

void mark_sealed(Bytes& datagram) { datagram[kVersionAt] = static_cast<char>(kSealed); }

void write_ack(Bytes& out, Duration delay, const std::vector<PacketRange>& ranges) {
  const std::size_t count = std::min(ranges.size(), kAckRangesMax);
  PODRING_CHECK(count > 0);
  out.push_back(static_cast<char>(Chunk::ack));
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(delay).count();
  put(out, static_cast<std::uint32_t>(std::clamp<std::int64_t>(micros, 0, UINT32_MAX)));
  put(out, static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    put(out, ranges[i].first);
    put(out, ranges[i].last);
  }
}

void write_probe(Bytes& out, std::uint64_t challenge) {
  out.push_back(static_cast<char>(Chunk::probe));
  put(out, challenge);
}

void write_answer(Bytes& out, std::uint64_t challenge) {
  out.push_back(static_cast<char>(Chunk::answer));
  put(out, challenge);
}

void write_lane_frame(Bytes& out, ByteView frame) {
  PODRING_CHECK(frame.size() <= UINT16_MAX);
  out.push_back(static_cast<char>(Chunk::frame));
  put(out, static_cast<std::uint16_t>(frame.size()));
  out.append(frame);
}

}  // namespace podring::lane
