#!/usr/bin/env python3
"""The manifests, as kustomize builds them, hold what the ring depends on. Needs kubectl, no cluster; exit code 77 without."""
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OVERLAYS = ("base", "overlays/k3d", "overlays/test-machine")


def rendered(folder):
    """{(kind, name): object} of a kustomize folder."""
    built = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True).stdout
    # kubectl's only way from YAML to JSON that asks no cluster: a label that is set locally.
    text = subprocess.run(["kubectl", "label", "--local", "-f", "-", "seen=yes", "-o", "json"], input=built,
                          capture_output=True, text=True, check=True).stdout
    objects, at = {}, 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        found, at = json.JSONDecoder().raw_decode(text, at)
        objects[found["kind"], found["metadata"]["name"]] = found
    return objects


@functools.lru_cache
def overlay(name):
    return rendered(ROOT / "k8s" / name)


class Manifests(unittest.TestCase):
    def each(self):
        for name in OVERLAYS:
            with self.subTest(overlay=name):
                yield overlay(name)

    def pod(self, objects):
        return objects["Deployment", "podring"]["spec"]["template"]

    def container(self, objects):
        (container,) = self.pod(objects)["spec"]["containers"]
        return container

    def settings(self, objects):
        (reference,) = self.container(objects)["envFrom"]
        return objects["ConfigMap", reference["configMapRef"]["name"]]["data"]

    def test_nothing_is_missing(self):
        for objects in self.each():
            kinds = sorted(kind for kind, _ in objects)
            self.assertEqual(kinds, ["ConfigMap", "Deployment", "Ingress", "Ingress", "Namespace", "NetworkPolicy",
                                     "PodDisruptionBudget", "Service", "Service", "ServiceAccount"])

    def test_everything_is_in_the_ring_s_namespace(self):
        for objects in self.each():
            for (kind, name), found in objects.items():
                self.assertEqual("podring", name if kind == "Namespace" else found["metadata"]["namespace"])

    def test_another_namespace_takes_all_of_it(self):
        with tempfile.TemporaryDirectory() as folder:
            below = os.path.relpath(ROOT / "k8s/overlays/test-machine", os.path.realpath(folder))
            pathlib.Path(folder, "kustomization.yaml").write_text(
                f"resources: [{below}]\nnamespace: ring-two\nimages: [{{name: podring, newTag: abc}}]\n")
            objects = rendered(folder)
        self.assertIn(("Namespace", "ring-two"), objects)
        self.assertEqual({"ring-two"}, {found["metadata"]["namespace"] for (kind, _), found in objects.items()
                                        if kind != "Namespace"})
        self.assertEqual("podring:abc", self.container(objects)["image"])
        self.assertEqual("peers", self.settings(objects)["PODRING_COPIES_ON"])

    def test_the_pods_ask_for_no_more_than_restricted_allows(self):
        for objects in self.each():
            labels = objects["Namespace", "podring"]["metadata"]["labels"]
            self.assertEqual("restricted", labels["pod-security.kubernetes.io/enforce"])
            pod, container = self.pod(objects)["spec"], self.container(objects)
            self.assertTrue(pod["securityContext"]["runAsNonRoot"])
            self.assertGreater(pod["securityContext"]["runAsUser"], 0)
            self.assertEqual("RuntimeDefault", pod["securityContext"]["seccompProfile"]["type"])
            self.assertEqual({"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                              "capabilities": {"drop": ["ALL"]}}, container["securityContext"])
            self.assertFalse(pod["automountServiceAccountToken"])
            self.assertFalse(objects["ServiceAccount", "podring"]["automountServiceAccountToken"])

    def test_a_rolling_update_never_has_fewer_pods(self):
        for objects in self.each():
            spec = objects["Deployment", "podring"]["spec"]
            self.assertEqual(3, spec["replicas"])
            self.assertEqual(0, spec["strategy"]["rollingUpdate"]["maxUnavailable"])
            self.assertEqual(1, objects["PodDisruptionBudget", "podring"]["spec"]["maxUnavailable"])

    def test_the_pod_and_not_sigkill_ends_the_drain(self):
        for objects in self.each():
            grace = int(self.settings(objects)["PODRING_GRACE_MS"])
            self.assertLess(grace, 1000 * self.pod(objects)["spec"]["terminationGracePeriodSeconds"])
            self.assertLess(int(self.settings(objects)["PODRING_DRAIN_LINGER_MS"]), grace)

    def test_the_downward_api_says_who_the_pod_is(self):
        for objects in self.each():
            env = {entry["name"]: entry for entry in self.container(objects)["env"]}
            paths = {name: entry["valueFrom"]["fieldRef"]["fieldPath"] for name, entry in env.items() if "valueFrom" in entry}
            self.assertEqual({"PODRING_NAME": "metadata.name", "PODRING_UID": "metadata.uid", "POD_NAMESPACE": "metadata.namespace",
                              "PODRING_ADDRESS": "status.podIP", "PODRING_NODE": "spec.nodeName"}, paths)
            names = list(env)
            self.assertLess(names.index("POD_NAMESPACE"), names.index("PODRING_SERVICE"))  # or $(...) stays as it is
            self.assertEqual("podring-ring.$(POD_NAMESPACE).svc.$(CLUSTER_DOMAIN).", env["PODRING_SERVICE"]["value"])
            self.assertIn("CLUSTER_DOMAIN", self.settings(objects))
            self.assertFalse(self.pod(objects)["spec"]["enableServiceLinks"])

    def test_every_setting_is_one_that_podring_knows(self):
        flags = "".join(file.read_text() for file in (ROOT / "src/app").glob("config*.cc"))
        for objects in self.each():
            names = [n for n in self.settings(objects) if n.startswith("PODRING_")]
            names += [e["name"] for e in self.container(objects)["env"] if e["name"].startswith("PODRING_")]
            for name in names:
                flag = name.removeprefix("PODRING_").lower().replace("_", "-")
                self.assertTrue(re.search(f'"(--)?{flag}"', flags), f"{name}: no flag --{flag} in src/app")

    def test_copies_are_counted_by_nodes_where_there_are_several(self):
        self.assertEqual(["nodes", "nodes", "peers"],
                         [self.settings(overlay(name))["PODRING_COPIES_ON"] for name in OVERLAYS])

    def test_probes_have_a_port_of_their_own_that_no_service_has(self):
        for objects in self.each():
            container = self.container(objects)
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertEqual("admin", container[probe]["httpGet"]["port"])
            for name in ("podring", "podring-ring"):
                for port in objects["Service", name]["spec"]["ports"]:
                    self.assertNotIn(port["targetPort"], ("admin", 8081))

    def test_the_ring_s_service_lists_ready_pods_and_no_clients(self):
        for objects in self.each():
            spec = objects["Service", "podring-ring"]["spec"]
            self.assertEqual(("None", False), (spec["clusterIP"], spec["publishNotReadyAddresses"]))
            self.assertEqual({"tcp-ring": ("TCP", 5570), "udp-ring": ("UDP", 5570)},
                             {port["name"]: (port["protocol"], port["port"]) for port in spec["ports"]})
            for service in ("podring", "podring-ring"):
                selector = objects["Service", service]["spec"]["selector"]
                self.assertEqual("podring", selector["app.kubernetes.io/name"])
                self.assertNotIn("podring/client", selector)

    def test_the_network_policy_admits_the_ring_its_clients_and_dns(self):
        for objects in self.each():
            spec = objects["NetworkPolicy", "podring"]["spec"]
            self.assertEqual(["Ingress", "Egress"], spec["policyTypes"])
            ring = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "podring"}}}
            for name in ("tcp-ring", "udp-ring"):
                to_ring = [rule["from"] for rule in spec["ingress"] for port in rule["ports"] if port["port"] == name]
                self.assertEqual([[ring], [{"podSelector": {"matchLabels": {"podring/client": "true"}}}]], to_ring)
            from_anywhere = [rule for rule in spec["ingress"] if rule["from"] == [{"namespaceSelector": {}}]]
            self.assertEqual([["http", "admin"]], [[port["port"] for port in rule["ports"]] for rule in from_anywhere])
            dns = [rule for rule in spec["egress"] if {p["port"] for p in rule["ports"]} == {53}]
            self.assertEqual([["UDP", "TCP"]], [[port["protocol"] for port in rule["ports"]] for rule in dns])
            self.assertEqual(2, len(spec["egress"]))  # the ring and DNS, nothing else

    def test_one_ingress_takes_every_host_and_one_has_a_name(self):
        for objects in self.each():
            self.assertNotIn("host", objects["Ingress", "podring"]["spec"]["rules"][0])
            self.assertIn("host", objects["Ingress", "podring-host"]["spec"]["rules"][0])
            for name in ("podring", "podring-host"):
                for rule in objects["Ingress", name]["spec"]["rules"]:
                    for path in rule["http"]["paths"]:
                        self.assertEqual({"name": "podring", "port": {"name": "http"}}, path["backend"]["service"])

    def test_a_ring_key_comes_from_a_secret(self):
        with tempfile.TemporaryDirectory() as folder:
            base, component = (os.path.relpath(ROOT / "k8s" / part, os.path.realpath(folder)) for part in ("base", "components/ring-key"))
            pathlib.Path(folder, "kustomization.yaml").write_text(f"resources: [{base}]\ncomponents: [{component}]\n")
            objects = rendered(folder)
        container, before = self.container(objects), self.container(overlay("base"))
        env = {entry["name"]: entry.get("value") for entry in container["env"]}
        self.assertEqual({"PODRING_RING_KEY_FILE": "/etc/podring/ring-key/key"},
                         {name: value for name, value in env.items() if name not in {entry["name"] for entry in before["env"]}})
        self.assertLess({entry["name"] for entry in before["env"]}, set(env))
        (mount,), (volume,) = container["volumeMounts"], self.pod(objects)["spec"]["volumes"]
        self.assertEqual((volume["name"], "/etc/podring/ring-key", True), (mount["name"], mount["mountPath"], mount["readOnly"]))
        self.assertEqual("podring-ring-key", volume["secret"]["secretName"])

    def test_monitoring_scrapes_the_pods_and_brings_rules_and_dashboard(self):
        found = overlay("monitoring")
        self.assertEqual({("PodMonitor", "podring"), ("PrometheusRule", "podring"), ("ConfigMap", "podring-dashboard")}, set(found))
        self.assertEqual({"podring"}, {one["metadata"]["namespace"] for one in found.values()})
        pod, (container,) = self.pod(overlay("base")), self.pod(overlay("base"))["spec"]["containers"]
        spec = found["PodMonitor", "podring"]["spec"]
        self.assertLessEqual(spec["selector"]["matchLabels"].items(), pod["metadata"]["labels"].items())
        self.assertIn(spec["podMetricsEndpoints"][0]["port"], [port["name"] for port in container["ports"]])
        self.assertEqual({"prometheus.io/scrape": "true", "prometheus.io/port": "8081", "prometheus.io/path": "/metrics"},
                         pod["metadata"]["annotations"])  # for a Prometheus without the operator
        self.assertIn(8081, [port["containerPort"] for port in container["ports"]])

    def test_the_doctor_s_job_asks_for_the_same_ring_as_a_client(self):
        found = overlay("doctor")
        self.assertEqual([("Job", "podring-doctor")], list(found))
        job = found["Job", "podring-doctor"]
        self.assertEqual("podring", job["metadata"]["namespace"])
        self.assertEqual(0, job["spec"]["backoffLimit"])
        base = overlay("base")
        pod, (container,) = job["spec"]["template"], job["spec"]["template"]["spec"]["containers"]
        labels = pod["metadata"]["labels"]
        self.assertEqual("true", labels["podring/client"])
        self.assertNotEqual("podring", labels["app.kubernetes.io/name"])  # or the Services would list it
        self.assertEqual(["doctor"], container["args"])
        env = {entry["name"]: entry for entry in container["env"]}
        self.assertEqual(self.settings(base)["CLUSTER_DOMAIN"], env["CLUSTER_DOMAIN"]["value"])
        for same in ("POD_NAMESPACE", "PODRING_SERVICE", "PODRING_ADDRESS"):
            self.assertIn(env[same], self.container(base)["env"])
        for same in ("securityContext", "automountServiceAccountToken", "enableServiceLinks", "serviceAccountName"):
            self.assertEqual(self.pod(base)["spec"][same], pod["spec"][same])
        for same in ("securityContext", "image", "imagePullPolicy"):
            self.assertEqual(self.container(base)[same], container[same])

    def test_pods_spread_over_nodes_and_name_their_needs(self):
        for objects in self.each():
            (spread,) = self.pod(objects)["spec"]["topologySpreadConstraints"]
            self.assertEqual("kubernetes.io/hostname", spread["topologyKey"])
            resources = self.container(objects)["resources"]
            self.assertEqual({"cpu", "memory"}, set(resources["requests"]))
            self.assertEqual({"memory"}, set(resources["limits"]))


if __name__ == "__main__":
    if not shutil.which("kubectl"):
        print("skipped: kubectl is not installed")
        sys.exit(77)
    unittest.main()
