"""What people do to a ring on purpose: scaling, restarts, new images, new settings, another protocol version."""
import json
import random
import subprocess
import time

from .cluster import Trouble, wait_until


def scale(ring):
    """3 -> 8 -> 2 -> 0 -> 3; under load as long as there are pods."""
    ring.settle(3)
    ids = []
    for before, count in ((3, 8), (8, 2)):
        with ring.load() as load:
            took = ring.scale_to(count)
            wait_until("end of the leaving pods", lambda: len(ring.cluster.pods()) == count, 120)
        ids += load.ids
        ring.report.row(f"{before} to {count} pods: all views agree", took < 60, f"after {took:.1f} s; {load.figure()}")
    ring.live.wait_ended(ids)
    took = ring.scale_to(0)
    ring.report.row("2 to 0 pods: all ended", took < 60, f"after {took:.1f} s")
    took = ring.scale_to(3)
    ring.report.row("0 to 3 pods: all views agree", took < 60, f"after {took:.1f} s")
    ring.verify("scaling: verify-logs", ids)


def under_load(ring, check, change, timeout=300, rate=None):
    """A rolling change with requests at the ingress all the while, none of which may fail."""
    count = ring.cluster.deployment()["spec"]["replicas"]
    with ring.load(rate) as load:
        time.sleep(2)
        begin = time.monotonic()
        change()
        ring.cluster.wait_rolled_out(timeout)
        took = time.monotonic() - begin
        ring.live.wait_agreed(ring.cluster, count, time.time(), 90)
        time.sleep(2)
    ring.verify(f"{check} ({took:.0f} s)", load.ids, load, failures_allowed=False)


def image_of(ring):
    return ring.cluster.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]


def set_image(ring, image):
    ring.cluster.kubectl("set", "image", "deployment/podring", f"podring={image}")


def rolling_restart(ring):
    under_load(ring, "rolling restart under load",
               lambda: ring.cluster.kubectl("rollout", "restart", "deployment/podring"))


def rolling_update(ring):
    """To another image and back; it differs in a label only."""
    image = image_of(ring)
    other = "podring:e2e-next"
    made = subprocess.run(["docker", "build", "-q", "-t", other, "-"], input=f"FROM {image}\nLABEL podring.e2e=next\n".encode(),
                          capture_output=True)
    if made.returncode != 0:
        ring.report.skip("rolling image update under load", f"no second image: {made.stderr.decode().strip()[-80:]}")
        return
    ring.cluster.load(other)
    under_load(ring, "rolling image update under load", lambda: set_image(ring, other))
    under_load(ring, "and back, with `kubectl rollout undo`",
               lambda: ring.cluster.kubectl("rollout", "undo", "deployment/podring"))


def versions_of_links(path, since):
    """The protocol versions that links agreed on, from the log."""
    found = set()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if '"link_up"' in line:
                event = json.loads(line[line.index("{"):])
                if event["ts"] >= since:
                    found.add(event["version"])
    return found


def protocol_update(ring):
    """Old and new builds with one more protocol version in one ring, then the new ones alone, then back."""
    if not ring.options.image_next_protocol:
        ring.report.skip("rolling update to the next protocol version", "no --image-next-protocol")
        return
    image, new = image_of(ring), ring.options.image_next_protocol
    ring.cluster.load(new)
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    under_load(ring, "rolling update to the next protocol version", lambda: set_image(ring, new))
    up = versions_of_links(ring.live.path, since)
    under_load(ring, "and back to the old one", lambda: set_image(ring, image))
    ring.report.row("versions that links agreed on, meanwhile", {1, 2} <= up, str(sorted(up)))


def settings(ring):
    """Another ConfigMap has another name, so the pods roll; PODRING_HOPS shows that it counts."""
    name = ring.cluster.deployment()["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    data = ring.cluster.get("configmap", name)["data"]
    changed = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "podring-e2e"}, "data": {**data, "PODRING_HOPS": "7"}}
    ring.cluster.kubectl("apply", "-f", "-", text_in=json.dumps(changed))

    def use(config_map):
        ring.cluster.patch("deployment podring", [{"op": "replace", "path": "/spec/template/spec/containers/0/envFrom/0/configMapRef/name",
                                                   "value": config_map}], "json")

    under_load(ring, "a changed ConfigMap rolls out under load", lambda: use("podring-e2e"))
    from .load import seed
    status, answer = seed(ring.url, "seven hops", wait="completed")
    hops = len(answer["traces"][0]["trace"]) if status == 200 else None
    ring.report.row("and its value counts", hops == 7, f"{hops} hops")
    use(name)
    ring.settle(ring.cluster.deployment()["spec"]["replicas"])
    ring.cluster.kubectl("delete", "configmap", "podring-e2e")


def service_links(ring):
    """Beside a Service named podring, Kubernetes sets PODRING_PORT=tcp://...; without enableServiceLinks: false the pods see it."""
    ring.cluster.patch("deployment podring", {"spec": {"template": {"spec": {"enableServiceLinks": True}}}})
    try:
        ring.settle(ring.cluster.deployment()["spec"]["replicas"])
        pod = random.choice(ring.cluster.members())
        log = ring.cluster.kubectl("logs", pod.name)
        warned = next((line for line in log.splitlines() if '"warning"' in line and "PODRING_PORT" in line), None)
        ring.report.row("with service links the pods start all the same, and warn", warned is not None,
                        (json.loads(warned)["detail"] if warned else "no warning in the log")[:90])
    except Trouble as trouble:
        ring.report.row("with service links the pods start all the same", False, str(trouble))
    finally:
        ring.cluster.patch("deployment podring", {"spec": {"template": {"spec": {"enableServiceLinks": False}}}})
        ring.settle(ring.cluster.deployment()["spec"]["replicas"])


def second_run(ring):
    """local-deploy.sh again, without a change."""
    begin = time.monotonic()
    done = ring.options.deploy(ring.cluster.namespace)
    ring.report.row("local-deploy.sh again, without a change", "nothing had changed" in done,
                    f"{time.monotonic() - begin:.1f} s, {done.strip().splitlines()[-1][:60]}")


def drain(ring):
    """A node is emptied for maintenance: the budget lets one pod go at a time."""
    pods = ring.cluster.members()
    node = next(pod.node for pod in pods)
    with ring.load() as load:
        begin = time.monotonic()
        try:
            ring.cluster.kubectl("drain", node, "--pod-selector", "app.kubernetes.io/name=podring", "--ignore-daemonsets",
                                 "--timeout", "180s", timeout=200)
            took = time.monotonic() - begin
            ring.settle(len(pods))
        finally:
            ring.cluster.kubectl("uncordon", node)
    ring.verify(f"a node is drained under load ({took:.0f} s)", load.ids, load)
