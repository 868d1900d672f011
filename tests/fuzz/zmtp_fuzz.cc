// ZmtpStream: what it says does not depend on how the kernel cuts the bytes, and what it lets
// through keeps its bounds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/check.h"
#include "net/zmtp_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using podring::ZmtpFault, podring::ZmtpStream;
  constexpr std::uint64_t kFrameMax = 1000;
  if (size < 2) return 0;
  const auto side = (data[0] & 1) != 0 ? ZmtpStream::Side::dialled : ZmtpStream::Side::accepted;
  const std::size_t step = 1 + data[1] % 40;
  const std::span<const unsigned char> bytes{data + 2, size - 2};
  ZmtpStream whole{side, kFrameMax};
  ZmtpStream cut{side, kFrameMax};
  const ZmtpFault fault = whole.feed(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    (void)cut.feed(bytes.subspan(at, std::min(step, bytes.size() - at)));
    PODRING_CHECK(cut.unended_cost() <=
                  (ZmtpStream::kPartsMax + 1) *
                      (kFrameMax + ZmtpStream::kCurveBytes + ZmtpStream::kFrameCost));
    PODRING_CHECK(cut.cost() <= (at + step) * (ZmtpStream::kFrameCost + 1));
  }
  PODRING_CHECK(cut.feed({}) == fault);
  PODRING_CHECK(cut.ready() == whole.ready() && cut.curve() == whole.curve());
  PODRING_CHECK(cut.cost() == whole.cost() && cut.messages() == whole.messages());
  return 0;
}
