// The keys of CURVE (ZeroMQ RFC 26) that a ring key stands for, and how a socket gets them.
//
// All peers of a ring have the same two pairs: one of whoever listens, one of whoever dials. A
// dialler finds out by the handshake that the other side has the ring key, and ZmqGate lets in
// nobody but the dialling pair. proto-docs/security.md, section 2.
#pragma once

#include <zmq.hpp>

#include "lane/seal.h"

namespace podring {

struct CurvePair {
  lane::RingKey::Bytes secret;
  lane::RingKey::Bytes open;  ///< what the others may know
};

struct CurveKeys {
  explicit CurveKeys(const lane::RingKey& key);

  void listen_with(zmq::socket_t& socket) const;
  void dial_with(zmq::socket_t& socket) const;

  CurvePair listener;
  CurvePair dialler;
};

}  // namespace podring
