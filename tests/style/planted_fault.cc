// Faults that the sanitizers must report, suppressions or not: sanitizers_test.py runs this and
// wants to see them. Run by nothing else.
#include <zmq.h>

#include <atomic>
#include <climits>
#include <cstdio>
#include <string_view>
#include <thread>

namespace {

/// Two threads of ours count in one variable, beside the threads of a live libzmq context, which
/// are what the suppressions are about.
void race() {
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

void use_after_free() {
  volatile int* const value = new int{1};
  delete value;
  std::printf("%d\n", *value);
}

void leak() {
  volatile auto* kept = new int[1000];
  kept[0] = 1;
  std::printf("%d\n", kept[0]);
  kept = nullptr;
}

void overflow() {
  volatile int large = INT_MAX;
  large = large + 1;
  std::printf("%d\n", large);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view fault = argc == 2 ? argv[1] : "";
  if (fault == "race") race();
  if (fault == "use_after_free") use_after_free();
  if (fault == "leak") leak();
  if (fault == "overflow") overflow();
}
