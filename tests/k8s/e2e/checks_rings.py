"""Two rings in two namespaces of one cluster."""
import time

from .cluster import wait_until
from .load import seed
from .logs import LiveLog


def two_rings(ring):
    """They share nodes, names and ports, and never a message."""
    options, cluster = ring.options, ring.cluster
    second = cluster.other(cluster.namespace + "-two")
    options.deploy(second.namespace, "--replicas", "3", "--host", "podring-two.localhost")
    live = LiveLog(second, ring.folder)
    try:
        ring.settle(len(ring.cluster.members()))
        second.wait_rolled_out()
        live.wait_agreed(second, 3, time.time(), 90)
        wait_until("ends of the second ring's start-up seeds", lambda: len(live.ended) >= 9, 60)
        own, others = ({pod.name for pod in one.members()} for one in (cluster, second))
        sizes = [live.of_pod(name).size for name in others]
        ring.report.row("two rings in two namespaces: views of their own", sizes == [3, 3, 3],
                        f"{len(own)} and {len(others)} pods; the second ring's views have {sizes} addresses")
        second.kubectl("delete", "ingress", "podring")  # two without a host: the controller would choose
        names = []
        for _ in range(10):
            status, answer = seed(ring.url, "ours alone", wait="completed", hops=12)
            names += answer["traces"][0]["trace"] if status == 200 else [f"status {status}"]
        ring.report.row("no pod of the other ring in 120 hops", len(names) == 120 and set(names) <= own,
                        f"{len(names)} names of {len(set(names))} pods")
        refused = ring.live.events["hello_refused"] + live.events["hello_refused"]
        ring.report.row("and nobody had to be refused", refused == 0, f"{refused} hello_refused lines")
    finally:
        live.stop()
        options.remove(second.namespace)
