// What the ZeroMQ sources share: looking and reading without waiting, monitors.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <zmq.hpp>

namespace podring {

/// False: nothing is there.
inline bool receive_part(zmq::socket_t& socket, zmq::message_t& part) {
  while (zmq_msg_recv(part.handle(), socket.handle(), ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return false;
    if (errno != EINTR) throw zmq::error_t{};
  }
  return true;
}

/// Processes what libzmq has put aside for this socket; true when a message can be read. A socket's
/// descriptor tells only of what comes after the last such look, and sending looks as well.
inline bool readable(zmq::socket_t& socket) {
  std::uint32_t events = 0;
  std::size_t size = sizeof events;
  while (zmq_getsockopt(socket.handle(), ZMQ_EVENTS, &events, &size) != 0) {
    if (errno != EINTR) throw zmq::error_t{};
  }
  return (events & ZMQ_POLLIN) != 0;
}

/// A socket from which the events of `watched` are read. `name` must be unused in the context.
inline zmq::socket_t monitor_of(zmq::context_t& context, zmq::socket_t& watched,
                                const std::string& name, int events) {
  if (zmq_socket_monitor(watched.handle(), name.c_str(), events) != 0) throw zmq::error_t{};
  zmq::socket_t monitor{context, zmq::socket_type::pair};
  monitor.set(zmq::sockopt::linger, 0);
  monitor.set(zmq::sockopt::rcvhwm, 0);  // the I/O thread must never wait for the reader
  monitor.connect(name);
  return monitor;
}

struct MonitorEvent {
  std::uint16_t event = 0;
  std::uint32_t value = 0;
};
/// `part` is the first of the event's two; the other is read and dropped.
inline std::optional<MonitorEvent> monitor_event(zmq::socket_t& monitor, zmq::message_t& part) {
  MonitorEvent event;
  const bool whole = part.size() == sizeof event.event + sizeof event.value;
  if (whole) {
    std::memcpy(&event.event, part.data(), sizeof event.event);
    std::memcpy(&event.value, static_cast<const char*>(part.data()) + sizeof event.event,
                sizeof event.value);
  }
  while (part.more() && receive_part(monitor, part)) {
  }
  return whole ? std::optional{event} : std::nullopt;
}

}  // namespace podring
