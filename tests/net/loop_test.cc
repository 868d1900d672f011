#include "net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "net/loop_clock.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::Loop, podring::OwnFd;

namespace {

void turn(Loop& loop, podring::Duration timeout) {
  loop.wait(timeout);
  loop.dispatch();
}

OwnFd ready_descriptor() { return OwnFd{::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)}; }

}  // namespace

TEST_CASE("a descriptor's callback runs each turn in which it is ready", "[net][loop]") {
  Loop loop;
  const OwnFd fd = ready_descriptor();
  int calls = 0;
  loop.watch(fd.get(), EPOLLIN, [&](std::uint32_t events) {
    CHECK((events & EPOLLIN) != 0);
    ++calls;
  });
  turn(loop, 10s);
  turn(loop, 10s);  // level-triggered: nobody has read it
  CHECK(calls == 2);
  loop.unwatch(fd.get());
  turn(loop, 0ms);
  CHECK(calls == 2);
}

TEST_CASE("waits are not rounded up to milliseconds where the kernel can do better",
          "[net][loop]") {
  const timespec none{};
  if (::epoll_pwait2(-1, nullptr, 0, &none, nullptr) < 0 && errno != EBADF && errno != EINVAL) {
    WARN("not shown: this kernel has no epoll_pwait2()");
    return;
  }
  Loop loop;
  podring::Duration shortest = 10s;  // a busy machine makes most of them longer
  for (int i = 0; i < 50; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    turn(loop, 100us);
    shortest = std::min<podring::Duration>(shortest, std::chrono::steady_clock::now() - begin);
  }
  CHECK(shortest >= 100us);
  CHECK(shortest < 1ms);
}

TEST_CASE("what one callback unwatches is not called in the same turn", "[net][loop]") {
  Loop loop;
  const OwnFd first = ready_descriptor();
  const OwnFd second = ready_descriptor();
  int calls = 0;
  loop.watch(first.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    loop.unwatch(second.get());
  });
  loop.watch(second.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    loop.unwatch(first.get());
  });
  turn(loop, 10s);
  CHECK(calls == 1);
}

TEST_CASE("a descriptor that was closed and opened again is watched anew", "[net][loop]") {
  Loop loop;
  int number = -1;
  {
    const OwnFd gone = ready_descriptor();
    number = gone.get();
    loop.watch(number, EPOLLIN, [](std::uint32_t) { FAIL("it is closed"); });
  }
  const OwnFd fd = ready_descriptor();
  REQUIRE(fd.get() == number);
  bool called = false;
  loop.watch(fd.get(), EPOLLIN | EPOLLOUT, [&](std::uint32_t) { called = true; });
  turn(loop, 10s);
  CHECK(called);
}

TEST_CASE("posted work wakes the loop and runs in order, on its thread", "[net][loop]") {
  Loop loop;
  std::vector<int> order;
  const auto loop_thread = std::this_thread::get_id();
  std::thread poster{[&] {
    for (int i = 0; i < 100; ++i) {
      CHECK(loop.post([&, i] {
        order.push_back(i);
        if (std::this_thread::get_id() != loop_thread) order.clear();
      }));
    }
  }};
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (order.size() < 100 && std::chrono::steady_clock::now() < until) turn(loop, 10s);
  poster.join();
  REQUIRE(order.size() == 100);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("posting is bounded, and there is room again after a turn", "[net][loop]") {
  Loop loop;
  std::size_t runs = 0;
  for (std::size_t i = 0; i < Loop::kPostedMax; ++i) REQUIRE(loop.post([&] { ++runs; }));
  CHECK_FALSE(loop.post([&] { ++runs; }));
  turn(loop, 10s);
  CHECK(runs == Loop::kPostedMax);
  CHECK(loop.post([&] { ++runs; }));
}

TEST_CASE("work that posts work leaves it for the next turn", "[net][loop]") {
  Loop loop;
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    (void)loop.post(again);
  };
  (void)loop.post(again);
  turn(loop, 10s);
  CHECK(runs == 1);
  turn(loop, 10s);
  CHECK(runs == 2);
}

TEST_CASE("the clock of the loop never goes back", "[net][loop]") {
  podring::LoopClock clock;
  auto last = clock.read().steady;
  for (int i = 0; i < 10'000; ++i) {
    const auto next = clock.read().steady;
    CHECK(next >= last);
    last = next;
  }
}
