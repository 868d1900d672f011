// A frame that was read, as bytes again.
#pragma once

#include "core/codec.h"

namespace podring::test {

/// What write_frame() and its like make of `frame`. A relay carries `batch`, which is `count`
/// envelopes as append_envelope() writes them.
[[nodiscard]] inline Bytes written_again(const AnyFrame& frame, std::size_t count,
                                         const Bytes& batch) {
  const FrameHeader header{frame.version, frame.session};
  switch (frame.type) {
    case FrameType::hello:
      return write_frame(header, frame.hello);
    case FrameType::relay:
      return write_relay(header, frame.relay.floor, frame.relay.first, count, batch);
    case FrameType::ack:
      return write_frame(header, frame.ack);
    case FrameType::seed:
      return write_frame(header, frame.seed);
    case FrameType::seeded:
      return write_frame(header, frame.seeded);
    case FrameType::refuse:
      return write_frame(header, frame.refuse);
    case FrameType::leaving:
      return write_leaving(header);
    case FrameType::ping:
      return write_frame(header, frame.ping);
    case FrameType::pong:
      return write_frame(header, frame.pong);
    case FrameType::status:
      return write_frame(header, frame.status);
  }
  return {};
}

}  // namespace podring::test
