// Design, "Membership": addresses are compared as numbers, and one family is one address space.
#include "core/types.h"

#include <algorithm>
#include <vector>

#include "core/random.h"
#include "support/catch.h"

using podring::Address, podring::parse_address, podring::to_string;

TEST_CASE("addresses sort as numbers, not as text", "[types]") {
  CHECK(*parse_address("10.42.0.9") < *parse_address("10.42.0.10"));
  CHECK(*parse_address("9.255.255.255") < *parse_address("10.0.0.0"));
  CHECK(*parse_address("fd00::9") < *parse_address("fd00::10"));
}

TEST_CASE("a v4-mapped IPv6 address is the IPv4 address", "[types]") {
  CHECK(*parse_address("::ffff:10.42.0.9") == *parse_address("10.42.0.9"));
  CHECK(to_string(*parse_address("::ffff:10.42.0.9")) == "10.42.0.9");
}

TEST_CASE("what is no address is refused", "[types]") {
  for (const char* text :
       {"", " ", "10.42.0", "10.42.0.256", "10.42.0.9 ", " 10.42.0.9", "10.42.0.9:5570", "pod-1",
        "fe80::1%eth0", "::1::2", "10.42.0.9\n", "1.2.3.4.5", "0x0a.1.1.1"}) {
    INFO(text);
    CHECK_FALSE(parse_address(text).has_value());
  }
}

TEST_CASE("addresses survive being printed and parsed", "[types]") {
  podring::SplitMix random{7};
  for (int i = 0; i < 2000; ++i) {
    const Address four = Address::v4(static_cast<std::uint32_t>(random.next()));
    CHECK(parse_address(to_string(four)) == four);
    Address six{random.next(), random.next()};
    if (i % 3 == 0) six.high &= 0xffff'0000'0000'ffffULL;  // runs of zeros, which text shortens
    CHECK(parse_address(to_string(six)) == six);
  }
}

TEST_CASE("loopback and unspecified addresses are told apart", "[types]") {
  CHECK(parse_address("127.0.0.3")->is_loopback());
  CHECK(parse_address("::1")->is_loopback());
  CHECK_FALSE(parse_address("128.0.0.1")->is_loopback());
  CHECK(parse_address("0.0.0.0")->is_unspecified());
  CHECK(parse_address("::")->is_unspecified());
  CHECK_FALSE(parse_address("::1")->is_unspecified());
}

TEST_CASE("an envelope id is 16 hex digits, a dash and a counter", "[types]") {
  const podring::EnvelopeId id{{0x00ab'cdef'0123'4567ULL}, 42};
  CHECK(to_string(id) == "00abcdef01234567-42");
  CHECK(podring::parse_envelope_id("00abcdef01234567-42") == id);
  for (const char* text :
       {"", "42", "00abcdef01234567", "00abcdef01234567-", "abc-1", "00abcdef01234567-x",
        "00abcdef0123456g-1", "00abcdef01234567-1 ", "00abcdef01234567-18446744073709551616"}) {
    INFO(text);
    CHECK_FALSE(podring::parse_envelope_id(text).has_value());
  }
}

TEST_CASE("a place is the boot id, or the node's name", "[types]") {
  podring::Identity a{"a", "", "n1", Address::v4(1), {11}};
  podring::Identity b{"b", "", "n1", Address::v4(2), {12}};
  podring::Identity c{"c", "", "", Address::v4(3), {13}};
  podring::Identity d{"d", "", "", Address::v4(4), {14}};
  using podring::CopiesOn;
  CHECK(site_of(a, CopiesOn::peers) != site_of(b, CopiesOn::peers));
  CHECK(site_of(a, CopiesOn::nodes) == site_of(b, CopiesOn::nodes));
  CHECK(site_of(a, CopiesOn::nodes) == podring::fnv1a("n1"));
  CHECK(site_of(c, CopiesOn::nodes) != site_of(d, CopiesOn::nodes));  // a node of its own each
}

TEST_CASE("the digest's hash is the published FNV-1a", "[types]") {
  // Test vectors of draft-eastlake-fnv, appendix C.
  CHECK(podring::fnv1a("") == 0xcbf29ce484222325ULL);
  CHECK(podring::fnv1a("a") == 0xaf63dc4c8601ec8cULL);
  CHECK(podring::fnv1a("foobar") == 0x85944171f73967e8ULL);
}
