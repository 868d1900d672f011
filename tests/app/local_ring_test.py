#!/usr/bin/env python3
"""tools/local-ring: it runs, verifies, stops cleanly and leaves no process behind, whatever ends it.

    tests/app/local_ring_test.py BIN      BIN: the folder with podring and verify-logs
"""
import http.server
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.waiting import eventually  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = None
SCRATCH = tempfile.TemporaryDirectory(prefix="podring-local-ring-test-")
HTTP_PORT = 8080
WITHIN = 60  # seconds for anything that is awaited; the machine may be busy


def addresses(block):
    """Three loopback addresses that no other test process has: 127.a.b.c, a and b from the process id."""
    pid = os.getpid()
    first = f"127.{2 + (pid >> 8) % 250}.{pid & 0xff}.{block * 10 + 1}"
    stem = first.rpartition(".")[0]
    return [f"{stem}.{block * 10 + i}" for i in (1, 2, 3)]


def processes_of(address_list):
    """Process ids of podrings that were started with these addresses."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if command[0].endswith(b"podring") and ",".join(address_list).encode() in command:
            found.append(int(folder.name))
    return sorted(found)


class Run:
    """A local-ring whose output is read as it comes."""

    def __init__(self, address_list, *arguments, terminal=False, environment=None):
        self.addresses = address_list
        command = [ROOT / "tools/local-ring", "--bin", BIN, "--first", address_list[0], *arguments]
        env = {**os.environ, "TMPDIR": SCRATCH.name, **(environment or {})}
        if terminal:
            self.read_fd, inner = pty.openpty()
            self.process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=env,
                                            start_new_session=True)
            os.close(inner)
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, env=env)
            self.read_fd = self.process.stdout.fileno()
        self.output = ""

    def read_more(self, seconds):
        if select.select([self.read_fd], [], [], seconds)[0]:
            try:
                data = os.read(self.read_fd, 65536)
            except OSError:  # a terminal whose other end is closed
                data = b""
            self.output += data.decode(errors="replace")
            return bool(data)
        return True

    def wait_for(self, pattern):
        until = time.monotonic() + WITHIN
        while not re.search(pattern, self.output):
            if time.monotonic() > until or not self.read_more(0.1):
                raise AssertionError(f"{pattern!r} did not come in:\n{self.output}")

    def end(self):
        """Exit code, once all output is read."""
        until = time.monotonic() + WITHIN
        while self.read_more(0.05) and (self.process.poll() is None or time.monotonic() < until):
            if self.process.poll() is not None and not select.select([self.read_fd], [], [], 0)[0]:
                break
            if time.monotonic() > until:
                self.process.kill()
                raise AssertionError(f"local-ring does not end:\n{self.output}")
        return self.process.wait(WITHIN)


class LocalRing(unittest.TestCase):
    def start(self, block, *arguments, **options):
        run = Run(addresses(block), *arguments, **options)
        self.addCleanup(lambda: (run.process.poll() is None and run.process.kill(), run.process.wait()))
        if run.process.stdout:
            self.addCleanup(run.process.stdout.close)
        return run

    def test_ctrl_c_stops_all_and_verifies(self):
        run = self.start(0)
        run.wait_for(r"received JSON from pod 'pod-2': \{Message:hello from the local ring Trace:\[pod-1\] SenderPodIP:")
        self.assertEqual(len(processes_of(run.addresses)), 3)
        run.process.send_signal(signal.SIGINT)
        self.assertEqual(run.end(), 0, run.output)
        self.assertIn("verify-logs says:", run.output)
        self.assertEqual(processes_of(run.addresses), [])
        self.assertNotIn("\033", run.output)  # no colour in a pipe
        folder = re.search(r"JSON logs in (\S+)", run.output)[1]
        self.assertFalse(pathlib.Path(folder).exists())  # nothing is left to look at

    def test_until_done_and_the_json_log(self):
        run = self.start(1, "--count", "250", "--until-done", "--log-format", "json", "--", "--seed-on-start=0")
        self.assertEqual(run.end(), 0, run.output[-3000:])
        ids = set(re.findall(r'"event":"completed".*?"id":"([0-9a-f]{16}-\d+)"', run.output))
        self.assertEqual(len(ids), 250)
        self.assertEqual(processes_of(run.addresses), [])

    def test_a_peer_that_is_killed_is_told_and_nothing_stays(self):
        run = self.start(2)
        run.wait_for("local-ring: up")
        victim = processes_of(run.addresses)[1]
        os.kill(victim, signal.SIGKILL)
        run.wait_for(r"pod-\d was ended by SIGKILL")
        run.process.send_signal(signal.SIGTERM)
        self.assertEqual(run.end(), 1, run.output)
        self.assertIn("the JSON logs are in", run.output)
        self.assertEqual(processes_of(run.addresses), [])

    def test_killed_itself_it_leaves_no_peer(self):
        run = self.start(3)
        run.wait_for("local-ring: up")
        run.process.kill()
        eventually(lambda: not processes_of(run.addresses), "the peers end")

    def test_the_terminal_closes(self):
        run = self.start(4, terminal=True)
        run.wait_for("local-ring: up")
        run.wait_for(r"\033\[\d+mpod-2\033\[0m")  # colour on a terminal
        os.close(run.read_fd)
        eventually(lambda: run.process.poll() is not None, "local-ring ends")
        eventually(lambda: not processes_of(run.addresses), "the peers end")

    def test_no_color(self):
        run = self.start(5, "--seconds", "0.5", terminal=True, environment={"NO_COLOR": "1"})
        run.end()
        self.assertIn("received JSON from pod 'pod-1'", run.output)
        self.assertNotIn("\033", run.output)
        os.close(run.read_fd)

    def test_the_reader_goes_away(self):
        run = self.start(6)
        run.wait_for("local-ring: up")
        run.process.stdout.close()
        eventually(lambda: run.process.poll() is not None, "local-ring ends")
        self.assertEqual(processes_of(run.addresses), [])

    def test_a_port_in_use_is_named(self):
        address_list = addresses(7)
        server = http.server.HTTPServer((address_list[1], HTTP_PORT), http.server.BaseHTTPRequestHandler)
        self.addCleanup(server.server_close)
        run = self.start(7)
        self.assertEqual(run.end(), 2)
        self.assertIn(f"{address_list[1]}:{HTTP_PORT}", run.output)
        self.assertIn("--http-port", run.output)
        self.assertEqual(processes_of(address_list), [])

    def test_a_flag_that_podring_does_not_know_is_shown(self):
        run = self.start(8, "--", "--hopps", "3")
        self.assertEqual(run.end(), 3)
        self.assertIn("--hopps", run.output)
        self.assertEqual(processes_of(run.addresses), [])

    def test_flags_after_the_dashes_reach_the_peers(self):
        run = self.start(9, "--seconds", "1", "--", "--hops", "4", "--seed-on-start", "0")
        self.assertEqual(run.end(), 0, run.output)
        self.assertRegex(run.output, r"completed id=\S+ hop=4 ")

    def test_wrong_options(self):
        for wrong, word in ((["-n", "0"], "1 to 200"), (["-n", "201"], "1 to 200"), (["-n", "x"], "-n"),
                            (["--first", "10.0.0.1"], "loopback"), (["--port", "8080"], "--http-port"),
                            (["--colour"], "--colour"), (["--seconds", "-1"], "above 0"),
                            (["--bin", "/nowhere"], "/nowhere/podring"), (["--logs", "/dev/null"], "/dev/null"),
                            (["--logs", "/proc/x/y"], "/proc/x/y")):
            done = subprocess.run([ROOT / "tools/local-ring", "--bin", BIN, *wrong], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, wrong)
            self.assertRegex(done.stderr, r"\Alocal-ring: .+\n\Z")
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    BIN = sys.argv.pop(1)
    unittest.main(verbosity=2)
