// Text -> values: what flags take. README, "Configuration".
#include "app/config_parse.h"

#include "support/catch.h"

using podring::Address;

namespace {
Address address(std::string_view text) { return podring::parse_address(text).value(); }
}  // namespace

TEST_CASE("a size has a unit or is in bytes, and comes back as it was", "[config]") {
  using podring::parse_size;
  CHECK(parse_size("0") == 0U);
  CHECK(parse_size("1000") == 1000U);
  CHECK(parse_size("1KiB") == 1024U);
  CHECK(parse_size("16MiB") == 16U * 1024 * 1024);
  CHECK(parse_size("4GiB") == 4ULL * 1024 * 1024 * 1024);
  for (const char* wrong : {"", "MiB", "1MB", "1 MiB", "-1", "1.5MiB", "18446744073709551615KiB"}) {
    INFO(wrong);
    CHECK_FALSE(parse_size(wrong));
  }
  for (const std::uint64_t bytes : {0ULL, 1ULL, 1024ULL, 1025ULL, 1048576ULL, 3221225472ULL}) {
    CHECK(parse_size(podring::show_size(bytes)) == bytes);
  }
}

TEST_CASE("a name server is an address with or without a port", "[config]") {
  using podring::DnsServer, podring::parse_dns_server;
  CHECK(parse_dns_server("10.43.0.10") == DnsServer{address("10.43.0.10"), 53});
  CHECK(parse_dns_server("127.0.0.1:5353") == DnsServer{address("127.0.0.1"), 5353});
  CHECK(parse_dns_server("fd00::a") == DnsServer{address("fd00::a"), 53});
  CHECK(parse_dns_server("[fd00::a]") == DnsServer{address("fd00::a"), 53});
  CHECK(parse_dns_server("[fd00::a]:5353") == DnsServer{address("fd00::a"), 5353});
  for (const char* wrong : {"", "dns", "10.43.0.10:", "10.43.0.10:0", "10.43.0.10:65536", ":53",
                            "[fd00::a", "[fd00::a]53", "0.0.0.0", "10.0.0.1,10.0.0.2"}) {
    INFO(wrong);
    CHECK_FALSE(parse_dns_server(wrong));
  }
  CHECK(podring::show_dns_server({address("fd00::a"), 53}) == "[fd00::a]:53");
  CHECK(podring::show_dns_server({address("10.0.0.1"), 5353}) == "10.0.0.1:5353");
}

TEST_CASE("a list of addresses is sorted as numbers and has none twice", "[config]") {
  std::vector<Address> list;
  CHECK(podring::parse_address_list("10.0.0.10,10.0.0.9,10.0.0.10,::ffff:10.0.0.9", list).empty());
  CHECK(list == std::vector<Address>{address("10.0.0.9"), address("10.0.0.10")});
  for (const char* wrong : {"", ",", "10.0.0.1,", ",10.0.0.1", "10.0.0.1 ,10.0.0.2", "10.0.0.1;",
                            "10.0.0.1,name", "0.0.0.0", "10.0.0.1:5570", "224.0.0.1"}) {
    INFO(wrong);
    CHECK_FALSE(podring::parse_address_list(wrong, list).empty());
  }
}

TEST_CASE("what a name service can be asked for", "[config]") {
  using podring::is_dns_name;
  CHECK(is_dns_name("podring-ring.default.svc.cluster.local"));
  CHECK(is_dns_name("podring-ring.default.svc.cluster.local."));
  CHECK(is_dns_name("a_b.1"));
  CHECK(is_dns_name(std::string(63, 'a') + ".b"));
  CHECK_FALSE(is_dns_name(std::string(64, 'a') + ".b"));
  CHECK_FALSE(is_dns_name(""));
  CHECK_FALSE(is_dns_name("."));
  CHECK_FALSE(is_dns_name("a..b"));
  CHECK_FALSE(is_dns_name(".a"));
  CHECK_FALSE(is_dns_name("a b"));
  CHECK_FALSE(is_dns_name("a:53"));
  std::string longest;
  for (int i = 0; i < 126; ++i) longest += "a.";
  CHECK(is_dns_name(longest + "a"));
  CHECK_FALSE(is_dns_name(longest + "ab"));
}

TEST_CASE("names are visible and short", "[config]") {
  CHECK(podring::is_name("pod-1", 5));
  CHECK_FALSE(podring::is_name("pod-12", 5));
  CHECK_FALSE(podring::is_name("", 5));
  CHECK_FALSE(podring::is_name("a b", 5));
  CHECK_FALSE(podring::is_name("a\n", 5));
  CHECK_FALSE(podring::is_name("a\x7f", 5));
  CHECK_FALSE(podring::is_name("\xc3\xa9", 5));
}

TEST_CASE("which addresses nobody can dial", "[config]") {
  CHECK(podring::is_multicast(address("239.255.255.255")));
  CHECK(podring::is_multicast(address("255.255.255.255")));
  CHECK(podring::is_multicast(address("ff02::1")));
  CHECK_FALSE(podring::is_multicast(address("223.255.255.255")));
  CHECK_FALSE(podring::is_multicast(address("240.0.0.1")));
  CHECK(podring::is_link_local(address("fe80::1")));
  CHECK(podring::is_link_local(address("febf::1")));
  CHECK(podring::is_link_local(address("169.254.1.1")));
  CHECK_FALSE(podring::is_link_local(address("fec0::1")));
  CHECK_FALSE(podring::is_link_local(address("169.255.1.1")));
}

TEST_CASE("a slip finds what was meant, a guess finds nothing", "[config]") {
  const std::vector<std::string> known{"--port", "--peers", "--poll-ms"};
  CHECK(podring::closest("--prot", known) == "--port");
  CHECK(podring::closest("--poll", known) == "--poll-ms");
  CHECK_FALSE(podring::closest("--threads", known));
}
