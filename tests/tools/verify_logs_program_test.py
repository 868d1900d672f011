#!/usr/bin/env python3
"""verify-logs as a program: on the logs of real processes, whole and with each defect planted in them.

    tests/tools/verify_logs_program_test.py BIN      BIN: the folder with podring and verify-logs
"""
import http.client
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.terminal import Terminal  # noqa: E402

BIN = None
WITHIN = 60  # seconds for anything that is awaited; the machine may be busy
SEEDED = 100


def field(line, name):
    return json.loads(line)[name]


# No setting of whoever runs this reaches the peers, only what a sanitizer is told.
SANITIZERS = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}


def run_ring(folder, *flags):
    """Three peers, SEEDED messages, a clean stop; the paths of their logs."""
    pid = os.getpid()
    stem = f"127.{2 + (pid >> 8) % 250}.{pid & 0xff}"
    addresses = [f"{stem}.{201 + i}" for i in range(3)]
    logs = [folder / f"pod-{i}.log" for i in range(3)]
    peers = []
    for address, log in zip(addresses, logs):
        with open(log, "wb") as output:
            peers.append(subprocess.Popen(
                [BIN / "podring", "--name", log.stem, "--address", address, "--peers", ",".join(addresses),
                 "--drain-linger-ms", "200", "--grace-ms", "20000", "--seed-on-start", "0", *flags],
                stdout=output, stderr=subprocess.DEVNULL, env=SANITIZERS))

    def ask(address, method, path, port=8080, body=None):
        connection = http.client.HTTPConnection(address, port, timeout=WITHIN)
        try:
            connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def settled(address):
        try:
            ring = ask(address, "GET", "/ring")[1]
        except OSError:
            return False
        return ring["successor"] == addresses[(addresses.index(address) + 1) % 3]

    try:
        until = time.monotonic() + WITHIN
        while not all(settled(address) for address in addresses):
            assert time.monotonic() < until, "the ring did not come up"
            time.sleep(0.05)
        status, answer = ask(addresses[0], "POST", "/messages", body={
            "message": "planted?", "count": SEEDED, "wait": "completed", "wait_ms": 60000})
        assert status == 200, answer
    finally:
        for peer in peers:
            peer.send_signal(signal.SIGTERM)
        codes = [peer.wait(WITHIN) for peer in peers]
    assert codes == [0, 0, 0], codes
    return logs


def verify(*arguments, text=None, environment=None):
    return subprocess.run([BIN / "verify-logs", *arguments], input=text, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL if text is None else None, env={**os.environ, **(environment or {})})


class VerifyLogs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="podring-verify-logs-test-")
        cls.logs = run_ring(pathlib.Path(cls.folder.name))
        cls.lines = [log.read_text().splitlines(keepends=True) for log in cls.logs]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def planted(self, change):
        """The findings, by name, in logs that `change` (of a list of lists of lines) has changed."""
        lines = [list(log) for log in self.lines]
        change(lines)
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for i, log in enumerate(lines):
                names.append(pathlib.Path(folder) / f"{i}.log")
                names[-1].write_text("".join(log))
            told = verify("--json", *names)
            report = json.loads(told.stdout)
            self.assertEqual(told.returncode, report["exit_code"])
            shown = verify(*names)
            self.assertEqual(shown.returncode, told.returncode)
        found = {one["finding"]: one for one in report["findings"]}
        return told.returncode, found, shown.stdout

    def where(self, log, event, **wanted):
        for i, line in enumerate(log):
            told = json.loads(line)
            if told["event"] == event and all(told.get(k) == v for k, v in wanted.items()):
                return i
        self.fail(f"no {event} line with {wanted}")

    @staticmethod
    def renumber(log):
        for i, line in enumerate(log):
            log[i] = re.sub(r'"seq":\d+', f'"seq":{i}', line, count=1)

    def test_logs_as_written_are_right(self):
        told = verify("--json", *self.logs)
        report = json.loads(told.stdout)
        self.assertEqual(told.returncode, 0, told.stdout)
        self.assertEqual(report["verdict"], "right")
        self.assertEqual([one["finding"] for one in report["findings"]], [])
        self.assertEqual(report["totals"]["completed"], SEEDED)
        self.assertEqual(report["totals"]["visits"], SEEDED * 11)
        self.assertEqual(report["totals"]["hand_overs_checked"], SEEDED * 10)
        self.assertEqual(report["totals"]["lost"], 0)

    def test_end_removed(self):
        def change(lines):
            log = next(log for log in lines if any('"event":"completed"' in line for line in log))
            del log[self.where(log, "completed")]
            self.renumber(log)
        code, found, shown = self.planted(change)
        self.assertEqual(code, 1)
        self.assertEqual(found["lost"]["count"], 1)
        self.assertIn("> received", shown)  # the counterexample, where it was seen last

    def test_end_removed_and_a_log_missing_is_unproven(self):
        def change(lines):
            log = next(log for log in lines if any('"event":"completed"' in line for line in log))
            del log[self.where(log, "completed")]
            self.renumber(log)
            del lines[[other is not log for other in lines].index(True)][-1]
        code, found, shown = self.planted(change)
        self.assertEqual(code, 2)
        self.assertIn("end_unproven", found)
        self.assertIn("no stopped", shown)

    def test_visit_removed(self):
        def change(lines):
            del lines[1][self.where(lines[1], "received", hop=4)]
            self.renumber(lines[1])
        code, found, _ = self.planted(change)
        self.assertEqual(code, 1)
        self.assertEqual(found["visit_missing"]["count"], 1)

    def test_visits_swapped(self):
        def change(lines):
            i, j = self.where(lines[1], "received", hop=1), self.where(lines[1], "received", hop=4)
            lines[1][i], lines[1][j] = lines[1][j], lines[1][i]
        self.assertEqual(self.planted(change)[0], 1)
        self.assertIn("lines_swapped", self.planted(change)[1])

        def change_renumbered(lines):
            i = self.where(lines[1], "received", hop=1)
            j = self.where(lines[2], "received", hop=2, id=field(lines[1][i], "id"))
            tails = [line[line.index('"id":'):] for line in (lines[1][i], lines[2][j])]
            lines[1][i] = lines[1][i].replace(tails[0], tails[1])
            lines[2][j] = lines[2][j].replace(tails[1], tails[0])
        code, found, _ = self.planted(change_renumbered)
        self.assertEqual(code, 1)
        self.assertTrue({"order_wrong", "trace_wrong", "visit_missing"} & set(found), found)

    def test_foreign_pod_in_a_trace(self):
        def change(lines):
            i = self.where(lines[1], "received", hop=4)
            lines[1][i] = lines[1][i].replace('"trace":["pod-', '"trace":["stranger-', 1)
        code, found, _ = self.planted(change)
        self.assertEqual(code, 1)
        self.assertIn("trace_wrong", found)

    def test_line_doubled(self):
        def change(lines):
            i = self.where(lines[2], "received")
            lines[2].insert(i, lines[2][i])
        code, found, _ = self.planted(change)
        self.assertEqual(code, 1)
        self.assertEqual(list(found), ["line_doubled"])

    def test_file_cut(self):
        def change(lines):
            lines[1][-1] = lines[1][-1][:-20]
        code, found, _ = self.planted(change)
        self.assertEqual(code, 2)
        self.assertIn("log_cut", found)

    def test_gap_in_seq(self):
        def change(lines):
            del lines[0][self.where(lines[0], "successor")]
        code, found, _ = self.planted(change)
        self.assertEqual(code, 2)
        self.assertEqual(found["seq_gap"]["count"], 1)

    def test_standard_input_with_kubectl_prefixes(self):
        mixed = "".join(f"[pod/{log.stem}/podring] {line}"
                        for log, lines in zip(self.logs, self.lines) for line in lines)
        told = verify(text=mixed)
        self.assertEqual(told.returncode, 0, told.stdout)
        self.assertIn(f"completed {SEEDED}, expired 0, none 0", told.stdout)
        self.assertEqual(verify("-", text=mixed).returncode, 0)

    def test_show_draws_the_way_of_an_id(self):
        i = self.where(self.lines[0], "seeded")
        told = verify("--show", field(self.lines[0][i], "id"), *self.logs)
        self.assertEqual(told.returncode, 0)
        self.assertEqual(len(re.findall(r"^ +received ", told.stdout, re.MULTILINE)), 11)

    def test_colours_only_on_a_terminal_and_not_with_no_color(self):
        def on_terminal(environment):
            outer, inner = pty.openpty()
            subprocess.run([BIN / "verify-logs", *self.logs], stdout=inner, stdin=subprocess.DEVNULL, check=True,
                           env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm", **environment})
            os.close(inner)
            text = os.read(outer, 65536)
            os.close(outer)
            return b"\x1b[" in text
        self.assertTrue(on_terminal({}))
        self.assertFalse(on_terminal({"NO_COLOR": "1"}))
        self.assertFalse(on_terminal({"TERM": "dumb"}))
        self.assertNotIn("\x1b", verify(*self.logs).stdout)
        self.assertIn("\x1b", verify("--color", "always", *self.logs).stdout)

    def fed_slowly(self, start, enough):
        """What `start(stdin=PIPE)` starts gets whole logs by and by: the first lines until `enough()`, then the rest."""
        process = start(subprocess.PIPE)
        lines = b"".join(log.read_bytes() for log in self.logs).splitlines(keepends=True)
        until = time.monotonic() + WITHIN
        while not enough() and len(lines) > 1:
            self.assertLess(time.monotonic(), until)
            process.stdin.write(lines.pop(0))
            process.stdin.flush()
            time.sleep(0.01)
        process.stdin.write(b"".join(lines))
        process.stdin.close()
        return process

    def test_a_terminal_sees_how_much_is_read(self):
        terminal = None

        def start(stdin):
            nonlocal terminal
            terminal = Terminal([BIN / "verify-logs"], stdin=stdin)
            self.addCleanup(terminal.close)
            return terminal.process

        def shown():
            terminal.read()
            return b" lines" in terminal.seen

        self.fed_slowly(start, shown)
        self.assertEqual(0, terminal.wait(WITHIN), terminal.seen)
        seen = terminal.seen.decode().split("\r\x1b[K")
        self.assertRegex(seen[1], r"^reading  [\d.]+ (KiB|B)  \d+ lines$")  # of a pipe nobody knows how much comes
        self.assertIn("right", seen[-1])
        self.assertNotIn("reading", seen[-1])

    def test_a_terminal_sees_how_much_is_left_of_files(self):
        with tempfile.NamedTemporaryFile() as large:
            large.truncate(8 << 30)  # with nothing in it: it takes no room, and seconds to read
            terminal = Terminal([BIN / "verify-logs", *self.logs, large.name])
            self.addCleanup(terminal.close)
            until = time.monotonic() + WITHIN
            while not re.search(rb"\[\x1b\[32m#*\x1b\[0m\.*\] reading  \d+ %  [\d.]+ [MG]iB of 8.00 GiB", terminal.seen):
                self.assertLess(time.monotonic(), until, terminal.seen)
                self.assertIsNone(terminal.process.poll(), terminal.seen)
                terminal.read(0.05)

    def test_no_progress_where_standard_error_is_no_terminal(self):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            begun = time.monotonic()
            process = self.fed_slowly(
                lambda stdin: subprocess.Popen([BIN / "verify-logs"], stdin=stdin, stdout=out, stderr=errors),
                lambda: time.monotonic() - begun > 1)
            self.assertEqual(0, process.wait(WITHIN))
            errors.seek(0)
            self.assertEqual(b"", errors.read())

    def test_the_version_is_that_of_all_programs(self):
        told = [subprocess.run([BIN / program, "--version"], check=True, capture_output=True, text=True).stdout
                for program in ("podring", "inject", "verify-logs")]
        version = re.fullmatch(r"podring ([\d.]+ \(\w+\))(, protocol \d+ to \d+)\n", told[0])
        self.assertEqual([f"inject {version[1]}{version[2]}\n", f"verify-logs {version[1]}\n"], told[1:])

    def test_wrong_usage_is_2_and_says_what(self):
        for arguments, words in ((["--no-such"], "no flag --no-such"), (["/no/such/file"], "/no/such/file: No such"),
                                 (["/"], "/: Is a directory"), (["--examples", "x"], "0 to 1000, not 'x'"),
                                 (["--color", "blue"], "auto, always or never")):
            told = verify(*arguments)
            self.assertEqual((told.returncode, told.stdout), (2, ""), arguments)
            self.assertRegex(told.stderr, r"\Averify-logs: .+\n\Z")
            self.assertIn(words, told.stderr)
        for arguments in ["/dev/null"], ["--json", "/dev/null"], ["--help"]:  # nobody sees the verdict
            with open("/dev/full", "w") as full:
                told = subprocess.run([BIN / "verify-logs", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(told.returncode, 2)
            self.assertEqual(told.stderr, "verify-logs: standard output takes nothing: No space left on device\n")
        self.assertEqual(verify("--help").returncode, 0)
        self.assertIn("Exit code", verify("--help").stdout)

    def test_a_file_given_twice_is_no_doubled_line(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "pod.log"
            log.write_text("".join(self.lines[0]))
            other = pathlib.Path(folder) / "also.log"
            other.symlink_to(log)
            told = verify(str(log), str(other))
        self.assertEqual((told.returncode, told.stdout), (2, ""))
        self.assertEqual(told.stderr, f"verify-logs: {other} is given twice, also as {log}; give each log once\n")

    def test_text_logs_prove_nothing_and_it_says_why(self):
        with tempfile.TemporaryDirectory() as folder:
            logs = run_ring(pathlib.Path(folder), "--log-format", "text")
            told = verify(*logs)
        self.assertEqual(told.returncode, 2)
        self.assertIn("--log-format text", told.stdout)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
