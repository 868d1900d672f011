#include "core/relay_codec.h"

#include "core/check.h"

namespace podring {
namespace {

constexpr std::size_t kFrameBytes = 48;  // of a relay frame around its envelopes, at most

/// An envelope as append_envelope() wrote it, without the bin header.
ByteView without_bin_header(ByteView bin) {
  const auto tag = static_cast<unsigned char>(bin[0]);
  return bin.substr(tag == 0xc4 ? 2 : tag == 0xc5 ? 3 : 5);
}

/// Version 1: each envelope stands alone.
class RelayCodec1 final : public RelayCodec {
 public:
  void add(const Envelope& envelope, const HandOver& hand_over) override {
    last_at_ = batch_.size();
    append_envelope(batch_, envelope, hand_over);
    ++count_;
  }
  [[nodiscard]] std::size_t bytes() const override { return batch_.size() + kFrameBytes; }
  [[nodiscard]] Bytes finish(FrameHeader header, std::uint64_t floor,
                             std::uint64_t first) override {
    Bytes frame = write_relay(header, floor, first, count_, batch_);
    batch_.clear();
    count_ = 0;
    return frame;
  }
  [[nodiscard]] Bytes finish_but_last(FrameHeader header, std::uint64_t floor,
                                      std::uint64_t first) override {
    PODRING_CHECK(count_ > 1);
    Bytes frame =
        write_relay(header, floor, first, count_ - 1, ByteView{batch_}.substr(0, last_at_));
    batch_.erase(0, last_at_);
    count_ = 1;
    return frame;
  }
  [[nodiscard]] bool read(const RelayFrame& relay, std::size_t i,
                          Envelope& envelope) const override {
    return read_envelope(relay.envelopes[i], envelope);
  }

 private:
  Bytes batch_;
  std::size_t last_at_ = 0;
};

}  // namespace

RelayCodecs::RelayCodecs() : first_{std::make_unique<RelayCodec1>()} {}

// A second version joins here; so far all are written alike.
RelayCodec& RelayCodecs::of(std::uint8_t) { return *first_; }

void RelayCodecs::loop_back(const Envelope& envelope, const HandOver& hand_over, Envelope& out) {
  scratch_.clear();
  append_envelope(scratch_, envelope, hand_over);
  PODRING_CHECK(read_envelope(without_bin_header(scratch_), out));
}

}  // namespace podring
