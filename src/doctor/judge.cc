#include "doctor/judge.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace podring::doctor {
namespace {

using Outcome = NameAnswer::Outcome;

constexpr std::size_t kNamed = 5;  // addresses in one sentence
/// The Date header tells whole seconds, and an NTP client keeps milliseconds.
constexpr Duration kClockFar = std::chrono::seconds{3};

class Judge {
 public:
  Judge(const Config& config, const Facts& facts) : config_{config}, facts_{facts} {}

  std::vector<Finding> all() {
    configuration();
    if (facts_.names) names(*facts_.names);
    membership();
    mesh();
    ring_ports();
    datagrams();
    strangers();
    one_way();
    versions();
    clocks();
    return std::move(found_);
  }

 private:
  void add(std::string id, std::string seen, std::string means, std::string change) {
    found_.push_back({std::move(id), std::move(seen), std::move(means), std::move(change)});
  }

  void add_passing(std::string id, std::string seen, std::string means, std::string change) {
    add(std::move(id), std::move(seen), std::move(means), std::move(change));
    found_.back().may_pass = true;
  }

  [[nodiscard]] std::vector<const PeerFacts*> those(
      const std::function<bool(const PeerFacts&)>& are, bool self_as_well = false) const {
    std::vector<const PeerFacts*> some;
    if (self_as_well && facts_.self_runs && are(facts_.self)) some.push_back(&facts_.self);
    for (const PeerFacts& peer : facts_.peers) {
      if (are(peer)) some.push_back(&peer);
    }
    return some;
  }

  static std::string list(const std::vector<const PeerFacts*>& peers) {
    std::string text;
    for (std::size_t i = 0; i < std::min(peers.size(), kNamed); ++i) {
      text += (i == 0 ? "" : ", ") + to_string(peers[i]->address);
    }
    if (peers.size() > kNamed) text += " and " + std::to_string(peers.size() - kNamed) + " more";
    return text;
  }

  [[nodiscard]] std::string server() const {
    return config_.dns_server ? to_string(config_.dns_server->address)
                              : "the name server of "
                                "/etc/resolv.conf";
  }

  [[nodiscard]] std::string port_text() const { return std::to_string(config_.port); }

  void configuration() {
    if (!facts_.service_links.empty()) {
      std::string names;
      for (const std::string& name : facts_.service_links) {
        names += (names.empty() ? "" : ", ") + name;
      }
      add("service_links", "Kubernetes has set " + names,
          "variables of a Service whose name begins with podring look like settings; podring skips "
          "them, and a setting of the same name, such as PODRING_PORT, is lost",
          "enableServiceLinks: false in the pod's spec");
    }
    for (const std::string& warning : facts_.warnings) {
      add("configuration", warning, "podring starts, but may not do what was meant",
          "the flag or variable that is named; podring --print-config shows all of them");
    }
  }

  void names(const NameFacts& names) {
    const bool udp = names.udp.outcome != Outcome::unknown;
    const bool tcp = names.tcp.outcome != Outcome::unknown;
    if (names.udp.cut || names.tcp.cut) {
      const std::string& why = names.tcp.cut ? names.tcp.detail : names.udp.detail;
      add("answer_too_large", config_.service + ": " + why,
          "there are more pods than one DNS answer can hold; podring takes no part for the whole, "
          "so the last ring that was known stays for ever",
          "split the ring: a Service and a --ring of its own for at most 4,000 pods each");
    } else if (!udp && !tcp) {
      add("dns_no_answer",
          server() + " gives no answer for " + config_.service + ": " + names.udp.detail,
          "no pod finds the others; a ring that runs keeps the pods it knows",
          "allow UDP and TCP port 53 to the cluster's DNS (networkpolicy.yaml, egress), and look "
          "whether its pods run: kubectl -n kube-system get pods -l k8s-app=kube-dns");
    } else if (udp && !tcp) {
      add("dns_tcp_blocked", server() + " answers by UDP, but not by TCP: " + names.tcp.detail,
          "an answer of more than some 70 pods does not fit a datagram, and comes by TCP only: the "
          "ring stops growing there",
          "networkpolicy.yaml, egress: add {port: 53, protocol: TCP} beside UDP; the DNS Service "
          "needs its TCP port too");
    } else if (!udp && names.cut_by_udp) {
      add("dns_tcp_blocked", "the answer by UDP is cut, and " + names.udp.detail,
          "the ring is larger than an answer by UDP, and the way to the whole answer is unreliable",
          "networkpolicy.yaml, egress: allow {port: 53, protocol: TCP}");
    } else if (!udp) {
      add("dns_udp_blocked", server() + " answers by TCP, but not by UDP: " + names.udp.detail,
          "podring asks by UDP first; each question takes seconds longer, and so does each change",
          "networkpolicy.yaml, egress: add {port: 53, protocol: UDP} beside TCP");
    }
    const Outcome outcome = udp ? names.udp.outcome : names.tcp.outcome;
    const bool other = names.other_family.outcome == Outcome::answer;
    const std::string family = config_.address.is_v4() ? "IPv4" : "IPv6";
    if (other) {
      add("mixed_families",
          config_.service + " has addresses of both families, or of the one that " +
              to_string(config_.address) + " is not of; the first is " +
              to_string(names.other_family.addresses.front()),
          "a ring is of one family; pods whose --address is of the other one are not seen (here: " +
              family + " alone counts)",
          "ipFamilyPolicy: SingleStack in the ring's Service, and PODRING_ADDRESS from "
          "status.podIP");
    } else if (outcome == Outcome::empty) {
      add("name_empty", config_.service + " has no address",
          "the name is wrong, or no pod of the Service is ready: each pod stays alone",
          "PODRING_SERVICE must be SERVICE.NAMESPACE.svc.CLUSTER-DOMAIN of the headless Service "
          "(clusterIP: None), and the Service's selector must fit the pods' labels");
    }
  }

  void membership() {
    if (facts_.names && facts_.listed > 0 && facts_.self_runs && !facts_.self_listed) {
      add_passing(
          "own_address_missing",
          "a peer runs at " + to_string(config_.address) + ", but the list of " +
              std::to_string(facts_.listed) + " addresses does not have it",
          "the others do not hand messages to it",
          "the Service's selector must fit this pod's labels, GET /readyz must answer 200, and "
          "PODRING_ADDRESS must be status.podIP; right after a start the list is up to 30 s old");
    }
    const auto waiting =
        those([](const PeerFacts& p) { return p.ready_status.value_or(200) != 200; });
    if (!waiting.empty()) {
      add_passing("not_ready_listed",
                  list(waiting) + ": listed, but /readyz answers " +
                      std::to_string(*waiting.front()->ready_status),
                  "pods that start or end are in the ring's list, and hand-overs to them fail",
                  "publishNotReadyAddresses: false in the ring's Service");
    }
    const auto absent = those(
        [](const PeerFacts& p) { return p.ring == Port::refused && !p.ready_status.has_value(); });
    if (!absent.empty()) {
      add_passing(
          "nobody_listens", list(absent) + ": listed, but nobody listens at port " + port_text(),
          "pods that crash or end are in the list, and hand-overs to them fail; or these "
          "are no pods of podring",
          facts_.names
              ? "publishNotReadyAddresses: false in the ring's Service, whose selector must "
                "fit podring's pods alone; kubectl get pods shows who restarts"
              : "start a peer there with the same --port, or take the address out of every "
                "peer's --peers");
    }
  }

  void mesh() {
    // Who has another key says nothing either; ring_keys() tells of those.
    const auto mute = those([this](const PeerFacts& p) {
      return p.ring == Port::open && !p.greeted && !p.hello_refused &&
             (p.ring_key.empty() || p.ring_key == own_key());
    });
    const auto intercepted = those([](const PeerFacts& p) { return p.intercepted; });
    if (!intercepted.empty()) {
      add("service_mesh", list(intercepted) + ": a port on which nobody listens takes connections",
          "a proxy of a service mesh stands in between; a broken link looks whole to podring, and "
          "is noticed by silence only",
          "keep the ring's port out of the mesh, in the pods' annotations: "
          "traffic.sidecar.istio.io/excludeOutboundPorts and excludeInboundPorts: \"" +
              port_text() +
              "\" (Istio), config.linkerd.io/skip-outbound-ports and "
              "skip-inbound-ports (Linkerd)");
    } else if (!mute.empty()) {
      add("no_hello", list(mute) + ": takes connections, but does not answer hello",
          "what listens there is no podring, or a proxy of a service mesh takes the connection",
          "PODRING_PORT must be the ring's port at every pod; keep it out of the mesh");
    }
  }

  void ring_ports() {
    const auto blocked = those([](const PeerFacts& p) {
      return (p.ring == Port::silent && (p.admin == Port::open || p.front == Port::open)) ||
             (p.ring == Port::refused && p.ready_status.has_value());
    });
    const auto away = those([](const PeerFacts& p) {
      return p.ring == Port::silent && p.admin != Port::open && p.front != Port::open;
    });
    if (!blocked.empty()) {
      add("ring_port_blocked",
          list(blocked) + ": answers by HTTP, but takes no connection at port " + port_text() +
              (blocked.front()->ring == Port::silent ? " (no answer)" : " (refused)"),
          "connections to the ring's port end on the way: no message gets there from here",
          "networkpolicy.yaml: allow port " + port_text() +
              " in ingress of the pods and in egress from here; for a client, the label "
              "podring/client: \"true\"; and PODRING_PORT must be the same at every pod");
    }
    if (!away.empty()) {
      add_passing(
          "peer_unreachable", list(away) + ": no port answers",
          "the pod or its node is gone and the list is old, or a firewall drops all",
          "look whether the pod runs (kubectl get pods -o wide); else networkpolicy.yaml, or the "
          "network between the nodes");
    }
  }

  /// Whether a stranger's datagram is read there, and dropped: that silence says nothing.
  [[nodiscard]] bool reads_datagrams(const PeerFacts& peer) const {
    const bool has_lanes = std::any_of(peer.links.begin(), peer.links.end(),
                                       [](const auto& link) { return !link.datagrams.empty(); });
    return peer.port_missing || has_lanes ||
           peer.reads_datagrams.value_or(config_.lanes != Lanes::zmq);
  }

  /// Only told of peers to which TCP flows.
  void datagrams() {
    const auto blocked = those([&](const PeerFacts& p) {
      return (p.datagram.small == Datagram::silent && !reads_datagrams(p)) ||
             p.datagram.small == Datagram::rejected;
    });
    const std::string advice = "networkpolicy.yaml: {port: " + port_text() +
                               ", protocol: UDP} beside TCP, in ingress and egress; the nodes' "
                               "firewall likewise";
    if (!blocked.empty()) {
      const bool silent = blocked.front()->datagram.small == Datagram::silent;
      add("udp_blocked",
          list(blocked) + ": takes connections, but datagrams to port " + port_text() +
              (silent ? " leave no sign, not even an ICMP message" : " are rejected on the way"),
          "UDP is blocked while TCP flows: the ring works, by TCP alone", advice);
    } else if (const std::string pairs = closed_lanes(false); !pairs.empty()) {
      add_passing("udp_blocked", "from " + pairs + ": connected, but datagrams do not get through",
                  "UDP is blocked while TCP flows, in one direction at least, or the way loses "
                  "datagrams of " +
                      std::to_string(kDatagramBytes) +
                      " bytes: the ring works, by TCP alone, and takes longer",
                  advice + "; else the MTU of the cluster's network");
    }
    small_mtu();
    const auto taken = those([](const PeerFacts& p) { return p.port_missing; }, true);
    if (!taken.empty()) {
      add("udp_port_taken",
          list(taken) + ": something else there has UDP port " + port_text() +
              ", so podring does not listen for datagrams",
          "the ring works, by TCP alone to and from there, and takes longer; --lanes udp would not "
          "start",
          "free that port, or give all pods another PODRING_PORT, or PODRING_LANES=zmq");
    }
    ring_keys();
  }

  /// Between pods of one ring whose TCP connection is whole; `small`: it says itself that the way
  /// takes no datagrams of the usual size.
  [[nodiscard]] std::string closed_lanes(bool small) const {
    return links(
        [small](const LinkFacts& link) {
          const bool is_small = link.segment_max > 0 && link.segment_max < kSegmentBytes;
          return link.state == "up" && !link.datagrams.empty() && link.datagrams != "open" &&
                 is_small == small;
        },
        true);
  }

  void small_mtu() {
    const auto small_only = those([](const PeerFacts& p) {
      return p.datagram.small == Datagram::arrives || p.datagram.large == Datagram::too_large;
    });
    const std::string pairs = closed_lanes(true);
    if (small_only.empty() && pairs.empty()) return;
    std::string seen = "from " + pairs + ": TCP has segments of less than " +
                       std::to_string(kSegmentBytes) + " bytes, and datagrams of " +
                       std::to_string(kDatagramBytes) + " do not get through";
    if (!small_only.empty()) {
      const auto& mtu = small_only.front()->datagram.mtu;
      seen = list(small_only) + ": datagrams of " + std::to_string(kDatagramBytes) +
             " bytes do not get there, small ones do" +
             (mtu ? "; the MTU of the way is " + std::to_string(*mtu) + " bytes" : "");
    }
    add("mtu_small", std::move(seen),
        "datagrams are lost when they are full; where nothing says so, large messages over TCP "
        "stall too",
        "the MTU of the cluster's network (the CNI's configuration) must be " +
            std::to_string(kDatagramBytes + (config_.address.is_v4() ? 28 : 48)) +
            " bytes or more, and not above what the nodes' network carries less its tunnel's "
            "header");
  }

  /// As the metrics of a peer would tell it: of the key that this doctor has.
  [[nodiscard]] std::string own_key() const {
    return config_.ring_keys.empty() ? "none" : lane::to_string(config_.ring_keys.front().id());
  }

  void ring_keys() {
    std::map<std::string, std::vector<const PeerFacts*>> keys;
    for (const PeerFacts* peer :
         those([](const PeerFacts& p) { return !p.ring_key.empty(); }, true)) {
      keys[peer->ring_key].push_back(peer);
    }
    const bool here_alone = !keys.empty() && !keys.contains(own_key());
    if (keys.size() < 2 && !here_alone) return;
    std::string seen;
    if (here_alone) {
      seen = "this doctor has " + (own_key() == "none" ? "no ring key" : "ring key " + own_key());
    }
    for (const auto& [key, peers] : keys) {
      seen += (seen.empty() ? "" : "; ") +
              (key == "none" ? std::string{"no ring key"} : "ring key " + key) + ": " + list(peers);
    }
    add("ring_keys_differ", seen,
        "pods do not hear each other when neither has the other's key, and there are two rings; a "
        "change of the key in three steps, with two lines in the file, keeps one",
        "the same PODRING_RING_KEY_FILE, from the same Secret, at every pod; pods read it when "
        "they "
        "start (proto-docs/security.md, section 2)");
  }

  void strangers() {
    const auto others =
        those([](const PeerFacts& p) { return p.hello_refused == RefuseCode::wrong_ring; });
    if (!others.empty()) {
      add("two_rings", list(others) + ": " + others.front()->hello_failure,
          "pods of two rings share one name; each ring refuses the other's, and dials them for "
          "ever",
          "give each ring a Service of its own whose selector fits its pods alone, or all pods the "
          "same PODRING_RING (here: " +
              config_.ring + ")");
    }
    const auto moved =
        those([](const PeerFacts& p) { return p.hello_refused == RefuseCode::wrong_address; });
    if (!moved.empty()) {
      add("wrong_address", list(moved) + ": " + moved.front()->hello_failure,
          "the pod says that it has another address than the one that leads to it, and is refused",
          "PODRING_ADDRESS from status.podIP in the pod's spec; no address translation between "
          "pods");
    }
  }

  /// "a to b, c to d": the links that pods of this ring have dialled, and that are such.
  [[nodiscard]] std::string links(const std::function<bool(const LinkFacts&)>& are,
                                  bool self_as_well = false) const {
    std::string pairs;
    std::size_t count = 0;
    // The links of others are not of this ring.
    for (const PeerFacts* peer : those([](const auto& p) { return p.greeted; }, self_as_well)) {
      for (const LinkFacts& link : peer->links) {
        if (!link.outgoing || !are(link) || ++count > kNamed) continue;
        pairs += (count == 1 ? "" : ", ") + to_string(peer->address) + " to " + to_string(link.to);
      }
    }
    if (count > kNamed) pairs += " and " + std::to_string(count - kNamed) + " more";
    return pairs;
  }

  /// Links that other pods cannot make, to pods that answer here.
  void one_way() {
    std::set<Address> answer_here;
    for (const PeerFacts& peer : facts_.peers) {
      if (peer.greeted) answer_here.insert(peer.address);
    }
    const std::string pairs = links([&](const LinkFacts& link) {
      if (link.state != "suspected" && link.state != "connecting") return false;
      return link.to == config_.address ? facts_.self_runs : answer_here.contains(link.to);
    });
    if (pairs.empty()) return;
    add_passing(
        "blocked_one_way", "no link from " + pairs + ", although the second answers here",
        "the ring's port is closed in that direction alone, and messages make a detour round that "
        "pod",
        "networkpolicy.yaml: ingress of the second pod and egress of the first must allow port " +
            port_text() + "; policies of the nodes' firewall likewise");
  }

  void versions() {
    const auto foreign =
        those([](const PeerFacts& p) { return p.hello_refused == RefuseCode::no_common_version; });
    if (!foreign.empty()) {
      add("version_skew", list(foreign) + ": " + foreign.front()->hello_failure,
          "two releases that are too far apart: they refuse each other, and the ring splits",
          "update in steps: a release speaks its own protocol and the one before");
      return;
    }
    std::map<std::string, std::vector<const PeerFacts*>> builds;
    const auto answering = [](const PeerFacts& p) { return p.version_max > 0; };
    for (const PeerFacts* peer : those(answering, /*self_as_well=*/true)) {
      builds["protocol " + std::to_string(peer->version_max) + " " + peer->build].push_back(peer);
    }
    if (builds.size() < 2) return;
    std::string seen;
    for (const auto& [build, peers] : builds) {
      seen += (seen.empty() ? "" : "; ") + build + ": " + list(peers);
    }
    add("version_skew", seen,
        "a rolling update is under way, or has stopped half-way; the ring works on the lower "
        "protocol",
        "kubectl rollout status deployment/podring; the same image everywhere");
  }

  void clocks() {
    const auto far = those([](const PeerFacts& p) {
      return p.clock_ahead && std::chrono::abs(*p.clock_ahead) > kClockFar;
    });
    if (far.empty()) return;
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(*far.front()->clock_ahead).count();
    add("clock_off",
        list(far) + ": its clock is " + std::to_string(std::abs(seconds)) + " s " +
            (seconds > 0 ? "ahead of" : "behind") + " the one here",
        "nothing is decided by these clocks, but times in traces and logs, and the hop latency, "
        "are "
        "wrong by that much",
        "time synchronisation (chrony, systemd-timesyncd) on the pods' nodes");
  }

  const Config& config_;
  const Facts& facts_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> judge(const Config& config, const Facts& facts) {
  return Judge{config, facts}.all();
}

}  // namespace podring::doctor
