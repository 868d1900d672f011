#!/usr/bin/env python3
"""k8s/monitoring without a cluster: the alerts fire and do not fire, every expression is one, and names metrics that exist.

Needs promtool (Debian's package prometheus); exit code 77 without.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

import exposition

MONITORING = exposition.ROOT / "k8s/monitoring"
ALERTS = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["spec"]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
# What Grafana puts in their place.
GRAFANA = {"$__rate_interval": "1m", "$namespace": ".*"}
METRIC = re.compile(r"\b(?:podring|process)_[a-z_]+")


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def rule_file(folder, rules):
    path = pathlib.Path(folder, "rules.yaml")
    path.write_text(yaml.safe_dump(rules))
    return path


def recording(expressions):
    """Rules that promtool takes apart: it has no other way to parse an expression without a server."""
    return {"groups": [{"name": "all", "rules": [{"record": "x", "labels": {"n": str(n)}, "expr": expression}
                                                 for n, expression in enumerate(expressions)]}]}


def dashboard_expressions():
    """Each as Prometheus gets it; those of variables too."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in GRAFANA.items():
                expression = expression.replace(name, value)
            yield expression
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"])[1]


class Rules(unittest.TestCase):
    def check(self, rules):
        with tempfile.TemporaryDirectory() as folder:
            code, said = promtool("check", "rules", rule_file(folder, rules))
        return code == 0, said

    def test_promtool_takes_the_alerts(self):
        good, said = self.check(ALERTS)
        self.assertTrue(good, said)

    def test_they_fire_and_do_not_fire(self):
        silent = json.loads(json.dumps(ALERTS))
        for group in silent["groups"]:
            for rule in group["rules"]:
                del rule["annotations"]  # their wording is nobody's contract
        with tempfile.TemporaryDirectory() as folder:
            rule_file(folder, silent)
            tests = shutil.copy(exposition.ROOT / "tests/monitoring/alerts_test.yaml", folder)
            code, said = promtool("test", "rules", tests)
        self.assertEqual(0, code, said)

    def test_each_alert_is_seen_firing_and_silent(self):
        cases = yaml.safe_load((exposition.ROOT / "tests/monitoring/alerts_test.yaml").read_text())["tests"]
        seen = {(case["alertname"], bool(case.get("exp_alerts"))) for test in cases for case in test["alert_rule_test"]}
        names = {rule["alert"] for group in ALERTS["groups"] for rule in group["rules"]}
        self.assertEqual({(name, fires) for name in names for fires in (True, False)}, seen)

    def test_each_expression_of_the_dashboard_is_one(self):
        good, said = self.check(recording(dashboard_expressions()))
        self.assertTrue(good, said)
        self.assertFalse(self.check(recording(["sum(rate(podring_visits_total[1m])"]))[0], "promtool checks nothing")

    def test_they_name_metrics_that_exist(self):
        known = set(exposition.documented())
        known |= {name + end for name, kind in exposition.documented().items() if kind == "histogram"
                  for end in ("_bucket", "_sum", "_count")}
        expressions = list(dashboard_expressions())
        expressions += [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
        expressions += exposition.document_expressions()
        for expression in expressions:
            names = set(METRIC.findall(expression))
            self.assertTrue(names, expression)
            self.assertEqual(set(), names - known, expression)

    def test_the_expressions_of_the_document_are_such(self):
        good, said = self.check(recording(exposition.document_expressions()))
        self.assertTrue(good, said)

    def test_panels_lie_side_by_side_and_say_what_they_are(self):
        taken = set()
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            taken |= cells
            if panel["type"] != "row":
                self.assertTrue(panel["description"], panel["title"])
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


if __name__ == "__main__":
    if not shutil.which("promtool"):
        print("skipped: promtool is not installed; apt-get install prometheus")
        sys.exit(77)
    unittest.main()
