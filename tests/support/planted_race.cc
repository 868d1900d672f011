// A data race in our own code, so that the thread sanitizer's suppressions can be seen to let it
// through: sanitizers_test.py wants it reported. Run by nothing else.
#include <zmq.h>

#include <atomic>
#include <cstdio>
#include <thread>

int main() {
  // Beside a live libzmq context, whose own threads are what the suppressions are about.
  void* const context = zmq_ctx_new();
  void* const socket = zmq_socket(context, ZMQ_ROUTER);
  long counted = 0;
  std::atomic<int> ready{0};
  const auto count = [&] {
    ready.fetch_add(1, std::memory_order_relaxed);  // orders nothing
    while (ready.load(std::memory_order_relaxed) < 2) {
    }
    for (int i = 0; i < 1000; ++i) ++counted;
  };
  std::thread one{count};
  std::thread two{count};
  one.join();
  two.join();
  std::printf("%ld\n", counted);
  zmq_close(socket);
  zmq_ctx_term(context);
}
