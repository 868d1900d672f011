"""What happens to a ring: pods deleted without grace, processes killed, nodes gone, no name service."""
import random
import time

from .cluster import Trouble, wait_until
from .load import seed

SETTLE = 120  # seconds that a ring of a few pods may take to be whole again


def pods_deleted(ring):
    """20 pods at random, one after another, with no grace; each time the ring is whole again before the next goes."""
    ring.settle(3)
    agreed = []
    with ring.load() as load:
        for _ in range(20):
            victim = random.choice(ring.cluster.members())
            since = time.time()
            ring.cluster.kubectl("delete", "pod", victim.name, "--force", "--grace-period", "0")
            wait_until("replacement", lambda: victim.name not in [p.name for p in ring.cluster.members()]
                       and len(ring.cluster.members()) == 3, SETTLE)
            agreed.append(ring.live.wait_agreed(ring.cluster, 3, since, SETTLE))
    ring.report.row("a pod deleted: all views agree again", max(agreed) < 60,
                    f"after {sorted(agreed)[len(agreed) // 2]:.1f} s (median of 20), {max(agreed):.1f} s at most")
    ring.verify("20 pods deleted with no grace, under load", load.ids, load)


def processes_killed(ring):
    if not ring.cluster.node_exec:
        ring.report.skip("20 processes killed by SIGKILL", "no --node-exec")
        return
    ring.settle(3)
    killed = 0
    with ring.load() as load:
        while killed < 20:
            # A pod that crashed lately waits for its back-off, so those that did not come first.
            members = ring.cluster.members()
            if len(members) < 3:
                time.sleep(0.5)
                continue
            victim = min(members, key=lambda pod: (pod.restarts, random.random()))
            if not ring.cluster.kill_process(victim):
                continue
            killed += 1
            wait_until("restart", lambda: any(pod.name == victim.name and pod.restarts > victim.restarts and pod.ready
                                              for pod in ring.cluster.pods()), 330)
            ring.live.wait_agreed(ring.cluster, 3, time.time(), SETTLE)
            if victim.restarts >= 2:  # its back-off grows with each crash; another pod starts from nothing
                ring.cluster.kubectl("delete", "pod", victim.name, "--wait=false")
                ring.settle(3)
    ring.verify(f"{killed} processes killed by SIGKILL, under load", load.ids, load)


def reroute(ring):
    """How long one message takes to get past a process that was just killed."""
    if not ring.cluster.node_exec:
        ring.report.skip("time until a message passes a killed pod", "no --node-exec")
        return
    ring.settle(3)
    took = []
    for _ in range(3):
        pods = ring.cluster.members()
        victim = random.choice(pods)
        ring.cluster.kill_process(victim)
        begin = time.monotonic()
        while time.monotonic() - begin < 30:
            try:
                status, _ = seed(ring.url, "past it", wait="completed", laps=1, wait_ms=20000)
            except OSError:
                continue
            if status == 200:
                break
        took.append(time.monotonic() - begin)
        ring.settle(3)
    ring.report.row("a message goes round again after a process was killed", max(took) < 5,
                    ", ".join(f"{seconds:.2f} s" for seconds in took))


def node_killed(ring, count):
    """The whole node at once, as by a power cut; then it comes back."""
    check = f"a node killed and started again, {count} pods"
    if not (ring.cluster.node_stop and ring.cluster.node_start):
        ring.report.skip(check, "no --node-stop and --node-start")
        return
    cluster = ring.cluster
    if len(cluster.members()) != count:
        ring.scale_to(count)
    ring.settle(count)
    # Not the node through which the ingress and the name service work: that is a test of those.
    busy = {item["spec"].get("nodeName") for item in cluster.get("pods", "--all-namespaces")["items"]
            if item["metadata"]["namespace"] != cluster.namespace}
    busy |= {item["metadata"]["name"] for item in cluster.get("nodes")["items"]
             if any("control-plane" in label or "master" in label for label in item["metadata"]["labels"])}
    candidates = sorted({pod.node for pod in cluster.members()} - busy)
    if not candidates:
        ring.report.skip(check, "no node has ring pods and neither ingress controller nor name service")
        return
    node = candidates[0]
    lost = sum(1 for pod in cluster.members() if pod.node == node)
    down = 0.0
    with ring.load() as load:
        time.sleep(3)
        begin = time.monotonic()
        cluster.stop_node(node)
        try:
            # The ingress still sends some requests to dead pods; the ring is asked through those that it answers.
            first, tries = None, 0
            while time.monotonic() - begin < 30 and first is None:
                tries += 1
                try:
                    status, _ = seed(ring.url, "past the node", wait="completed", laps=1, wait_ms=8000, timeout=9)
                except OSError:
                    continue
                first = time.monotonic() - begin if status == 200 else None
            time.sleep(max(0.0, 20 - (time.monotonic() - begin)))
        finally:
            down = time.monotonic() - begin
            cluster.start_node(node)
        if ring.node_logs:
            wait_until("shell on the node", lambda: runs(cluster, node), 60, 0.5)
            ring.node_logs.keep(node)
        back = time.time()
        wait_until("ready node", lambda: any(item["metadata"]["name"] == node and any(
            c["type"] == "Ready" and c["status"] == "True" for c in item["status"]["conditions"])
            for item in cluster.get("nodes")["items"]), 180, 0.5)
        cluster.wait_rolled_out(240)
        agreed = ring.live.wait_agreed(cluster, count, back, 120)
    ring.report.row(f"{lost} of {count} pods died with a node: a message goes round", first is not None and first < 15,
                    "not within 30 s" if first is None else f"{first:.1f} s after the node was killed ({tries} tries)")
    figure = f"{agreed:.1f} s after its start" if agreed > 0 else "none had to change since"
    ring.report.row("the node is back: all views agree", agreed < 150, f"{figure} ({down:.0f} s down)")
    ring.verify(check, load.ids, load)


def runs(cluster, node):
    try:
        cluster.on_node(node, "true")
        return True
    except Trouble:
        return False


def node_killed_3(ring):
    node_killed(ring, 3)


def node_killed_8(ring):
    node_killed(ring, 8)
    ring.scale_to(3)


def name_service(ring):
    """CoreDNS restarted, then gone for a minute: the last view stays, and the ring goes on."""
    dns = ring.cluster.other("kube-system")
    count = len(ring.cluster.members())
    ring.settle(count)
    with ring.load() as load:
        dns.kubectl("rollout", "restart", "deployment/coredns")
        dns.kubectl("rollout", "status", "deployment/coredns", "--timeout", "120s", timeout=150)
        time.sleep(5)
    ring.verify("CoreDNS restarted, under load", load.ids, load, failures_allowed=False)
    replicas = dns.get("deployment", "coredns")["spec"]["replicas"]
    views = ring.live.events["view"]
    with ring.load() as load:
        dns.kubectl("scale", "deployment", "coredns", "--replicas", "0")
        try:
            time.sleep(60)
        finally:
            dns.kubectl("scale", "deployment", "coredns", "--replicas", str(replicas))
        dns.kubectl("rollout", "status", "deployment/coredns", "--timeout", "120s", timeout=150)
        changes = ring.live.events["view"] - views
        time.sleep(5)
    ring.report.row("no view changed while CoreDNS was gone", changes == 0, f"{changes} changes in 60 s")
    ring.verify("CoreDNS gone for a minute, under load", load.ids, load, failures_allowed=False)
