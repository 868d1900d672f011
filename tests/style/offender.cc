// What the core must never do, once of each kind: purity_test.py has to find all of it. Never run.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

namespace podring {

int open_socket() { return ::socket(AF_INET, SOCK_STREAM, 0); }
int wait_for(pollfd* fds) { return ::poll(fds, 1, 0); }
auto read_clock() { return std::chrono::steady_clock::now(); }
const char* read_environment() { return std::getenv("HOME"); }
unsigned draw() { return std::random_device{}(); }
void start_thread() {
  std::thread{[] {}}.detach();
}
bool open_file() { return std::ifstream{"/etc/hostname"}.good(); }
void write_log() { std::puts("core says"); }
int end_process() { return ::kill(::getpid(), 0); }
long keep_symbols() {  // nobody else refers to them
  return open_socket() + wait_for(nullptr) + read_clock().time_since_epoch().count() +
         (read_environment() != nullptr) + static_cast<long>(draw()) + open_file() + end_process();
}

}  // namespace podring
