"""The cluster under test: kubectl on one context and namespace, and what can be done to its nodes."""
import dataclasses
import json
import shlex
import subprocess
import time

SELECTOR = "app.kubernetes.io/name=podring"


class Trouble(Exception):
    """A check cannot go on; the text says why."""


def wait_until(what, condition, timeout, interval=0.2):
    """The first true value of condition(); Trouble after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Trouble(f"no {what} after {timeout} s")
        time.sleep(interval)


@dataclasses.dataclass(frozen=True)
class Pod:
    name: str
    uid: str
    address: str
    node: str
    ready: bool
    leaving: bool
    restarts: int
    labels: dict = dataclasses.field(hash=False, compare=False, default_factory=dict)


class Cluster:
    def __init__(self, context, namespace, node_exec=None, node_stop=None, node_start=None, load=None):
        self.context, self.namespace = context, namespace
        self.node_exec, self.node_stop, self.node_start = node_exec, node_stop, node_start
        self.load_command = load

    def other(self, namespace):
        return Cluster(self.context, namespace, self.node_exec, self.node_stop, self.node_start, self.load_command)

    # ---- kubectl

    def command(self, *args):
        return ["kubectl", "--context", self.context, "--namespace", self.namespace, *args]

    def kubectl(self, *args, text_in=None, check=True, timeout=120):
        done = subprocess.run(self.command(*args), input=text_in, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise Trouble(f"kubectl {' '.join(args)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def get(self, *args):
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def pods(self, selector=SELECTOR):
        """Pods that exist and have not ended."""
        found = []
        for item in self.get("pods", "-l", selector)["items"]:
            status, meta = item["status"], item["metadata"]
            if status.get("phase") in ("Succeeded", "Failed"):
                continue
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
            restarts = sum(c["restartCount"] for c in status.get("containerStatuses", []))
            found.append(Pod(meta["name"], meta["uid"], status.get("podIP", ""), item["spec"].get("nodeName", ""), ready,
                             "deletionTimestamp" in meta, restarts, meta.get("labels", {})))
        return found

    def members(self):
        """Pods that ought to be in the ring."""
        return [pod for pod in self.pods() if pod.ready and not pod.leaving]

    def deployment(self):
        return self.get("deployment", "podring")

    def scale(self, count):
        self.kubectl("scale", "deployment", "podring", "--replicas", str(count))

    def patch(self, what, change, kind="strategic"):
        self.kubectl("patch", *what.split(), "--type", kind, "-p", json.dumps(change))

    def wait_rolled_out(self, timeout=240):
        """Every pod is of the latest revision, ready, and no other is left, leaving ones included."""

        def done():
            deployment = self.deployment()
            status, wanted = deployment["status"], deployment["spec"]["replicas"]
            counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
            return (status.get("observedGeneration") == deployment["metadata"]["generation"] and counts == [wanted] * 3
                    and len(self.pods()) == wanted)

        wait_until("finished rollout", done, timeout, 0.5)

    def nodes(self):
        return sorted(item["metadata"]["name"] for item in self.get("nodes")["items"])

    # ---- nodes

    def on_node(self, node, script, timeout=60):
        """Runs a shell script on a node; its output as bytes."""
        done = subprocess.run(shlex.split(self.node_exec.replace("{node}", node)) + ["sh", "-c", script],
                              capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Trouble(f"on {node}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def start_on_node(self, node, script):
        return subprocess.Popen(shlex.split(self.node_exec.replace("{node}", node)) + ["sh", "-c", script],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop_node(self, node):
        self.control(self.node_stop, node)

    def start_node(self, node):
        self.control(self.node_start, node)

    def control(self, command, node):
        done = subprocess.run(shlex.split(command.replace("{node}", node)), capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Trouble(f"{command}: {done.stderr.strip()}")

    def kill_process(self, pod):
        """SIGKILL to the container's process, from its node. False when there is none at the moment."""
        script = f"""
            for process in /proc/[0-9]*; do
              read -r name <$process/comm || continue
              [ "$name" = podring ] || continue
              while read -r line; do
                case $line in *{pod.uid}* | *{pod.uid.replace('-', '_')}*) kill -9 ${{process#/proc/}} && echo killed && break ;; esac
              done <$process/cgroup
            done 2>/dev/null; true"""
        return b"killed" in self.on_node(pod.node, script)

    def load(self, *images):
        for image in images:
            done = subprocess.run(shlex.split(self.load_command) + [image], capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                raise Trouble(f"{self.load_command} {image}: {done.stderr.strip()}")
