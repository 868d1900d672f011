#!/usr/bin/env python3
"""A real Prometheus scrapes three running peers: its queries answer, and an alert fires when a peer is killed.

    prometheus_test.py PODRING

Needs Debian's package prometheus; exit code 77 without.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import exposition  # noqa: E402
from support.waiting import eventually  # noqa: E402

PODRING = None
WITHIN = 60  # seconds for anything that is awaited; the machine may be busy


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def free_port(address):
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.processes = []
        cls.addClassCleanup(cls.end_all)
        folder = tempfile.TemporaryDirectory(prefix="podring-prometheus-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        pid = os.getpid()
        cls.addresses = [f"127.{140 + (pid >> 8) % 60}.{pid & 0xff}.{i}" for i in (1, 2, 3)]
        cls.admin = free_port(cls.addresses[0])
        ring, front = free_port(cls.addresses[0]), free_port(cls.addresses[0])
        for number, address in enumerate(cls.addresses, 1):
            cls.start([PODRING, "--name", f"pod-{number}", "--address", address, "--peers", ",".join(cls.addresses), "--lanes", "udp", "--port",
                       str(ring), "--http-port", str(front), "--admin-port", str(cls.admin), "--grace-ms", "1000",
                       "--drain-linger-ms", "0"])
        cls.peers = list(cls.processes)
        port = free_port("127.0.0.1")
        cls.api = f"http://127.0.0.1:{port}/api/v1/"
        alerts = yaml.safe_load((exposition.ROOT / "k8s/monitoring/alerts.yaml").read_text())["spec"]
        (cls.folder / "rules.yaml").write_text(yaml.safe_dump(alerts))
        (cls.folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "podring", "static_configs": [
                {"targets": [f"{address}:{cls.admin}" for address in cls.addresses]}]}]}))
        cls.start(["prometheus", f"--config.file={cls.folder}/prometheus.yml", f"--storage.tsdb.path={cls.folder}/data",
                   f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"])

    @classmethod
    def start(cls, command):
        with open(cls.folder / f"{len(cls.processes)}.log", "wb") as log:
            cls.processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))

    @classmethod
    def end_all(cls):
        for process in cls.processes:
            process.terminate()
        for process in cls.processes:
            process.wait(WITHIN)

    def ask(self, path):
        return json.loads(fetch(self.api + path))["data"]

    def query(self, expression):
        """The values, one of each series."""
        return [float(found["value"][1]) for found in self.ask("query?query=" + urllib.parse.quote(expression))["result"]]

    def exposed(self, address):
        return fetch(f"http://{address}:{self.admin}/metrics")

    def test_1_a_running_peer_exposes_exactly_what_is_documented(self):
        text = eventually(lambda: self.exposed(self.addresses[0]), "the first peer answers")
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.M))
        self.assertEqual(exposition.documented(), types)
        named = {re.sub(r"_(bucket|sum|count)$", "", name) if re.sub(r"_(bucket|sum|count)$", "", name) in types else name
                 for name in re.findall(r"^([a-z_]+)[{ ]", text, flags=re.M)}
        self.assertEqual(set(), named - set(types))
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        self.assertEqual((0, ""), (done.returncode, done.stdout + done.stderr))

    def test_2_prometheus_scrapes_all_and_answers(self):
        eventually(lambda: [target["health"] for target in self.ask("targets?state=active")["activeTargets"]] == ["up"] * 3,
                   "three targets are up")
        converged = exposition.document_expressions()[0]
        self.assertIn("podring_view_digest", converged)
        eventually(lambda: self.query("podring_view_peers") == [3, 3, 3], "all see three peers")
        self.assertEqual(1, len(self.query(converged)))  # a comparison that holds leaves its left side
        eventually(lambda: sum(self.query('podring_link_up{link="successor"}')) == 3, "all links are up")
        self.assertEqual([], self.ask("alerts")["alerts"])

    def test_3_an_alert_fires_when_a_peer_is_killed(self):
        self.peers[1].send_signal(signal.SIGKILL)
        def firing():
            return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}
        eventually(lambda: "PodringPeerSuspected" in firing(), "PodringPeerSuspected fires")
        self.assertEqual({"PodringPeerSuspected"}, firing())
        self.assertEqual([0], self.query(f'up{{instance="{self.addresses[1]}:{self.admin}"}}'))


if __name__ == "__main__":
    if not shutil.which("prometheus"):
        print("skipped: prometheus is not installed; apt-get install prometheus")
        sys.exit(77)
    PODRING = sys.argv.pop(1)
    unittest.main()
