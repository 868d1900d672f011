// README, "Configuration": flags, then PODRING_* variables, then defaults; what is wrong is said in
// sentences that name what to change.
#include "app/config.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "app/config_flags.h"
#include "app/config_parse.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using podring::Address, podring::Config, podring::Host, podring::LoadedConfig;

namespace {

using Words = std::vector<std::string>;

Address address(std::string_view text) { return podring::parse_address(text).value(); }

Host one_address() { return {"host-1", "uid-1", {{"eth0", address("10.42.0.9")}}}; }

LoadedConfig load(const Words& arguments, const Words& environment = {},
                  const Host& host = one_address()) {
  return podring::load_config(arguments, environment, host);
}

/// Some sentence of `sentences` has all of `parts`.
bool says(const Words& sentences, const Words& parts) {
  return std::any_of(sentences.begin(), sentences.end(), [&](const std::string& sentence) {
    return std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
      return sentence.find(part) != std::string::npos;
    });
  });
}

podring::ConfigEntry entry(const LoadedConfig& loaded, const std::string& name) {
  for (const auto& entry : loaded.entries) {
    if (entry.name == name) return entry;
  }
  FAIL("no entry " << name);
  return {};
}

constexpr const char* kKeyText =
    "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";

/// A file of this text, gone with the object.
class TextFile {
 public:
  explicit TextFile(std::string text)
      : path_{std::filesystem::temp_directory_path() /
              ("podring-config-" + podring::read_host().uid)},
        text_{std::move(text)} {
    std::ofstream{path_} << text_;
    ::chmod(path_.c_str(), 0600);
  }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  ~TextFile() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::filesystem::path path_;
  std::string text_;
};

}  // namespace

TEST_CASE("without anything given the defaults of the table hold", "[config]") {
  const auto loaded = load({});
  REQUIRE(loaded.errors.empty());
  const Config& config = loaded.config;
  CHECK(config.name == "host-1");
  CHECK(config.uid == "uid-1");
  CHECK(config.node.empty());
  CHECK(config.address == address("10.42.0.9"));
  CHECK(config.bind == address("0.0.0.0"));
  CHECK(config.ring == "podring");
  CHECK(config.service.empty());
  CHECK(config.peers.empty());
  CHECK_FALSE(config.dns_server.has_value());
  CHECK(config.poll == 2s);
  CHECK(config.port == 5570);
  CHECK(config.http_port == 8080);
  CHECK(config.admin_port == 8081);
  CHECK(config.copies == 2);
  CHECK(config.copies_on == podring::CopiesOn::peers);
  CHECK(config.hops == 10);
  CHECK(config.ttl == 600s);
  CHECK(config.queue == 1024);
  CHECK(config.queue_bytes == 16 * 1024 * 1024);
  CHECK(config.grace == 25s);
  CHECK(config.drain_linger == 5s);
  CHECK(config.seed_on_start == 3);
  CHECK(config.log_format == podring::observe::LogFormat::json);
  CHECK(config.log_level == podring::observe::Level::info);
  CHECK(config.log_hops);
  CHECK(loaded.entries.size() == podring::config_flags().size());
  CHECK(says(loaded.warnings, {"--service", "--peers", "alone"}));
}

TEST_CASE("a flag wins over its variable, and the variable over the default", "[config]") {
  const Words environment{"PODRING_HOPS=20", "PODRING_POLL_MS=500", "HOPS=30"};
  const auto loaded = load({"--hops", "40"}, environment);
  REQUIRE(loaded.errors.empty());
  CHECK(loaded.config.hops == 40);
  CHECK(loaded.config.poll == 500ms);
  CHECK(entry(loaded, "--hops").source == "flag");
  CHECK(entry(loaded, "--poll-ms").source == "environment");
  CHECK(entry(loaded, "--poll-ms").detail == "PODRING_POLL_MS");
  CHECK(entry(loaded, "--queue").source == "default");
  CHECK(entry(loaded, "--address").detail == "of eth0");
}

TEST_CASE("every flag takes what --print-config shows of it, as flag and as variable", "[config]") {
  const TextFile key{kKeyText};
  const Words values{"--name",
                     "pod-1",
                     "--uid",
                     "u-1",
                     "--node",
                     "node-a",
                     "--address",
                     "10.0.0.7",
                     "--bind",
                     "0.0.0.0",
                     "--ring",
                     "blue",
                     "--peers",
                     "10.0.0.7,10.0.0.8",
                     "--dns-server",
                     "10.43.0.10:5353",
                     "--poll-ms",
                     "100",
                     "--port",
                     "1",
                     "--http-port",
                     "2",
                     "--admin-port",
                     "65535",
                     "--lanes",
                     "auto",
                     "--ring-key-file",
                     key.path(),
                     "--insecure",
                     "true",
                     "--copies",
                     "3",
                     "--copies-on",
                     "nodes",
                     "--hops",
                     "10000",
                     "--ttl-ms",
                     "1",
                     "--queue",
                     "2",
                     "--queue-bytes",
                     "1MiB",
                     "--deliver-to",
                     "http://127.0.0.1:8000/take",
                     "--deliver",
                     "off",
                     "--deliver-to-other-hosts",
                     "true",
                     "--deliver-timeout-ms",
                     "100",
                     "--deliver-concurrency",
                     "3",
                     "--deliver-allow",
                     "PURGE /*,GET /version",
                     "--app-port",
                     "8083",
                     "--broadcast",
                     "on",
                     "--seed-on-start",
                     "0",
                     "--grace-ms",
                     "3600000",
                     "--drain-linger-ms",
                     "0",
                     "--log-format",
                     "text",
                     "--log-level",
                     "debug",
                     "--log-hops",
                     "false"};
  const auto first = load(values);
  REQUIRE(first.errors.empty());
  REQUIRE(values.size() == 2 * (podring::config_flags().size() - 1));  // all but --service
  Words environment;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    CHECK(entry(first, values[i]).value == values[i + 1]);
    environment.push_back(podring::variable_of(values[i].substr(2)) + "=" + values[i + 1]);
  }
  const auto second = load({}, environment);
  REQUIRE(second.errors.empty());
  for (std::size_t i = 0; i < first.entries.size(); ++i) {
    CHECK(first.entries[i].value == second.entries[i].value);
  }
}

TEST_CASE("all that is wrong is told at once, each with its name and what it must be", "[config]") {
  const auto loaded =
      load({"--poll-ms", "5", "--copies=4", "--peers", "10.0.0.1,web", "--prot", "1"},
           {"PODRING_LOG_LEVEL=loud", "PODRING_QUEUE_BYTES=1KiB"});
  CHECK(loaded.errors.size() == 6);
  CHECK(says(loaded.errors, {"--poll-ms is '5'", "from 100 to 60000"}));
  CHECK(says(loaded.errors, {"--copies is '4'", "from 1 to 3"}));
  CHECK(says(loaded.errors, {"--peers", "'web'"}));
  CHECK(says(loaded.errors, {"no flag --prot", "did you mean --port?"}));
  CHECK(says(loaded.errors, {"PODRING_LOG_LEVEL is 'loud'", "debug, info, warn or error"}));
  CHECK(says(loaded.errors, {"PODRING_QUEUE_BYTES", "512KiB"}));
}

TEST_CASE("each number is refused just outside its bounds", "[config]") {
  struct Case {
    const char* flag;
    const char* below;
    const char* above;
  };
  const auto wrong =
      GENERATE(Case{"--poll-ms", "99", "60001"}, Case{"--port", "0", "65536"},
               Case{"--http-port", "0", "65536"}, Case{"--admin-port", "0", "65536"},
               Case{"--copies", "0", "4"}, Case{"--hops", "0", "10001"},
               Case{"--ttl-ms", "0", "4233600001"}, Case{"--queue", "1", "1000001"},
               Case{"--queue-bytes", "524287", "5GiB"}, Case{"--grace-ms", "-1", "3600001"},
               Case{"--drain-linger-ms", "-1", "3600001"}, Case{"--seed-on-start", "-1", "1001"});
  for (const char* text :
       {wrong.below, wrong.above, "", "1.5", "ten", "0x10", "99999999999999999999"}) {
    INFO(wrong.flag << " " << text);
    const auto loaded = load({std::string{wrong.flag} + "=" + text});
    REQUIRE(loaded.errors.size() == 1);
    CHECK(says(loaded.errors, {wrong.flag}));
  }
}

TEST_CASE("values that contradict each other stop the start", "[config]") {
  const auto error = [](const Words& arguments) { return load(arguments).errors; };
  CHECK(says(error({"--service", "a.b.svc", "--peers", "10.0.0.1"}), {"--service and --peers"}));
  CHECK(says(error({"--http-port", "5570"}), {"--port and --http-port are both 5570"}));
  CHECK(says(error({"--admin-port", "8080"}), {"--http-port and --admin-port"}));
  CHECK(says(error({"--grace-ms", "1000"}), {"--drain-linger-ms is above --grace-ms"}));
  CHECK(says(error({"--peers", "fd00::1"}), {"--address"}));  // no IPv6 address on this host
  CHECK(says(error({"--address", "10.0.0.1", "--peers", "fd00::1"}), {"--peers has fd00::1"}));
  CHECK(says(error({"--address", "127.0.0.1", "--peers", "10.0.0.1"}), {"--peers has 10.0.0.1"}));
  CHECK(says(error({"--bind", "127.0.0.1"}), {"--bind 127.0.0.1", "10.42.0.9"}));
  CHECK(says(error({"--address", "0.0.0.0"}), {"--address is '0.0.0.0'"}));
  CHECK(says(error({"--address", "224.0.0.1"}), {"--address is '224.0.0.1'"}));
  CHECK(says(error({"--address", "10.0.0.1:5570"}), {"without a port"}));
  CHECK(says(error({"--peers", "10.0.0.1:5570"}), {"--port"}));
  CHECK(says(error({"--service", "10.0.0.1"}), {"--peers"}));
  CHECK(says(error({"--name", "two words"}), {"--name is 'two words'"}));
}

TEST_CASE("a command line that cannot be taken apart stops the start", "[config]") {
  CHECK(says(load({"--hops"}).errors, {"--hops"}));
  CHECK(says(load({"surplus"}).errors, {"'surplus' belongs to no flag"}));
  CHECK(says(load({"--zzzzzzz"}).errors, {"no flag --zzzzzzz", "--help"}));
  CHECK(says(load({"-p", "1"}).errors, {"no flag -p"}));
  CHECK(load({"--prot", "1"}).errors.size() == 1);               // its value is no second error
  CHECK(load({"--hops", "7", "--hops", "8"}).config.hops == 8);  // the last one wins
}

TEST_CASE("the address is the host's one address, or the one that --peers lists", "[config]") {
  Host host = one_address();
  SECTION("IPv4 goes before IPv6") {
    host.addresses.push_back({"eth0", address("fd00::9")});
    CHECK(load({}, {}, host).config.address == address("10.42.0.9"));
  }
  SECTION("IPv6 alone") {
    host.addresses = {{"eth0", address("fd00::9")}};
    const auto loaded = load({}, {}, host);
    CHECK(loaded.config.address == address("fd00::9"));
    CHECK(loaded.config.bind == address("::"));
  }
  SECTION("the family of the peers decides") {
    host.addresses.push_back({"eth0", address("fd00::9")});
    CHECK(load({"--peers", "fd00::9,fd00::a"}, {}, host).config.address == address("fd00::9"));
  }
  SECTION("several") {
    host.addresses.push_back({"docker0", address("172.17.0.1")});
    const auto loaded = load({}, {}, host);
    REQUIRE(loaded.errors.size() == 1);
    CHECK(says(loaded.errors, {"--address", "10.42.0.9 (eth0)", "172.17.0.1 (docker0)"}));
    CHECK(load({"--hopps", "3"}, {}, host).errors.size() == 1);  // that is to be mended first
    CHECK(load({"--peers", "10.42.0.8,10.42.0.9"}, {}, host).config.address ==
          address("10.42.0.9"));
    CHECK(load({"--address", "172.17.0.1"}, {}, host).errors.empty());
  }
  SECTION("none") {
    host.addresses.clear();
    CHECK(says(load({}, {}, host).errors, {"--address"}));
    const auto loaded = load({"--address", "127.3.0.1"}, {}, host);
    REQUIRE(loaded.errors.empty());
    CHECK(loaded.config.bind == address("127.3.0.1"));
  }
}

TEST_CASE("the ring is named after the service, however that is written", "[config]") {
  const auto ring = [](const std::string& service) {
    return load({"--service", service}).config.ring;
  };
  CHECK(ring("podring-ring.default.svc.cluster.local.") ==
        "podring-ring.default.svc.cluster.local");
  CHECK(ring("Podring-Ring.default.svc.Cluster.local") == "podring-ring.default.svc.cluster.local");
  CHECK(load({"--service", "a.b", "--ring", "blue"}).config.ring == "blue");
  CHECK(says(load({"--service", "podring"}).warnings, {"has no dot"}));
}

TEST_CASE("variables that Kubernetes sets beside a Service are skipped with a warning",
          "[config]") {
  const auto loaded =
      load({"--peers", "10.42.0.9"},
           {"PODRING_PORT=tcp://10.43.9.1:80", "PODRING_PORT_80_TCP=tcp://10.43.9.1:80",
            "PODRING_PORT_80_TCP_ADDR=10.43.9.1", "PODRING_PORT_80_TCP_PORT=80",
            "PODRING_PORT_80_TCP_PROTO=tcp", "PODRING_SERVICE_HOST=10.43.9.1",
            "PODRING_SERVICE_PORT=80", "PODRING_SERVICE_PORT_HTTP=80",
            "PODRING_HTTP_PORT=tcp://10.43.9.2:80", "PODRING_HTTP_SERVICE_HOST=10.43.9.2"});
  REQUIRE(loaded.errors.empty());
  CHECK(loaded.config.port == 5570);
  CHECK(loaded.config.http_port == 8080);
  CHECK(loaded.config.service.empty());
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(says(loaded.warnings, {"PODRING_PORT,", "PODRING_HTTP_PORT", "enableServiceLinks: false"}));
}

TEST_CASE("an address that the host has not got warns and names those that it has", "[config]") {
  const Words rest{"--service", "a.b", "--address"};
  const auto warnings = [&](const std::string& given, const Host& host = one_address()) {
    Words arguments = rest;
    arguments.push_back(given);
    return load(arguments, {}, host).warnings;
  };
  CHECK(warnings("10.42.0.9").empty());
  CHECK(warnings("127.0.0.7").empty());  // loopback and link-local ones are not in the list
  CHECK(warnings("169.254.1.1").empty());
  CHECK(warnings("fe80::1").empty());
  REQUIRE(warnings("10.42.0.8").size() == 1);
  CHECK(says(warnings("10.42.0.8"), {"--address 10.42.0.8", "the host has 10.42.0.9 (eth0)"}));
  CHECK(says(warnings("10.42.0.8", {"host-1", "uid-1", {}}), {"the host has loopback ones alone"}));
}

TEST_CASE("an unknown variable warns, and an empty one counts as not set", "[config]") {
  const auto loaded =
      load({"--peers", "10.42.0.9"}, {"PODRING_HOP=3", "PODRING_SERVICE=", "PODRING_HOPS=", "X=1"});
  REQUIRE(loaded.errors.empty());
  CHECK(loaded.config.hops == 10);
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(says(loaded.warnings, {"PODRING_HOP ", "did you mean PODRING_HOPS?"}));
}

TEST_CASE("the variables of the manifests give the configuration of a pod", "[config]") {
  const auto loaded =
      load({},
           {"PODRING_NAME=podring-7c9f-abcde", "PODRING_UID=6b1f0c4e-0000-4000-8000-000000000000",
            "PODRING_ADDRESS=10.42.1.7", "PODRING_NODE=k3d-agent-0",
            "PODRING_SERVICE=podring-ring.podring.svc.cluster.local.", "PODRING_COPIES_ON=nodes"},
           {"host-1", "uid-1", {{"eth0", address("10.42.1.7")}}});
  REQUIRE(loaded.errors.empty());
  CHECK(loaded.warnings.empty());
  CHECK(loaded.config.copies_on == podring::CopiesOn::nodes);
  CHECK(loaded.config.bind == address("0.0.0.0"));
}

TEST_CASE("what prints and ends: help, version, print-config", "[config]") {
  const auto help = load({"--help", "--nonsense"});
  REQUIRE(help.print);
  for (const auto& flag : podring::config_flags()) {
    CHECK(help.print->find("--" + flag.name + " " + flag.value) != std::string::npos);
  }
  for (const char* part : {"\nExit codes:\n  0 ", "\n  1 ", "\n  2 ", "\nExamples:\n"}) {
    CHECK(help.print->find(part) != std::string::npos);
  }
  const auto version = load({"--version"});
  REQUIRE(version.print);
  CHECK(version.print->starts_with("podring 0."));
  CHECK(version.print->find("protocol 1") != std::string::npos);

  const auto printed = load({"--print-config", "--hops", "3"}, {"PODRING_TTL_MS=9000"});
  REQUIRE(printed.print);
  CHECK(printed.print->find("--hops") != std::string::npos);
  CHECK(std::count(printed.print->begin(), printed.print->end(), '\n') ==
        static_cast<long>(podring::config_flags().size()));
  CHECK(printed.print->find("environment: PODRING_TTL_MS") != std::string::npos);
  CHECK_FALSE(load({"--print-config", "--hops", "0"}).print);
}

TEST_CASE("this very host can be read", "[config]") {
  const Host host = podring::read_host();
  CHECK_FALSE(host.name.empty());
  CHECK(host.uid.size() == 36);
  CHECK(host.uid != podring::read_host().uid);
  for (const auto& candidate : host.addresses) CHECK_FALSE(candidate.address.is_loopback());
  CHECK_FALSE(podring::read_environment().empty());
}

TEST_CASE("a ring key is 64 hexadecimal digits in a file, whose name alone is shown", "[config]") {
  const TextFile good{kKeyText};
  const auto loaded = load({"--lanes", "udp", "--ring-key-file", good.path()});
  REQUIRE(loaded.errors.empty());
  REQUIRE(loaded.config.ring_keys.size() == 1);
  CHECK(loaded.config.ring_keys[0].bytes()[1] == 1);
  CHECK(loaded.config.ring_keys[0].bytes()[31] == 31);
  CHECK(entry(loaded, "--ring-key-file").value == good.path());
  const TextFile two{std::string(64, 'a') + "\n" + std::string(64, 'b') + "\n"};
  CHECK(load({"--ring-key-file", two.path()}).config.ring_keys.size() == 2);
  for (const std::string text : {"", "00", "not a key", "000102030405060708090a0b0c0d0e0f"}) {
    const TextFile bad{text};
    CHECK(says(load({"--ring-key-file", bad.path()}).errors,
               {bad.path(), "64 hexadecimal digits", "openssl rand -hex 32"}));
  }
  const TextFile three{two.text() + std::string(64, 'c')};
  CHECK(says(load({"--ring-key-file", three.path()}).errors, {"64 hexadecimal digits"}));
  // zmq_curve(7), "server secret key", among two.
  const TextFile printed{std::string(64, 'a') +
                         "\n8e0bdd697628b91d8f245587ee95c5b04d48963f79259877b49cd9063aead3b7\n"};
  CHECK(says(load({"--ring-key-file", printed.path()}).errors, {"a key that everybody knows"}));
  const TextFile zeros{std::string(64, '0')};
  CHECK(says(load({"--ring-key-file", zeros.path()}).errors, {"a key that everybody knows"}));
  const auto with_mode = [&](mode_t mode) {
    ::chmod(good.path().c_str(), mode);
    return load({"--ring-key-file", good.path()}).errors;
  };
  CHECK(with_mode(0440).empty());  // as Kubernetes mounts a Secret for the pod's group
  CHECK(with_mode(0600).empty());
  for (const mode_t mode : {0777, 0604, 0620, 0660}) CHECK(says(with_mode(mode), {"chmod 600"}));
  CHECK(says(load({"--ring-key-file", "/dev/null"}).errors, {"must be a regular file"}));
  const TextFile large{std::string(100'000, '0')};
  CHECK(says(load({"--ring-key-file", large.path()}).errors, {"64 hexadecimal digits"}));
  CHECK(says(load({"--ring-key-file", "/nowhere/key"}).errors,
             {"'/nowhere/key'", "cannot be read", "No such file"}));
  CHECK(says(load({"--ring-key-file", "/"}).errors, {"cannot be read", "directory"}));
}

TEST_CASE("without a ring key a peer starts on loopback alone, or where somebody said --insecure",
          "[config]") {
  const auto started = [](std::vector<std::string> flags) {
    auto loaded = load(flags);
    podring::look_for_ring_key(loaded);
    return loaded;
  };
  CHECK(says(started({"--address", "10.42.0.9"}).errors,
             {"--ring-key-file is not given", "port 5570", "--insecure"}));
  CHECK(says(started({"--address", "127.0.0.1", "--bind", "0.0.0.0"}).errors,
             {"--ring-key-file is not given"}));
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--address", "127.0.0.1"},
                                                {"--address", "10.42.0.9", "--insecure"},
                                                {"--insecure", "--address", "10.42.0.9"},
                                                {"--address", "10.42.0.9", "--insecure", "true"}}) {
    const auto loaded = started(flags);
    CHECK(loaded.errors.empty());
    CHECK(says(loaded.warnings, {"there is no ring key"}));
  }
  CHECK_FALSE(started({"--address", "10.42.0.9", "--insecure", "false"}).errors.empty());
  const TextFile key{kKeyText};
  const auto keyed = started({"--address", "10.42.0.9", "--ring-key-file", key.path()});
  CHECK(keyed.errors.empty());
  CHECK_FALSE(says(keyed.warnings, {"ring key"}));
}
