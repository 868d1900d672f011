#include "net/curve_keys.h"

#include <sodium.h>

#include <string_view>

#include "core/check.h"

namespace podring {
namespace {

static_assert(crypto_box_SECRETKEYBYTES == lane::RingKey::kBytes);
static_assert(crypto_box_PUBLICKEYBYTES == lane::RingKey::kBytes);

CurvePair pair_of(const lane::RingKey& key, std::string_view label) {
  CurvePair pair{key.derive(label), {}};
  PODRING_CHECK(crypto_scalarmult_base(pair.open.data(), pair.secret.data()) == 0);
  return pair;
}

void set(zmq::socket_t& socket, int option, const lane::RingKey::Bytes& key) {
  if (zmq_setsockopt(socket.handle(), option, key.data(), key.size()) != 0) throw zmq::error_t{};
}

}  // namespace

CurveKeys::CurveKeys(const lane::RingKey& key)
    : listener{pair_of(key, "podring curve listener")},
      dialler{pair_of(key, "podring curve dialler")} {}

void CurveKeys::listen_with(zmq::socket_t& socket) const {
  socket.set(zmq::sockopt::curve_server, true);
  set(socket, ZMQ_CURVE_SECRETKEY, listener.secret);
}

void CurveKeys::dial_with(zmq::socket_t& socket) const {
  set(socket, ZMQ_CURVE_SERVERKEY, listener.open);
  set(socket, ZMQ_CURVE_PUBLICKEY, dialler.open);
  set(socket, ZMQ_CURVE_SECRETKEY, dialler.secret);
}

}  // namespace podring
