#!/usr/bin/env python3
"""inject as people and scripts use it, against real podring processes on loopback addresses.

    tests/tools/inject_test.py BIN      BIN: the folder with podring and inject
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.ring import Ring, address  # noqa: E402
from support.terminal import Terminal  # noqa: E402
from support.waiting import eventually  # noqa: E402

BIN = pathlib.Path()
WITHIN = 60  # seconds for anything that is awaited; the machine may be busy


def command(*arguments):
    return [str(BIN / "inject"), *map(str, arguments)]


def inject(*arguments, environment=None):
    env = {key: value for key, value in os.environ.items() if not key.startswith("PODRING_")}
    return subprocess.run(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=WITHIN, env={**env, **(environment or {})}, check=False)


class OnARing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ring = Ring(BIN, 1, 3)
        cls.peer = cls.ring.addresses[0]

    @classmethod
    def tearDownClass(cls):
        cls.ring.stop()

    def test_one_message_shows_its_trace(self):
        done = inject("--peer", self.peer, "--wait", "completed", "--hops", 4, "hello")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = re.findall(r"^ +(\d+)  (pod-\d)  ", done.stdout, re.M)
        self.assertEqual(rows, [("0", "pod-1"), ("1", "pod-2"), ("2", "pod-3"), ("3", "pod-1")])
        self.assertRegex(done.stdout, r"\Acompleted  [0-9a-f]{16}-\d+  ")
        self.assertNotIn("\x1b", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_every_stage_is_reached_and_told(self):
        for wait in "accepted", "safe", "completed":
            done = inject("--peer", self.peer, "--wait", wait, "--json", "--count", 300, "x")
            self.assertEqual(done.returncode, 0, done.stderr)
            told = json.loads(done.stdout)
            self.assertEqual((told["wait"], told["reached"], told["unknown"]), (wait, 300, 0))
            self.assertEqual(len({message["id"] for message in told["messages"]}), 300)
            latency = told["latency_us"]
            self.assertTrue(0 <= latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"])

    def test_ids_go_to_a_file(self):
        ids = pathlib.Path(self.ring.folder.name, "ids")
        for target in ("--peer", self.peer), ("--url", f"http://{self.peer}:8080"):
            done = inject(*target, "--json", "--count", 20, "--ids", ids, "x")
            self.assertEqual(done.returncode, 0, done.stderr)
            told = {message["id"] for message in json.loads(done.stdout)["messages"]}
            self.assertEqual(set(ids.read_text().split()), told)
        for file, code in (self.ring.folder.name, 2), ("/dev/full", 1):
            done = inject("--peer", self.peer, "--ids", file, "x")
            self.assertEqual(done.returncode, code)
            self.assertIn(f"--ids {file}", done.stderr)

    def test_laps_and_size_reach_the_ring(self):
        done = inject("--peer", self.peer, "--wait", "completed", "--laps", 2, "--json", "--size", 5000, "big")
        told = json.loads(done.stdout)
        # Two laps of three pods: the sixth hand-over comes back to the origin for the second time.
        self.assertEqual(told["messages"][0]["trace"], ["pod-1", "pod-2", "pod-3"] * 2)
        message = json.load(urllib.request.urlopen(
            f"http://{self.peer}:8080/messages/{told['messages'][0]['id']}", timeout=WITHIN))
        self.assertTrue(message["message"].startswith("big...."), message)

    def test_by_http(self):
        url = f"http://{self.peer}:8080"
        done = inject("--url", url, "--wait", "completed", "--hops", 3, "hello")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(re.findall(r"^ +\d+  (pod-\d)  ", done.stdout, re.M), ["pod-1", "pod-2", "pod-3"])
        for wait in "accepted", "safe", "completed":
            done = inject("--url", url, "--wait", wait, "--json", "--count", 100, "x")
            self.assertEqual(json.loads(done.stdout)["reached"], 100, done.stdout)

    def test_more_http_requests_than_the_server_lets_wait_are_tried_again(self):
        done = inject("--url", f"http://{self.peer}:8080", "--in-flight", 40, "--count", 400, "--json", "x")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(json.loads(done.stdout)["reached"], 400)

    def test_a_rate_is_kept(self):
        begun = time.monotonic()
        done = inject("--peer", self.peer, "--count", 21, "--rate", 20, "--json", "x")
        took = time.monotonic() - begun
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(took, 1.0)  # 20 gaps of 50 ms
        self.assertGreaterEqual(json.loads(done.stdout)["took_us"], 1_000_000)

    def test_a_message_that_no_trace_fits_behind_is_refused_with_the_reason(self):
        done = inject("--peer", self.peer, "--size", 250000, "--hops", 10000)
        self.assertEqual(done.returncode, 1)
        self.assertIn("too_large", done.stdout)
        done = inject("--url", f"http://{self.peer}:8080", "--size", 250000, "--hops", 10000)
        self.assertEqual(done.returncode, 1)
        self.assertIn("413", done.stdout)

    def test_another_ring_is_named(self):
        done = inject("--peer", self.peer, "--ring", "other", "x")
        self.assertEqual(done.returncode, 3)
        self.assertIn("podring", done.stderr)
        self.assertIn("--ring", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_nobody_there_says_so_at_once(self):
        begun = time.monotonic()
        nobody = address(200)
        for target in ("--peer", nobody), ("--url", f"http://{nobody}:8080"):
            done = inject(*target, "--count", 1000, "x")
            self.assertEqual(done.returncode, 3)
            self.assertRegex(done.stderr, rf"\Ainject: nothing was seeded: .*{nobody}.*; .*--.+\n\Z")
        self.assertLess(time.monotonic() - begun, 10)

    def test_json_tells_errors_too(self):
        done = inject("--peer", address(200), "--json", "x")
        self.assertEqual(done.returncode, 3)
        self.assertIn(address(200), json.loads(done.stdout)["error"])
        self.assertEqual(done.stderr, "")

    def test_a_wrong_command_line_is_two(self):
        for wrong, words in ((["--hops", "many", "x"], "1 to 10000, not 'many'"), (["--wait", "soon", "x"], "accepted, safe or"),
                             (["two", "words"], "'words' is one word too many"), (["--hop", "3"], "no flag --hop"),
                             (["--dns-server", "127.0.0.1", "x"], "--service"),
                             (["--url", f"http://{self.peer}@{self.peer}", "x"], "without @")):
            done = inject(*wrong)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r"\Ainject: .+\n\Z")
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_a_full_standard_output_is_noticed(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command("--peer", self.peer, "x"), stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=WITHIN, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "inject: standard output takes nothing: No space left on device\n")
        with open("/dev/full", "wb") as full:
            self.assertEqual(subprocess.run(command("--help"), stdout=full, stderr=subprocess.DEVNULL, check=False).returncode, 1)

    def on_a_terminal(self, *arguments, **environment):
        terminal = Terminal(command(*arguments), **environment)
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.wait(WITHIN), 0, terminal.seen)
        return terminal.seen.decode()

    def test_a_terminal_gets_a_bar_and_colours(self):
        seen = self.on_a_terminal("--peer", self.peer, "--count", 150, "--rate", 100, "x")
        self.assertRegex(seen, r"\[\x1b\[32m#+\x1b\[0m\.*\] \d+ of 150")
        self.assertIn("\x1b[32m150 of 150 safe\x1b[0m", seen)
        self.assertIn("\r\x1b[K", seen)

    def test_no_color_is_honoured(self):
        seen = self.on_a_terminal("--peer", self.peer, "--count", 150, "--rate", 100, "x", NO_COLOR="1")
        self.assertRegex(seen, r"\[#+\.*\] \d+ of 150")
        self.assertNotRegex(seen, r"\x1b\[\d+m")

    def test_a_dumb_terminal_gets_neither(self):
        seen = self.on_a_terminal("--peer", self.peer, "--count", 150, "--rate", 100, "x", TERM="dumb")
        self.assertNotIn("\x1b", seen)
        self.assertNotIn("\r\x1b[K", seen)

    def test_ctrl_c_prints_the_summary(self):
        text = f"until {time.monotonic_ns()}"
        process = subprocess.Popen(command("--peer", self.peer, "--count", 100000, "--rate", 200, "--json", text),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def seeded():
            with urllib.request.urlopen(f"http://{self.peer}:8080/messages", timeout=WITHIN) as answer:
                return answer.read().count(text.encode()) > 10

        eventually(seeded, "messages are seeded")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=WITHIN)
        self.assertEqual(process.returncode, 130)
        told = json.loads(out)
        self.assertTrue(told["interrupted"])
        self.assertGreater(told["reached"], 0)
        self.assertGreater(told["not_tried"], 0)


class WithFailures(unittest.TestCase):
    def test_a_restart_loses_only_what_nobody_can_tell(self):
        ring = Ring(BIN, 20, 2)
        self.addCleanup(ring.stop)
        process = subprocess.Popen(
            command("--peer", ring.addresses[0], "--count", 1500, "--rate", 500, "--in-flight", 50, "--json", "x"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def seeded():
            return b'"event":"seeded"' in ring.log(0).read_bytes()

        eventually(seeded, "messages are seeded")
        ring.pause(0)  # so that some are under way when it dies, 50 at most
        time.sleep(0.2)
        ring.kill(0)
        ring.start(0)
        out, errors = process.communicate(timeout=WITHIN)
        self.assertEqual(process.returncode, 1, errors)
        told = json.loads(out)
        self.assertEqual(told["reached"] + told["unknown"], 1500, told)
        self.assertLessEqual(told["unknown"], 50)
        self.assertGreater(told["reached"], 1000)

    def test_a_port_that_never_answers_is_given_up(self):
        with socket.socket() as silent:
            silent.bind((address(40), 5570))
            silent.listen()
            done = inject("--peer", address(40), "x")
        self.assertEqual(done.returncode, 3)
        self.assertIn(address(40), done.stderr)

    def test_a_server_that_is_not_podring(self):
        with socket.socket() as other:
            other.bind((address(41), 8080))
            other.listen()

            def serve():
                connection, _ = other.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
                    while connection.recv(65536):  # it is the client that goes
                        pass

            thread = threading.Thread(target=serve)
            thread.start()
            done = inject("--url", f"http://{address(41)}:8080", "--json", "x")
            thread.join(WITHIN)
            self.assertEqual(done.returncode, 3)
            self.assertRegex(json.loads(done.stdout)["error"], "answers 200, and not as podring does")

            thread = threading.Thread(target=serve)
            thread.start()
            done = inject("--peer", f"{address(41)}:8080", "x")
            thread.join(WITHIN)
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"what listens at {address(41)}:8080 is no podring's ring port", done.stderr)

    def test_no_answer_in_time(self):
        # The second of two peers is not there, so nothing is ever handed on or safe.
        lone = address(43)
        process = subprocess.Popen(
            [BIN / "podring", "--address", lone, "--peers", f"{lone},{address(44)}", "--seed-on-start", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        # The first connection may come too early.
        eventually(lambda: inject("--peer", lone, "--wait", "accepted", "x").returncode == 0, "the peer is there")
        done = inject("--peer", lone, "--timeout-ms", 300, "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("in time", done.stdout)
        done = inject("--peer", lone, "--ttl-ms", 200, "--wait", "completed", "x")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"\Aexpired")


class NameServer:
    """Answers every A question with these addresses, by UDP."""

    def __init__(self, own, addresses):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((own, 0))
        self.where = f"{own}:{self.socket.getsockname()[1]}"
        self.addresses = addresses
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            if question == b"stop":
                return
            end = question.index(b"\0", 12) + 5  # the name, its type and class
            wants_v4 = question[end - 3] == 1
            records = self.addresses if wants_v4 else []
            answer = question[:2] + b"\x85\x80\0\1" + len(records).to_bytes(2, "big") + b"\0\0\0\0" + question[12:end]
            for text in records:
                answer += b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + socket.inet_aton(text)
            self.socket.sendto(answer, client)

    def stop(self):
        self.socket.sendto(b"stop", self.socket.getsockname())
        self.thread.join(WITHIN)
        self.socket.close()


class ByName(unittest.TestCase):
    def test_any_pod_behind_a_name_will_do_and_dead_ones_are_passed_over(self):
        ring = Ring(BIN, 60, 2, "--ring", "ring.test")
        self.addCleanup(ring.stop)
        server = NameServer(address(65), [address(66), *ring.addresses, address(67)])  # two are dead
        self.addCleanup(server.stop)
        for _ in range(8):  # which one is tried first is chosen at random
            done = inject("--service", "Ring.test.", "--dns-server", server.where, "--wait", "completed", "hello")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_name_without_an_address(self):
        server = NameServer(address(68), [])
        self.addCleanup(server.stop)
        done = inject("--service", "nobody.invalid", "--dns-server", server.where, "x")
        self.assertEqual(done.returncode, 3)
        self.assertIn("nobody.invalid", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
