// proto-docs/delivery.md, section 4: what is in flight on one outgoing session.
#include "core/send_window.h"

#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{10s};

SendWindow sent(int count) {
  SendWindow window;
  for (int i = 0; i < count; ++i) window.push(kNow, static_cast<EntryIndex>(i), 100);
  return window;
}

}  // namespace

TEST_CASE("a number is in flight, then received, then released", "[sessions]") {
  SendWindow window = sent(3);
  CHECK((window.base() == 0 && window.end() == 3));
  CHECK((window.unreceived() == 3 && window.unsafe() == 0));
  window.on_received(kNow + 1s, window.at(1));
  CHECK((window.unreceived() == 2 && window.unsafe() == 1));
  CHECK(window.at(1).sent_at == kNow + 1s);
  window.release(1);
  CHECK((window.unreceived() == 2 && window.unsafe() == 0));
  CHECK(window.entry_of(1) == kNoEntry);
  CHECK(window.base() == 0);  // one before it is not released
  window.release(0);
  CHECK(window.base() == 2);
  window.check_invariants();
  window.clear();
  CHECK((window.empty() && window.unreceived() == 0));
}

TEST_CASE("the oldest that is not received moves on over what is received or released",
          "[sessions]") {
  SendWindow window = sent(4);
  CHECK(window.oldest_unreceived() == 0);
  window.on_received(kNow, window.at(0));
  window.release(1);
  CHECK(window.oldest_unreceived_before() == 0);
  CHECK(window.oldest_unreceived() == 2);
  window.on_received(kNow, window.at(3));
  CHECK(window.oldest_unreceived() == 2);
  window.on_received(kNow, window.at(2));
  CHECK(window.oldest_unreceived() == window.end());
}

TEST_CASE("credit bounds what is not received, in envelopes and in bytes", "[sessions]") {
  SendWindow window = sent(2);
  window.set_credit({3, 1000});
  CHECK(window.fits(800));
  CHECK_FALSE(window.fits(801));
  window.push(kNow, 2, 100);
  CHECK_FALSE(window.fits(1));
  window.on_received(kNow, window.at(0));
  CHECK(window.fits(1));
}

TEST_CASE("credit of an ack that was overtaken is not believed", "[sessions]") {
  SendWindow window;
  CHECK(window.take_credit(5, {1, 10}));
  CHECK_FALSE(window.take_credit(4, {9, 90}));
  CHECK(window.credit() == Credit{1, 10});
  CHECK(window.take_credit(0 + 5, {2, 20}));  // acks without a number all say 0: each is read
  CHECK(window.credit() == Credit{2, 20});
}
