"""A ring of real processes on a network of its own, load on it, and what its logs say afterwards."""
import http.client
import ipaddress
import json
import os
import pathlib
import random
import signal
import subprocess
import time
from datetime import datetime, timezone

from support.network import HUB, HUB_6, SERVICE, NameServer, Port, Trouble, add_ipv6

ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("PODRING_")}
CLIENTS = 4  # so that hardly ever all of them have the one pod that goes silent
WHOLE_WITHIN = 60  # seconds; probation alone may take 30


def wait_until(what, condition, timeout):
    """Seconds until `condition` held."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > timeout:
            raise Trouble(f"no {what} after {timeout} s")
        time.sleep(0.05)
    return time.monotonic() - begin


class Pod:
    """An address and a name; one process at a time runs there."""

    def __init__(self, ring, number, address):
        self.ring, self.name, self.port, self.address = ring, f"pod-{number}", Port(address), address
        self.process, self.started = None, 0

    def start(self):
        self.started += 1
        with open(self.ring.folder / f"{self.name}-{self.started}.log", "wb") as log:
            self.process = subprocess.Popen(
                self.port.inside(self.ring.bin / "podring", "--name", self.name, "--address", self.address, "--service", SERVICE,
                                 "--dns-server", self.ring.dns.at, "--seed-on-start", 0, "--insecure", *self.ring.flags),
                stdout=log, stdin=subprocess.DEVNULL, env=ENVIRONMENT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.terminate()

    def exit_code(self):
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{self.name} has not ended 60 s after SIGTERM") from None

    def get(self, path, port=8080):
        link = http.client.HTTPConnection(self.address, port, timeout=5)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            link.close()

    def seed_until_safe(self):
        """A message of its own is safe when this returns, and with it all that was to be handed on before it."""
        body = json.dumps({"message": "behind all others", "wait": "safe", "wait_ms": 60_000})
        begin = time.monotonic()
        while time.monotonic() - begin < 60:
            link = http.client.HTTPConnection(self.address, 8080, timeout=70)
            try:
                link.request("POST", "/messages", body, {"Content-Type": "application/json"})
                if link.getresponse().status == 202:
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                link.close()
            time.sleep(0.05)  # the ring is full
        raise Trouble(f"no message of {self.name} is safe after 60 s")

    def ready(self):
        return self.get("/readyz", 8081)[0] == 200

    def ring_state(self):
        status, text = self.get("/ring")
        return json.loads(text) if status == 200 else None


class Ring:
    """`size` pods that run and know each other. Ring.pods are those that run, in the order of their addresses."""

    def __init__(self, options, folder, size, *flags, mtus=(1500,), ipv6=False):
        self.ipv6 = ipv6
        if ipv6:
            add_ipv6()
        self.mtus = mtus  # of the pods in the order in which they are made; the last one of all others
        self.bin, self.folder = options.bin, pathlib.Path(folder)
        self.flags = ["--poll-ms", options.poll_ms, "--drain-linger-ms", 1000, *flags]
        self.random, self.hops = random.Random(options.seed), options.hops
        self.pods, self.made, self.loads = [], {}, []  # made: by address, whatever became of them
        self.dns = NameServer(self.folder, HUB_6 if ipv6 else HUB)
        self.add(*[self.new_pod() for _ in range(size)])
        self.wait_whole()

    def new_pod(self):
        """At an address that no pod had before; the order as numbers is seldom that of the texts."""
        address = None
        while address in self.made or address is None:
            address = (f"fd00:77::{self.random.randrange(1, 0x1000):x}" if self.ipv6 else
                       f"10.77.{self.random.randrange(4)}.{self.random.randrange(1, 255)}")
        self.made[address] = Pod(self, len(self.made) + 1, address)
        self.made[address].port.set_mtu(self.mtus[min(len(self.made), len(self.mtus)) - 1])
        return self.made[address]

    def add(self, *pods):
        """Starts them; the name service knows them as soon as they are ready."""
        for pod in pods:
            pod.start()
        self.pods = sorted([*self.pods, *pods], key=lambda one: ipaddress.ip_address(one.address))
        for pod in pods:
            wait_until(f"ready {pod.name}", pod.ready, 30)
        self.publish()

    def remove(self, pod):
        self.pods.remove(pod)
        self.publish()

    def publish(self):
        self.dns.serve([pod.address for pod in self.pods])

    def after(self, pod, steps=1):
        return self.pods[(self.pods.index(pod) + steps) % len(self.pods)]

    def is_whole(self):
        view = [pod.address for pod in self.pods]
        for pod in self.pods:
            state = pod.ring_state()
            if not state or state["view"] != view or state["successor"] != self.after(pod).address:
                return False
        return True

    def wait_whole(self):
        """Seconds until every pod has them all in its view, and the next one as its successor."""
        return wait_until("whole ring", self.is_whole, WHOLE_WITHIN)

    def load(self, rate, to=None, size=20):
        """Starts seeding `rate` messages of `size` bytes a second, by clients of the service, or by one of the pod `to`."""
        targets = [["--peer", to.address, "--ring", SERVICE]] if to else [["--service", SERVICE, "--dns-server", self.dns.at]] * CLIENTS
        for target in targets:
            self.loads.append(Load(self, target, rate / len(targets), size))

    def confirmed(self):
        return sum(load.confirmed() for load in self.loads)

    def stop_all(self):
        """SIGTERM to all at once; what they hold ends among them. The pods that did not leave as they should."""
        for pod in self.pods:
            pod.terminate()
        return [f"{pod.name} exits with {code}" for pod in self.pods if (code := pod.exit_code()) != 0]

    def close(self):
        """Ends all, whatever state it is in. No address is left behind: the next ring may draw the same ones."""
        for load in self.loads:
            load.process.kill()
            load.process.wait()
        for pod in self.pods:
            pod.kill()
        for pod in self.made.values():
            pod.port.remove()
        if self.dns.process:
            self.dns.stop()


class Load:
    """inject, which runs until stop()."""

    def __init__(self, ring, target, rate, size):
        self.ids = ring.folder / f"ids-{len(ring.loads)}"
        self.out = ring.folder / f"inject-{len(ring.loads)}.json"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                [ring.bin / "inject", *target, "--count", "10000000", "--rate", str(rate), "--size", str(size), "--hops", str(ring.hops), "--wait", "safe",
                 "--json", "--ids", self.ids, "one of many"], stdout=out, stdin=subprocess.DEVNULL, env=ENVIRONMENT)

    def confirmed(self):
        return self.ids.read_bytes().count(b"\n") if self.ids.exists() else 0

    def stop(self):
        """What inject says of the run."""
        if self.process.poll() is not None:
            raise Trouble(f"inject has ended by itself: {self.out.read_text()[:300]}")
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        return json.loads(self.out.read_text())


class Outcome:
    """What the logs and the clients of a ring say, once all of it has stopped."""

    def __init__(self, ring, faults=()):
        """`faults`: (time, address) of each pod that went silent or was killed."""
        ring.wait_whole()
        told = [load.stop() for load in ring.loads]
        self.wrong = ring.stop_all()
        # Those under way when a client is stopped have no answer either, and no reason.
        self.unanswered = [f"{times} x {why}" for one in told for why, times in one["reasons"].items()]
        self.logs = sorted(ring.folder.glob("pod-*.log"))
        done = subprocess.run([ring.bin / "verify-logs", "--json", "--logs-whole", *self.logs], capture_output=True, text=True)
        self.found = json.loads(done.stdout)
        if done.returncode != 0:
            self.wrong.append(f"verify-logs says {self.found['verdict']}")
        self.confirmed = set()
        for load in ring.loads:
            self.confirmed.update(load.ids.read_bytes().split())
        without_end = self.confirmed - {id_of(line) for line in self.lines('"event":"(completed|expired)"')}
        if without_end:
            self.wrong.append(f"{len(without_end)} confirmed ids have no end, such as {without_end.pop().decode()}")
        self.rerouted = list(self.times_to_reroute(faults))

    def lines(self, pattern):
        """Of all logs, those that match."""
        grep = subprocess.Popen(["grep", "-hE", pattern, *self.logs], stdout=subprocess.PIPE, env={**ENVIRONMENT, "LC_ALL": "C"})
        with grep:
            yield from grep.stdout

    def times_to_reroute(self, faults):
        """Seconds from each fault to the first visit by way of a detour round that address; none when nothing was under way to it."""
        if not faults:
            return
        lines = sorted(({**json.loads(line), "at": seconds_of(line)} for line in self.lines('"event":"detour"|"detours":')),
                       key=lambda line: line["at"])
        ends = [when for when, _ in faults[1:]] + [float("inf")]
        at = 0
        for (begin, address), end in zip(faults, ends):
            detoured = set()
            while at < len(lines) and lines[at]["at"] < end:
                line, at = lines[at], at + 1
                if line["at"] < begin:
                    continue
                if line["event"] == "detour" and line["from_successor"] == address:
                    detoured.add(line["id"])
                elif line["event"] == "received" and line["id"] in detoured:
                    yield line["at"] - begin
                    break

    def figure(self):
        totals = self.found["totals"]
        counts = {one["finding"]: one["count"] for one in self.found["findings"]}
        unproven = sum(one["count"] for one in self.found["findings"] if one["severity"] == "unproven")
        return (f"{len(self.confirmed):,} confirmed, {totals['lost']} lost, {unproven} unproven, "
                f"{totals['visits_repeated']:,} of {totals['visits']:,} visits repeated, "
                f"{counts.get('ended_again_with_detours', 0)} second ends, {totals['detours']:,} detours")


def id_of(line):
    return line.split(b'"id":"', 1)[1].split(b'"', 1)[0]


def seconds_of(line):
    """Of its `ts`, since 1970."""
    text = line.split(b'"ts":"', 1)[1].split(b'Z"', 1)[0].decode()
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()
