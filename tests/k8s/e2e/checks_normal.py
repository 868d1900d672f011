"""What a healthy ring does: order, placement, seeding, events, clients."""
import json
import subprocess
import time

from .cluster import Trouble, wait_until
from .load import Events, get, seed


def placement(ring):
    pods, nodes = ring.cluster.members(), ring.cluster.nodes()
    used = {pod.node for pod in pods}
    ring.report.row("pods spread over the nodes", len(used) == min(len(pods), len(nodes)),
                    f"{len(pods)} pods on {len(used)} of {len(nodes)} nodes")
    starts = [ring.live.of_pod(pod.name) for pod in pods]
    ready = max(process.ready_after for process in starts)
    first = max(process.first_visit - process.started for process in starts if process.first_visit)
    ring.report.row("process start to ready, to the first message seen (slowest pod)", ready < 10,
                    f"{ready * 1000:.0f} ms, {first:.1f} s")


def start_up_seeds(ring):
    """Every pod's own three messages went their ten hops."""
    ring.live.wait("end of nine start-up seeds", lambda: len(ring.live.ended) >= 9, 60)
    found = ring.verify("after the start: verify-logs")
    counts = {f"Sending message from pod {pod.address}": 0 for pod in ring.cluster.members()}
    with open(ring.logs("start"), encoding="utf-8", errors="replace") as lines:
        ids = {}
        for line in lines:
            event = json.loads(line[line.index("{"):]) if "{" in line else {}
            if event.get("event") == "received" and event["message"] in counts:
                ids[event["id"]] = event["message"]
            elif event.get("event") == "completed" and event["id"] in ids:
                counts[ids.pop(event["id"])] += 1
    ring.report.row("start-up seeds completed, per pod", set(counts.values()) == {3}, str(sorted(counts.values())))
    return found


def order(ring):
    """Five laps: the same pods in the same order in each, by address."""
    pods = ring.cluster.members()
    by_address = [pod.name for pod in sorted(pods, key=lambda pod: tuple(map(int, pod.address.split("."))))]
    message = f"order {time.time()}"
    ring.live.wanted.add(message)
    status, answer = seed(ring.url, message, wait="completed", laps=5, wait_ms=20000)
    if status != 200:
        raise Trouble(f"{status} {answer}")
    trace = answer["traces"][0]["trace"]
    start = by_address.index(trace[0])
    expected = [by_address[(start + step) % len(pods)] for step in range(len(trace))]
    ring.report.row("the same order in each of five laps", trace == expected and len(trace) >= 5 * len(pods) - 1,
                    f"{len(trace)} visits: " + " ".join(name[-5:] for name in trace[:len(pods) + 1]) + " ...")
    (one,) = answer["ids"]
    visits = ring.live.wait("visit in the logs", lambda: ring.live.visits.get(one) and
                            max(ring.live.visits[one])[0] >= 2 and sorted(ring.live.visits[one]), 20)
    line = json.loads(next(text for hop, _, _, text in visits if hop == 2))
    good = all(key in line for key in ("ts", "pod", "id", "hop", "lap", "message", "trace", "sender_pod_ip"))
    ring.report.row("the received line at hop 2", good and len(line["trace"]) == 2 and
                    line["sender_pod_ip"] in [pod.address for pod in pods],
                    f"trace of {len(line['trace'])} names, sender_pod_ip {line['sender_pod_ip']}")


def ingress(ring):
    for url in (ring.options.url, ring.options.https_url, ring.options.extra_url):
        if not url:
            continue
        begin = time.monotonic()
        status, answer = seed(url, "through the ingress", wait="completed", laps=1)
        took = time.monotonic() - begin
        good = status == 200 and answer["traces"][0]["end"] == "completed"
        ring.report.row(f"seeded through {url}, wait completed", good, f"{status} in {took * 1000:.0f} ms")
    status, page = get(ring.url, "/")
    ring.report.row("the page through the ingress", status == 200 and b"<html" in page.lower(), f"{status}, {len(page)} bytes")
    status, _ = get(ring.url, "/metrics")
    ring.report.row("the admin port's routes are not on the ingress", status == 404, f"GET /metrics: {status}")


def events(ring):
    """Server-sent events pass at once; nothing between pod and browser holds them back."""
    stream = Events(ring.url)
    try:
        message = f"seen at once {time.time()}"
        if stream.wait("data:", 10) is None:
            raise Trouble(f"GET /events: {stream.status}, and no snapshot within 10 s")
        begin = time.time()
        seed(ring.url, message, wait="accepted", laps=3)
        came = stream.wait(message, 10)
        figure = "not within 10 s" if came is None else f"{(came - begin) * 1000:.0f} ms after the seed"
        ring.report.row("an event through the ingress", came is not None and came - begin < 2, figure)
        quiet_from = len(stream.came)
        time.sleep(15)
        later = stream.came[quiet_from:]
        ring.report.row("the event stream stays open without messages", len(later) > 0, f"{len(later)} lines in 15 s")
    finally:
        stream.close()


JOB = """
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  backoffLimit: 0
  template:
    metadata: {{labels: {labels}}}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
      - name: inject
        image: {image}
        imagePullPolicy: IfNotPresent
        command: [inject, --service, podring-ring.{namespace}.svc.cluster.local., --count, "20", --wait, completed,
                  --timeout-ms, "8000", from a Job]
        securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""


def run_job(ring, name, labels):
    """(succeeded, its log) of `inject` as a Job."""
    cluster = ring.cluster
    image = cluster.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
    cluster.kubectl("apply", "-f", "-", text_in=JOB.format(name=name, labels=labels, image=image, namespace=cluster.namespace))
    try:
        def ended():
            status = cluster.get("job", name)["status"]
            return "yes" if status.get("succeeded") else "no" if status.get("failed") else None

        outcome = wait_until("end of the Job", ended, 60, 0.5)
        return outcome == "yes", cluster.kubectl("logs", f"job/{name}", "--tail", "3", check=False).strip()
    finally:
        cluster.kubectl("delete", "job", name, "--wait", "--cascade=foreground")


def clients(ring):
    good, log = run_job(ring, "seed-as-client", '{podring/client: "true"}')
    ring.report.row("inject as a Job with the client label", good, log.splitlines()[-1][:90] if log else "no output")
    good, log = run_job(ring, "seed-as-stranger", '{who: stranger}')
    ring.report.row("inject as a Job without the label is kept out by the policy", not good,
                    log.splitlines()[-1][:90] if log else "no output")
    pod = ring.cluster.members()[0]
    said = ring.cluster.kubectl("exec", pod.name, "--", "inject", "--service",
                                f"podring-ring.{ring.cluster.namespace}.svc.cluster.local.", "--wait", "completed", "from exec")
    ring.report.row("inject by kubectl exec in a pod", True, said.strip().splitlines()[-1][:90])
    done = subprocess.run([ring.options.bin / "inject", "--url", ring.url, "--count", "200", "--rate", "100", "--wait", "completed",
                           "--json", "from outside"], capture_output=True, text=True, timeout=120)
    last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
    ring.report.row("inject from outside, through the ingress", done.returncode == 0, last[0][:90] if last else "no output")


def idle(ring):
    """CPU and memory of pods that have nothing to do, from the kubelets."""
    time.sleep(30)  # the kubelet's figures are means over some 10 s
    cpu, memory = [], []
    for node in ring.cluster.nodes():
        stats = json.loads(ring.cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
        for pod in stats["pods"]:
            if pod["podRef"]["namespace"] == ring.cluster.namespace:
                for container in pod.get("containers", []):
                    cpu.append(container.get("cpu", {}).get("usageNanoCores", 0) / 1e6)
                    memory.append(container.get("memory", {}).get("rssBytes", 0) / 1e6)
    ring.report.row("an idle pod", bool(cpu) and max(memory) < 64, f"{max(cpu, default=0):.1f} millicores, {max(memory, default=0):.1f} MB RSS"
                    f" (largest of {len(cpu)})")
