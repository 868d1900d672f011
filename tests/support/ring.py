"""A ring of real processes on loopback addresses."""
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.request

from support.waiting import eventually


def address(n):
    """A loopback address that no other test process has: 127.a.b.n, a and b from the process id."""
    pid = os.getpid()
    return f"127.{2 + (pid >> 8) % 250}.{pid & 0xff}.{n}"


class Ring:
    """Podrings at address(first) .. that know each other by --peers."""

    def __init__(self, bin, first, size, *flags):
        self.bin = bin
        self.addresses = [address(first + i) for i in range(size)]
        self.folder = tempfile.TemporaryDirectory()
        self.flags = flags
        self.processes = {}
        for i in range(size):
            self.start(i)
        eventually(self.closed, "the ring closes")

    def start(self, i):
        log = open(pathlib.Path(self.folder.name) / f"{i}-{len(self.processes)}.log", "wb")
        self.processes[i] = subprocess.Popen(
            [self.bin / "podring", "--address", self.addresses[i], "--name", f"pod-{i + 1}", "--seed-on-start", "0",
             "--peers", ",".join(self.addresses), *self.flags],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        log.close()

    def closed(self):
        for i, own in enumerate(self.addresses):
            try:
                with urllib.request.urlopen(f"http://{own}:8080/ring", timeout=5) as answer:
                    successor = json.load(answer)["successor"]
            except OSError:
                return False
            if successor != self.addresses[(i + 1) % len(self.addresses)]:
                return False
        return True

    def kill(self, i):
        self.processes[i].kill()
        self.processes[i].wait()

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.folder.cleanup()
