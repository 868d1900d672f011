"""Datagrams between pods of different nodes: used, blocked in the middle, forbidden by the policy, sealed by a ring key."""
import contextlib
import json
import os
import pathlib
import tempfile
import time

from .cluster import Trouble, wait_until
from .load import get

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMPONENT = ROOT / "k8s/components/ring-key"
SECRET = "podring-ring-key"


def links_of(ring, timeout=60):
    """{(address, successor): what the pod says of that link}, of all pods, by their GET /ring through the ingress."""
    wanted = {pod.address for pod in ring.cluster.members()}
    found = {}

    def asked_all():
        status, text = get(ring.url, "/ring")
        if status == 200:
            state = json.loads(text)
            for peer in state["peers"]:
                if peer["address"] == state["successor"]:
                    found[state["address"], state["successor"]] = peer
        return wanted <= {address for address, _ in found}

    wait_until("GET /ring of every pod", asked_all, timeout, 0.05)
    return {pair: peer for pair, peer in found.items() if pair[0] in wanted}


def lane_states(ring):
    return [(peer["udp_to"] or {}).get("state") for peer in links_of(ring).values()]


def wait_open(ring, timeout=90):
    wait_until("open lanes of all pods", lambda: set(lane_states(ring)) == {"open"}, timeout, 0.5)


def between_nodes(ring, links):
    node_of = {pod.address: pod.node for pod in ring.cluster.members()}
    return {pair: peer for pair, peer in links.items() if node_of[pair[0]] != node_of.get(pair[1])}


def sent_by(links, lane):
    return sum((peer[lane] or {}).get("sent", 0) for peer in links.values())


def carried(ring, load):
    """(datagrams, TCP segments) to successors on other nodes, while load() lasts."""
    before = between_nodes(ring, links_of(ring))
    load()
    after = between_nodes(ring, links_of(ring))
    if set(before) != set(after):
        raise Trouble("the ring has changed meanwhile")
    return tuple(sent_by(after, lane) - sent_by(before, lane) for lane in ("udp_to", "zmq_to"))


def frames_by_datagram(ring):
    wait_open(ring)
    ids = []

    def load():
        with ring.load() as one:
            time.sleep(15)
        ids.extend(one.ids)

    datagrams, segments = carried(ring, load)
    # Of three pods each one hands on every message; ZeroMQ has pings and whatever is too large.
    ring.report.row("frames between nodes go by datagram", datagrams > len(ids) and datagrams > segments,
                    f"{len(ids)} messages of 10 hops: {datagrams} datagrams, {segments} TCP segments")
    told = [(lane, peer[lane]) for peer in between_nodes(ring, links_of(ring)).values() for lane in ("udp_to", "zmq_to")]
    good = bool(told) and all(one and one["round_trip_us"] > 0 and "jitter_us" in one and one["path_mtu"] >= 1176 for _, one in told)
    ring.report.row("both lanes' figures in GET /ring", good, "; ".join(
        f"{lane[:3]} {one['round_trip_us']} us, MTU {one['path_mtu']}, {one['lost']} of {one['sent']} lost" for lane, one in told[:2]))
    ring.verify("frames by datagram: verify-logs", ids)


@contextlib.contextmanager
def blocked_on(ring, node):
    """Datagrams of the ring that a node forwards are dropped."""
    ring.cluster.on_node(node, "nft 'add table ip podring_e2e; add chain ip podring_e2e forward { type filter hook forward priority -300; }; "
                               "add rule ip podring_e2e forward udp dport 5570 drop'")
    try:
        yield
    finally:
        ring.cluster.on_node(node, "nft delete table ip podring_e2e")


def datagrams_blocked(ring):
    """In the middle of it, at one node; frames go on by ZeroMQ, and nobody is suspected."""
    if not ring.node_logs:
        ring.report.skip("datagrams blocked at a node", "no --node-exec")
        return
    wait_open(ring)
    before = ring.verify("before datagrams are blocked: verify-logs")["totals"]
    begin = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    node = ring.cluster.members()[0].node
    with ring.load() as load:
        time.sleep(3)
        with blocked_on(ring, node):
            wait_until("a lane that fails", lambda: "failed" in lane_states(ring), 30, 0.2)
            time.sleep(10)
            states = lane_states(ring)
        time.sleep(1)
        wait_open(ring)
    found = ring.verify("datagrams blocked at a node under load", load.ids, load, failures_allowed=False)["totals"]
    repeated, detours = (found[key] - before[key] for key in ("visits_repeated", "detours"))
    ring.report.row("nothing was repeated, no way round was taken", repeated == 0 and detours == 0,
                    f"{repeated} visits repeated, {detours} detours; lanes meanwhile: {', '.join(map(str, states))}")
    down = links_down_since(ring, begin)
    ring.report.row("no link was given up", not down, f"{len(down)} since" + (f": {down[0][:60]}" if down else ""))


def links_down_since(ring, since):
    with open(ring.live.path, encoding="utf-8", errors="replace") as lines:
        events = [json.loads(line[line.index("{"):]) for line in lines if '"link_down"' in line]
    return [f"{event['pod']} {event.get('reason')}" for event in events if event["ts"] >= since]


def doctor_in_a_pod(ring):
    """{id: what was seen}, of `podring doctor` in a pod of the ring."""
    done = ring.cluster.kubectl("exec", ring.cluster.members()[0].name, "--", "podring", "doctor", "--json", check=False, timeout=120)
    try:
        return {finding["id"]: finding["seen"] for finding in json.loads(done)["findings"]}
    except ValueError:
        raise Trouble(f"podring doctor: {done[-200:]}") from None


def restart(ring):
    ring.cluster.kubectl("rollout", "restart", "deployment/podring")
    ring.settle(ring.cluster.deployment()["spec"]["replicas"])


def policy_without_udp(ring):
    """New pods under a policy without UDP: a ring by ZeroMQ alone, which the doctor tells; with UDP again the lanes open by themselves."""
    policies = ring.cluster.get("networkpolicy")["items"]
    changed = json.loads(json.dumps(policies))
    for policy in changed:
        for rule in policy["spec"].get("ingress", []) + policy["spec"].get("egress", []):
            rule["ports"] = [port for port in rule["ports"] if port.get("protocol") != "UDP" or port["port"] not in (5570, "udp-ring")]
    if changed == policies:
        raise Trouble("no policy names the ring's UDP port")

    def put(items):
        for policy in items:
            ring.cluster.patch(f"networkpolicy {policy['metadata']['name']}", {"spec": policy["spec"]}, "merge")

    put(changed)
    try:
        restart(ring)
        with ring.load() as load:
            time.sleep(8)
        states = lane_states(ring)
        ring.report.row("a policy without UDP: lanes stay closed", "open" not in states, ", ".join(map(str, states)))
        seen = doctor_in_a_pod(ring)
        ring.report.row("podring doctor in a pod tells of it", list(seen) == ["udp_blocked"], (json.dumps(seen) or "nothing")[:90])
    finally:
        put(policies)
    begin = time.monotonic()
    wait_open(ring)
    ring.report.row("the policy allows UDP again: lanes open by themselves", True, f"after {time.monotonic() - begin:.0f} s")
    ring.verify("a policy without UDP: verify-logs", load.ids, load, failures_allowed=False)


def with_component(deployment):
    """The deployment as the component ring-key makes it."""
    kept = {key: deployment[key] for key in ("apiVersion", "kind", "spec")}
    kept["metadata"] = {"name": deployment["metadata"]["name"], "labels": deployment["metadata"].get("labels", {})}
    return kept


def ring_key(ring):
    """The component k8s/components/ring-key on the ring that runs, under load, and off again."""
    from .checks_change import under_load
    cluster = ring.cluster
    cluster.kubectl("create", "secret", "generic", SECRET, f"--from-literal=key={os.urandom(32).hex()}")
    volumes = cluster.deployment()["spec"]["template"]["spec"].get("volumes", [])
    try:
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "deployment.json").write_text(json.dumps(with_component(cluster.deployment())))
            pathlib.Path(folder, "kustomization.yaml").write_text(
                "resources: [deployment.json]\n" f"components: [{os.path.relpath(COMPONENT, os.path.realpath(folder))}]\n")
            sealed = cluster.kubectl("kustomize", folder)
        under_load(ring, "a ring key comes with a rolling restart under load",
                   lambda: cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text_in=sealed))
        wait_open(ring)
        datagrams, segments = carried(ring, lambda: time.sleep(5))
        seen = doctor_in_a_pod(ring)
        ring.report.row("sealed datagrams go between nodes, and the doctor is content", datagrams > 0 and not seen,
                        f"{datagrams} datagrams in 5 s without load, {segments} TCP segments; findings: {json.dumps(seen)[:60]}")
    finally:
        cluster.kubectl("rollout", "undo", "deployment/podring")
        ring.settle(cluster.deployment()["spec"]["replicas"])
        cluster.kubectl("delete", "secret", SECRET)
    left = cluster.deployment()["spec"]["template"]["spec"].get("volumes", [])
    ring.report.row("and without it again", left == volumes, f"{len(left)} volumes")
    wait_open(ring)
