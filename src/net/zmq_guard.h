// Stands between libzmq and the kernel, as libzmq 4.3.4 trusts what comes over a connection too
// far.
//
// libzmq has no hook between a socket and its decoder. So the program defines the functions of libc
// by which libzmq touches a connection (accept4, connect, getsockopt, recv, send, close): the
// dynamic linker then gives them to libzmq. Calls for descriptors that are not libzmq's go straight
// on. In this way every byte is looked at where it lies: nothing is copied, no thread and no system
// call is added. proto-docs/security.md says what this keeps away, and why it is done so.
//
// - Errors that libzmq takes for its own bugs, and aborts on, are told to it as a broken
// connection.
// - What comes in must be ZMTP as podring speaks it (ZmtpStream); else the connection is broken.
// - What libzmq holds of a connection's frames, until the loop has read them, is bounded for each
//   connection and in sum. Strangers, whom nobody has answered yet, get less.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/codec.h"

namespace podring::zmq_guard {

struct Limits {
  std::uint64_t frame_bytes = kFrameBytesMax;  ///< of one frame
  std::uint64_t stranger_unended = 64 * 1024;  ///< of a message that has not ended
  std::uint64_t stranger_unread = 1024 * 1024;
  std::uint64_t strangers_unread = 8 * 1024 * 1024;  ///< of all of them
  /// Of those that were answered and those that were dialled. More than a peer may have under way.
  std::uint64_t unread = 24 * 1024 * 1024;
  std::uint64_t all_unread = 24 * 1024 * 1024;  ///< beyond it the largest are cut
};

struct Counters {
  std::uint64_t cut_malformed = 0;     ///< connections that sent what no peer sends
  std::uint64_t cut_unread = 0;        ///< that sent more than may wait
  std::uint64_t strangers_unread = 0;  ///< present: bytes
  std::uint64_t unread = 0;            ///< present: bytes, of the others
};

/// Whether libzmq's calls come here: it must be a shared library. To be asked before it is used.
[[nodiscard]] bool works();
/// Of all connections of this process; before the first. The last call counts.
void set_limits(const Limits& limits);
/// Connections that come in at this listening socket are libzmq's.
void watch_listener(int fd);
/// A connection of libzmq with this descriptor is there, and looked at.
[[nodiscard]] bool watches(int fd);
/// The loop has read frames of this connection: so many, and their bytes.
void note_read(int fd, std::uint64_t frames, std::uint64_t bytes);
/// Somebody at its other end said hello, and was answered.
void note_known(int fd);
[[nodiscard]] Counters counters();

}  // namespace podring::zmq_guard
