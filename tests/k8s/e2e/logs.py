"""What the pods have said: live, by following their logs, and afterwards from the nodes' own files where those can be read.

The kubelet removes a pod's log files with the pod. A small loop on each node hard-links them as they appear, so that the
lines which nobody was quick enough to follow are there as well.
"""
import collections
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import threading
import time

from .cluster import Trouble, wait_until

COLLECT = pathlib.Path(__file__).resolve().parents[3] / "tools" / "collect-logs"
KEEP = "/var/log/podring-e2e"
# A log file is `NUMBER.log` and, once rotated, `NUMBER.log.DATE`; the inode stays, and names the link.
KEEPER = """
keep={keep}/{namespace}
if [ ! -e $keep/.on ]; then  # the folders of pods before this run are left alone
  mkdir -p $keep; echo /var/log/pods/{namespace}_*/podring >$keep/.on
fi
read -r old <$keep/.on
while [ -e $keep/.on ]; do
  for folder in /var/log/pods/{namespace}_*/podring; do
    case " $old " in *" $folder "*) continue ;; esac
    [ -d $folder ] || continue
    pod=${{folder%/podring}}; pod=${{pod##*/}}
    ls -i $folder 2>/dev/null | while read -r inode file; do
      case $file in *.gz | *.tmp) continue ;; esac
      [ -e $keep/$pod.$inode ] || ln $folder/$file $keep/$pod.$inode 2>/dev/null
    done
  done
  sleep 0.3
done"""


class Process:
    """One process of the ring, as far as its log tells."""

    def __init__(self, pod, boot):
        self.pod, self.boot = pod, boot
        self.started = self.ready_after = self.first_visit = self.stopped = None
        self.seeded = False
        self.address = self.digest = self.size = self.view_since = None


def seconds_of(stamp):
    """2026-01-31T12:00:00.123456Z as seconds since 1970."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    import calendar
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (fraction or "0"))


class LiveLog:
    """Follows all pods with tools/collect-logs and keeps what the checks ask for."""

    def __init__(self, cluster, folder):
        self.path = pathlib.Path(folder) / f"followed-{cluster.namespace}.log"
        self.path.write_bytes(b"")
        self.changed = threading.Condition()
        self.processes = {}  # boot -> Process
        self.safe, self.ended = set(), collections.defaultdict(list)  # ids; id -> [(end, detours)]
        self.visits = collections.defaultdict(list)  # id -> [(hop, pod)], for ids that were asked for
        self.wanted = set()
        self.events = collections.Counter()
        self.collector = subprocess.Popen(
            [sys.executable, COLLECT, "--context", cluster.context, "--namespace", cluster.namespace, "--output", self.path],
            stderr=subprocess.DEVNULL)
        self.stopping = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def stop(self):
        self.collector.terminate()
        self.collector.wait(timeout=30)
        self.stopping.set()
        self.reader.join()

    def read(self):
        with open(self.path, "rb") as file:
            rest = b""
            while True:
                data = file.read(1 << 16)
                if not data:
                    if self.stopping.is_set():
                        return
                    time.sleep(0.05)
                    continue
                *lines, rest = (rest + data).split(b"\n")
                with self.changed:
                    for line in lines:
                        self.take(line)
                    self.changed.notify_all()

    def take(self, line):
        at = line.find(b"{")
        try:
            event = json.loads(line[at:]) if at >= 0 else None
        except ValueError:
            event = None
        if not isinstance(event, dict) or "event" not in event:
            self.events["not a log line"] += 1
            return
        name, boot = event["event"], event["boot"]
        self.events[name] += 1
        process = self.processes.get(boot)
        if process is None:
            process = self.processes[boot] = Process(event["pod"], boot)
        if name == "received":
            if process.first_visit is None:
                process.first_visit = seconds_of(event["ts"])
            if event["id"] in self.wanted or event["message"] in self.wanted:
                self.visits[event["id"]].append((event["hop"], event["pod"], event.get("lap"), line[at:].decode()))
        elif name == "safe":
            self.safe.add(event["id"])
        elif name in ("completed", "expired"):
            self.ended[event["id"]].append((name, bool(event.get("detours"))))
        elif name == "started":
            process.started, process.address = seconds_of(event["ts"]), event.get("address")
        elif name == "ready":
            process.ready_after = event["after_us"] / 1e6
        elif name == "start_seeds":
            process.seeded = True
        elif name == "view":
            process.digest, process.size, process.view_since = event["digest"], event["size"], seconds_of(event["ts"])
        elif name == "stopped":
            process.stopped = seconds_of(event["ts"])

    def of_pod(self, name):
        """The latest process of a pod."""
        found = [process for process in self.processes.values() if process.pod == name and process.started]
        return max(found, key=lambda process: process.started) if found else None

    def wait(self, what, condition, timeout):
        """As wait_until, looked at whenever a line came."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while not (value := condition()):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Trouble(f"no {what} after {timeout} s")
                self.changed.wait(min(left, 0.5))
            return value

    def wait_agreed(self, cluster, count, since, timeout=90):
        """Seconds from `since` until the last of `count` pods' views became the one that all of them have."""
        wait_until(f"{count} ready pods", lambda: len(cluster.members()) == count, timeout)
        names = [pod.name for pod in cluster.members()]

        def agreed():
            processes = [self.of_pod(name) for name in names]
            if any(p is None or p.size != count for p in processes) or len({p.digest for p in processes}) != 1:
                return None
            return max(p.view_since for p in processes)

        return self.wait(f"view of {count} pods that all of them share", agreed, timeout) - since

    def wait_quiet(self, cluster, timeout=90):
        """Until every pod has sent its start-up seeds and nothing has moved for two seconds."""
        names = [pod.name for pod in cluster.members()]
        self.wait("start-up seeds of every pod", lambda: all(p and p.seeded for p in map(self.of_pod, names)), timeout)
        deadline, seen, since = time.monotonic() + timeout, -1, 0.0
        while time.monotonic() < deadline:
            if self.events["received"] != seen:
                seen, since = self.events["received"], time.monotonic()
            elif time.monotonic() - since > 2:
                return
            time.sleep(0.2)
        raise Trouble(f"messages still move after {timeout} s")

    def wait_ended(self, ids, timeout=90):
        """Waits for the end of every id; gives back those without one."""
        try:
            self.wait("end of every confirmed id", lambda: all(one in self.ended for one in ids), timeout)
        except Trouble:
            pass
        return sorted(one for one in ids if one not in self.ended)


class NodeLogs:
    """The nodes' own files, linked before the kubelet removes them."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.keepers = {}
        for node in cluster.nodes():
            cluster.on_node(node, f"rm -rf {KEEP}/{cluster.namespace}")
            self.keep(node)

    def keep(self, node):
        """Also after a node was started again."""
        self.keepers[node] = self.cluster.start_on_node(node, KEEPER.format(keep=KEEP, namespace=self.cluster.namespace))

    def stop(self):
        for node, keeper in self.keepers.items():
            self.cluster.on_node(node, f"rm -rf {KEEP}/{self.cluster.namespace}")
            keeper.wait(timeout=30)

    def save(self, path):
        """All lines so far, as `kubectl logs --prefix` prints them."""
        with open(path, "wb") as out:
            for node in self.keepers:
                # 1: a log grew meanwhile; as much of it is there as there was at first.
                packed = self.cluster.on_node(node, f"tar cf - -C {KEEP} {self.cluster.namespace} || [ $? = 1 ]", timeout=300)
                with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                    files = [member for member in archive if member.isfile() and not member.name.endswith("/.on")]
                    # Rotated parts of one log: in the order of their first lines.
                    parts = sorted((archive.extractfile(member).read(), member.name) for member in files)
                for data, name in parts:
                    pod = name.rsplit("/", 1)[1].split("_")[1]
                    write_lines(out, pod, data)


def write_lines(out, pod, data):
    """From the container runtime's format (time stream F|P text) to the one of `kubectl logs --prefix`."""
    prefix, begun = f"[pod/{pod}/podring] ".encode(), b""
    for line in data[:data.rfind(b"\n") + 1].split(b"\n"):  # the last one may be half there
        parts = line.split(b" ", 3)
        if len(parts) < 4:
            continue
        begun += parts[3]
        if parts[2].startswith(b"F"):
            out.write(prefix + begun + b"\n")
            begun = b""
