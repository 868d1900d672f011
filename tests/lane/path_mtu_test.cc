// RFC 8899 in spirit: proto-docs/datagrams.md, section 5.
#include "lane/path_mtu.h"

#include "support/catch.h"

using namespace podring;
using namespace podring::lane;
using namespace std::chrono_literals;

namespace {
const TimePoint kNow{1s};
}

TEST_CASE("sizes are tried one after another, up to what the other side takes", "[lane]") {
  PathMtu path{1452};
  CHECK(path.size() == 1200);
  for (const std::uint32_t size : {1392U, 1452U}) {
    REQUIRE(path.probe(kNow) == size);
    path.on_probe_sent();
    CHECK_FALSE(path.probe(kNow));  // one at a time
    path.on_probe_acked(size);
    CHECK(path.size() == size);
  }
  CHECK_FALSE(path.probe(kNow));
  CHECK(path.next_at() == TimePoint::max());
}

TEST_CASE("a size whose three probes are lost is left alone for ten minutes", "[lane]") {
  PathMtu path{9000};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(path.probe(kNow) == 1392U);
    path.on_probe_sent();
    path.on_probe_lost(kNow);
  }
  CHECK_FALSE(path.probe(kNow + 599s));
  CHECK(path.next_at() == kNow + 600s);
  CHECK(path.probe(kNow + 600s) == 1392U);
}

TEST_CASE("a black hole leads back to the base, and to a new search after a minute", "[lane]") {
  PathMtu path{9000};
  path.on_probe_sent();
  path.on_probe_acked(1392);
  CHECK(path.on_black_hole(kNow));
  CHECK(path.size() == 1200);
  CHECK_FALSE(path.on_black_hole(kNow));
  CHECK_FALSE(path.probe(kNow + 59s));
  CHECK(path.probe(kNow + 60s) == 1392U);
}
