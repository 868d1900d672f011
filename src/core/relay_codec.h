// The envelopes of relay frames, written and read as a session's protocol version says. In:
// envelopes with what changes when they are handed on, one batch at a time. Out: relay frames. One
// object for each version that is spoken; what is added together is in one frame together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/codec.h"

namespace podring {

class RelayCodec {
 public:
  virtual ~RelayCodec() = default;

  virtual void add(const Envelope& envelope, const HandOver& hand_over) = 0;
  [[nodiscard]] std::size_t count() const { return count_; }
  /// Of the frame that finish() would write, at most.
  [[nodiscard]] virtual std::size_t bytes() const = 0;
  /// The frame; the next batch is empty. count() > 0.
  [[nodiscard]] virtual Bytes finish(FrameHeader header, std::uint64_t floor,
                                     std::uint64_t first) = 0;
  /// The frame without what was added last, which begins the next batch. count() > 1.
  [[nodiscard]] virtual Bytes finish_but_last(FrameHeader header, std::uint64_t floor,
                                              std::uint64_t first) = 0;
  /// Envelope `i` of a relay frame that was read; false: it is malformed.
  [[nodiscard]] virtual bool read(const RelayFrame& relay, std::size_t i,
                                  Envelope& envelope) const = 0;

 protected:
  std::size_t count_ = 0;  // envelopes of the batch
};

/// The codecs of all versions that are spoken.
class RelayCodecs {
 public:
  RelayCodecs();
  [[nodiscard]] RelayCodec& of(std::uint8_t version);
  /// What a hand-over to oneself makes of an envelope, without a frame.
  void loop_back(const Envelope& envelope, const HandOver& hand_over, Envelope& out);

 private:
  std::unique_ptr<RelayCodec> first_;
  Bytes scratch_;
};

}  // namespace podring
