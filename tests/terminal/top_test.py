#!/usr/bin/env python3
"""`podring top` as people use it: on a terminal, beside real peers, and with 500 pods that a fake server tells of.

    tests/terminal/top_test.py BIN      BIN: the folder with the programs
"""
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import unittest
import urllib.request

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "http")]
from fake_server import FakeServer  # noqa: E402
from support.ring import Ring, address  # noqa: E402
from support.terminal import Terminal  # noqa: E402
from support.waiting import eventually  # noqa: E402

BIN = pathlib.Path()
WITHIN = 60  # seconds for anything that is awaited; the machine may be busy
LEFT = b"\x1b[?7h\x1b[?25h\x1b[?1049l"  # what gives the terminal back
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PODRING_")}


def url(where, port=8080):
    return f"http://{where}:{port}"


def top(*arguments, environment=None, **how):
    return subprocess.run([BIN / "podring", "top", *arguments], capture_output=True, text=True, timeout=WITHIN,
                          stdin=subprocess.DEVNULL, env={**ENVIRONMENT, **(environment or {})}, **how)


class OnATerminal(unittest.TestCase):
    def on_terminal(self, server, columns=110, rows=30, **environment):
        terminal = Terminal([BIN / "podring", "top", "--url", server], columns, rows, **environment)
        self.addCleanup(terminal.close)
        return terminal

    def shows(self, terminal, *parts, within=WITHIN):
        """Waits for a screen on which each of `parts` is in one line; all in the same line."""
        def found():
            lines = [line for line in terminal.screen() if all(part in line for part in parts)]
            return lines[0] if lines else None
        try:
            return eventually(found, f"{parts} on the screen", within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(terminal.screen())) from error

    def is_given_back(self, terminal, code):
        self.assertEqual(code, terminal.wait(WITHIN), terminal.seen[-2000:])
        self.assertEqual(terminal.before, terminal.modes())
        self.assertEqual(1, terminal.seen.count(b"\x1b[?1049h"))
        self.assertTrue(terminal.seen.endswith(LEFT), terminal.seen[-200:])


class BesideRealPeers(OnATerminal):
    @classmethod
    def setUpClass(cls):
        cls.ring = Ring(BIN, 1, 3)
        cls.addClassCleanup(cls.ring.stop)
        cls.peer = url(cls.ring.addresses[0])

    def seed(self, text):
        body = json.dumps({"message": text, "wait": "completed", "wait_ms": WITHIN * 1000}).encode()
        asked = urllib.request.Request(f"{self.peer}/messages", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=WITHIN) as answer:
            return json.load(answer)["ids"][0]

    def test_the_ring_is_shown_in_its_order_and_q_gives_the_terminal_back(self):
        terminal = self.on_terminal(self.peer)
        self.shows(terminal, "ring podring, 3 pods: 3 up")
        self.shows(terminal, "live from pod-1", self.ring.addresses[0])
        self.shows(terminal, "ok: every pod hands to the next one")
        self.shows(terminal, "pod-3", self.ring.addresses[2], " up ", " next ", " ms ")
        rows = [line.replace("*", " ").split()[:2] for line in terminal.screen()
                if re.match(r"[* ] +\d+ ", line)]
        self.assertEqual([["1", "pod-1"], ["2", "pod-2"], ["3", "pod-3"]], rows)
        id = self.seed("seen on a terminal")
        self.shows(terminal, "completed", "hop 10", "seen on a terminal", id)
        self.assertIn(b"\x1b[32mup", terminal.seen)
        terminal.press("q")
        self.is_given_back(terminal, 0)

    def test_ctrl_c_and_signals_give_the_terminal_back_too(self):
        for end, code in ((lambda terminal: terminal.press("\x03"), 0),
                          (lambda terminal: terminal.process.send_signal(signal.SIGINT), 130),
                          (lambda terminal: terminal.process.send_signal(signal.SIGTERM), 143),
                          (lambda terminal: terminal.process.send_signal(signal.SIGHUP), 129)):
            terminal = self.on_terminal(self.peer)
            self.shows(terminal, "live from pod-1")
            end(terminal)
            self.is_given_back(terminal, code)

    def test_no_color_is_honoured(self):
        terminal = self.on_terminal(self.peer, NO_COLOR="1")
        self.shows(terminal, "live from pod-1")
        terminal.press("q")
        self.is_given_back(terminal, 0)
        self.assertNotRegex(terminal.seen.decode(), r"\x1b\[\d+m")

    def test_a_terminal_that_becomes_narrow(self):
        terminal = self.on_terminal(self.peer)
        self.shows(terminal, "address")
        terminal.resize(38, 20)
        terminal.process.send_signal(signal.SIGWINCH)
        eventually(lambda: len(terminal.screen()) == 20, "20 lines", WITHIN)
        lines = terminal.screen()
        self.assertLessEqual(max(len(line.rstrip()) for line in lines), 38)
        self.assertTrue([line for line in lines if "pod-2" in line and " up " in line], lines)
        terminal.press("q")
        self.is_given_back(terminal, 0)

    def test_once_is_plain_text(self):
        done = top("--once", "--url", self.peer)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertNotIn("\x1b", done.stdout)
        self.assertIn("ring podring, 3 pods", done.stdout)
        for number, own in enumerate(self.ring.addresses, 1):
            self.assertRegex(done.stdout, rf"(?m)^[* ] +{number}  pod-{number}  {own}  .* up  +next  ")
        # The variables of a pod lead to that pod.
        done = top("--once", environment={"PODRING_ADDRESS": self.ring.addresses[1]})
        self.assertIn(f"live from pod-2 ({self.ring.addresses[1]})", done.stdout)


class WhenPodsFail(OnATerminal):
    def test_a_killed_pod_is_shown_and_so_is_a_lost_connection(self):
        ring = Ring(BIN, 11, 4)
        self.addCleanup(ring.stop)
        terminal = self.on_terminal(url(ring.addresses[0]))
        self.shows(terminal, "ok: every pod hands to the next one")
        ring.kill(2)
        self.shows(terminal, "! 1 suspected: pod-3")
        self.shows(terminal, "!  3  pod-3", "suspected", "pod-2")
        self.shows(terminal, "2  pod-2", " up ", " pod-4 ")  # whom it hands to
        self.shows(terminal, "! pod-3 is suspected by pod-")  # by pod-1, if a link of the start is left
        ring.start(2)
        self.shows(terminal, "ok: every pod hands to the next one")
        self.shows(terminal, "pod-3 is suspected by nobody any more")
        ring.kill(0)
        self.shows(terminal, "CONNECTION LOST, data of pod-1", "s old: Connection refused")
        self.shows(terminal, "3  pod-3", " up ")  # what was known stays
        ring.start(0)
        self.shows(terminal, "live from pod-1")
        terminal.press("q")
        self.is_given_back(terminal, 0)


class WithManyPods(OnATerminal):
    def setUp(self):
        self.server = FakeServer(streams=2)
        self.addCleanup(self.server.__exit__)
        self.url = url(self.server.address, self.server.port)

    def test_500_pods_scroll_and_those_in_trouble_are_shown_alone(self):
        self.server.tell("pods 500")
        self.server.tell("state 300 suspected")
        terminal = self.on_terminal(self.url, 100, 30)
        self.shows(terminal, "500 pods: 499 up, 1 suspected")
        self.shows(terminal, "! 1 suspected: pod-300")
        for keys, part in (("", "pods 1 to 17 of 500"), ("j", "pods 2 to 18 of 500"), ("\x1b[6~", "pods 19 to 35 of 500"),
                           ("\x1b[F", "pods 484 to 500 of 500"), ("\x1b[A", "pods 483 to 499 of 500"),
                           ("\x1b[H", "pods 1 to 17 of 500")):
            terminal.press(keys)
            self.shows(terminal, part)
        terminal.press("p")
        self.shows(terminal, "p all pods")
        self.assertEqual(1, len([line for line in terminal.screen() if "node-" in line]))
        self.shows(terminal, "300  pod-300", "suspected", "pod-299")
        self.server.tell("state 300 up")
        self.shows(terminal, "every pod is well")
        terminal.press("q")
        self.is_given_back(terminal, 0)
        done = top("--once", "--url", self.url)
        self.assertEqual(500, done.stdout.count("  next  "), done.stdout[:500] + done.stderr)

    def test_nothing_that_is_told_drives_the_terminal(self):
        self.server.tell("pods 3")
        terminal = self.on_terminal(self.url)
        self.shows(terminal, "3 pods")
        self.server.tell("message \x1b]0;title\x07\x9b2J")
        self.server.tell('event link_down {"ts":"2026-01-02T03:04:05.6Z","peer":"\\u001b[2J","reason":"silent"}')
        self.shows(terminal, "\\u001b]0;title\\u0007")
        self.shows(terminal, "03:04:05 ! link to \\u001b[2J is down: silent")
        self.assertNotIn(b"\x1b]0;", terminal.seen)
        self.assertEqual(1, terminal.seen.count(b"\x1b[2J"))  # its own, at the start
        terminal.press("q")
        self.is_given_back(terminal, 0)

    def test_a_server_that_has_no_more_streams_says_so(self):
        for _ in range(2):
            client, _ = self.server.open_stream()
            self.addCleanup(client.close)
        done = top("--once", "--url", self.url)
        self.assertEqual((3, ""), (done.returncode, done.stdout))
        self.assertIn("503 too_many_streams", done.stderr)


class Refusals(OnATerminal):
    def test_nobody_there(self):
        nobody = url(address(200))
        done = top("--once", "--url", nobody)
        self.assertEqual((3, ""), (done.returncode, done.stdout))
        self.assertIn(f"nothing to show from {nobody}: Connection refused. Start a peer there, or lead --url", done.stderr)
        terminal = self.on_terminal(nobody)
        self.assertEqual(3, terminal.wait(WITHIN))
        self.assertIn(b"Connection refused", terminal.seen)
        self.assertNotIn(b"\x1b", terminal.seen)  # the screen was not touched
        self.assertEqual(terminal.before, terminal.modes())
        done = top("--once", "--url", "http://no-such.invalid")
        self.assertEqual(3, done.returncode)
        self.assertIn("the name no-such.invalid has no address", done.stderr)

    def test_a_server_that_is_not_podring(self):
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path.startswith("/page") else 404)
                self.send_header("Content-Type", "text/event-stream" if "stream" in self.path else "text/html")
                self.end_headers()
                self.wfile.write(b"event: snapshot\ndata: {}\n\n")

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer((address(201), 0), Page)
        threading.Thread(target=server.serve_forever).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        for path, words in (("", "404 to GET /events, which podring does not"), ("/page", "not podring's front end"),
                            ("/page/stream", "an event 'snapshot' that cannot be read")):
            done = top("--once", "--url", url(server.server_address[0], server.server_address[1]) + path)
            self.assertEqual((3, ""), (done.returncode, done.stdout))
            self.assertIn(words, done.stderr)
            self.assertIn("--url", done.stderr)

    def test_no_terminal(self):
        done = top()
        self.assertEqual((2, ""), (done.returncode, done.stdout))
        self.assertIn("podring top --once", done.stderr)
        terminal = self.on_terminal(url(address(200)), TERM="dumb")
        self.assertEqual(2, terminal.wait(WITHIN))
        self.assertIn(b"TERM=xterm", terminal.seen)

    def test_a_full_output_is_noticed(self):
        with FakeServer() as server, open("/dev/full", "wb") as full:
            done = subprocess.run([BIN / "podring", "top", "--once", "--url", url(server.address, server.port)],
                                  stdout=full, stderr=subprocess.PIPE, timeout=WITHIN, env=ENVIRONMENT)
        self.assertEqual(2, done.returncode)
        self.assertIn(b"could not be written", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    os.environ["PODRING_BIN"] = str(BIN)
    unittest.main()
