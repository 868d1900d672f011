"""A ring of real processes on loopback addresses."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import urllib.request

from support.waiting import eventually


def address(n):
    """A loopback address that no other test process has: 127.a.b.n, a and b from the process id."""
    pid = os.getpid()
    return f"127.{2 + (pid >> 8) % 250}.{pid & 0xff}.{n}"


class Ring:
    """Podrings at address(first) .. that know each other by --peers; they seed `seeds` messages each when they start."""

    def __init__(self, bin, first, size, *flags, seeds=0):
        self.bin = pathlib.Path(bin)
        self.addresses = [address(first + i) for i in range(size)]
        self.folder = tempfile.TemporaryDirectory()
        self.flags = ["--seed-on-start", str(seeds), *flags]
        self.processes = {}
        try:
            for i in range(size):
                self.start(i)
            eventually(self.closed, "the ring closes")
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, i):
        with open(self.log(i), "ab") as log:
            self.processes[i] = subprocess.Popen(
                [self.bin / "podring", "--address", self.addresses[i], "--name", f"pod-{i + 1}",
                 "--peers", ",".join(self.addresses), *self.flags_of(i), *self.flags],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def flags_of(self, i):
        """Of pod i alone."""
        return []

    def log(self, i):
        return pathlib.Path(self.folder.name) / f"{i}.log"

    def lines(self, i):
        """Of all processes that were pod i, without one that is not whole yet."""
        with open(self.log(i), encoding="utf-8") as log:
            return [json.loads(line) for line in log if line.startswith("{") and line.endswith("}\n")]

    def url(self, i):
        return f"http://{self.addresses[i]}:8080/"

    def seen_by(self, i):
        """GET /ring of pod i."""
        with urllib.request.urlopen(self.url(i) + "ring", timeout=5) as answer:
            return json.load(answer)

    def closed(self):
        try:
            return all(self.seen_by(i)["successor"] == self.addresses[(i + 1) % len(self.addresses)]
                       for i in range(len(self.addresses)))
        except OSError:
            return False

    def kill(self, i):
        self.processes[i].kill()
        self.processes[i].wait()

    def pause(self, i):
        self.processes[i].send_signal(signal.SIGSTOP)

    def go_on(self, i):
        self.processes[i].send_signal(signal.SIGCONT)

    def stop(self):
        """SIGKILL, which a paused process obeys, too."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.folder.cleanup()
