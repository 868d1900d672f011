#!/usr/bin/env python3
"""local-deploy.sh's own logic, with stand-ins for docker, k3d, helm, kubectl, k3s and curl (fake_command): no cluster."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FAKES = ("docker", "k3d", "helm", "kubectl", "curl", "k3s", "loader", "sudo")
# All that the script may use beside those: with this PATH, anything else is missing.
SYSTEM = ("bash cat cut dirname awk env find git grep head id mkdir sed sha256sum sort tail tr wc").split()
CLUSTER = "messaging-app-exercise"
CREATE = ["k3d", "cluster", "create", CLUSTER, "--servers", "1", "--agents", "3", "--port", "80:80@loadbalancer",
          "--port", "443:443@loadbalancer", "--port", "8000:8000@loadbalancer", "--k3s-arg", "--disable=traefik@server:0"]
CHANGING = (["k3d", "cluster", "create"], ["k3d", "image", "import"], ["k3d", "cluster", "delete"], ["docker", "build"],
            ["helm", "install"], ["helm", "uninstall"], ["kubectl", "apply"], ["kubectl", "create"], ["kubectl", "delete"],
            ["loader"])


def verb(call):
    """A kubectl call without its context and namespace; others as they are."""
    if call[0] != "kubectl":
        return call
    rest = call[1:]
    for option in ("--context", "-n"):
        if option in rest:
            at = rest.index(option)
            del rest[at:at + 2]
    return ["kubectl"] + rest


class DeployScript(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="podring-deploy-")
        self.addCleanup(self.folder.cleanup)
        top = pathlib.Path(self.folder.name)
        self.tree, self.bin = top / "tree", top / "bin"
        self.tree.mkdir()
        self.bin.mkdir()
        for name in ("local-deploy.sh", "Dockerfile", ".dockerignore", "CMakeLists.txt"):
            shutil.copy(ROOT / name, self.tree)
        shutil.copytree(ROOT / "k8s", self.tree / "k8s")
        (self.tree / "src").mkdir()
        (self.tree / "src/main.cc").write_text("int main() {}\n")
        for program in SYSTEM:
            (self.bin / program).symlink_to(shutil.which(program))
        (self.bin / "sleep").write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 0.1\n")  # between two looks
        (self.bin / "sleep").chmod(0o755)
        (self.bin / "python3").symlink_to(sys.executable)
        for program in FAKES:
            (self.bin / program).symlink_to(HERE / "fake_command")
        self.state_file = top / "state.json"
        self.put({"calls": [], "images": [], "nodes": {}, "cluster": None, "traefik": False, "objects": {},
                  "deployment": None, "trouble": {}})

    def put(self, state):
        self.state_file.write_text(json.dumps(state))

    def state(self):
        return json.loads(self.state_file.read_text())

    def plan(self, **changes):
        state = self.state()
        for key, value in changes.items():
            state[key] = value
        self.put(state)

    def run_script(self, *args, code=0, env=None):
        """Runs it; checks the exit code; gives back what it said."""
        self.plan(calls=[])
        done = subprocess.run([self.tree / "local-deploy.sh", *args], capture_output=True, text=True, timeout=100,
                              env={"PATH": str(self.bin), "FAKE_STATE": str(self.state_file), **(env or {})})
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, said)
        return said

    def calls(self, *start):
        return [call for call in map(verb, self.state()["calls"]) if call[:len(start)] == list(start)]

    def assert_nothing_changed(self):
        for start in CHANGING:
            self.assertEqual(self.calls(*start), [])

    # ---- the way it is meant to go

    def test_from_nothing_it_makes_the_cluster_and_all_that_is_on_it(self):
        said = self.run_script()
        self.assertEqual(self.calls("k3d", "cluster", "create"), [CREATE])
        self.assertEqual(len(self.calls("docker", "build")), 1)
        self.assertEqual(len(self.calls("k3d", "image", "import")), 1)
        self.assertEqual(self.calls("helm", "install")[0][:4], ["helm", "install", "traefik", "traefik/traefik"])
        self.assertIn(str(self.tree / "k8s/values.yaml"), self.calls("helm", "install")[0])
        self.assertEqual(len(self.calls("kubectl", "apply")), 1)
        self.assertIn("3 of 3 pods are ready", said)
        self.assertIn("http://localhost/ring shows all 3 pods", said)
        self.assertIn("a message went once round the ring", said)
        self.assertIn("curl -H 'Content-Type: application/json'", said)

    def test_without_a_change_the_second_run_does_nothing(self):
        self.run_script()
        said = self.run_script()
        self.assert_nothing_changed()
        self.assertIn("nothing had changed", said)

    def test_a_changed_source_is_built_under_another_tag_and_rolled_out(self):
        self.run_script()
        first = self.state()["deployment"]["image"]
        (self.tree / "src/main.cc").write_text("int main() { return 0; }\n")
        self.run_script()
        self.assertNotEqual(self.state()["deployment"]["image"], first)
        self.assertEqual(len(self.calls("k3d", "image", "import")), 1)
        self.assertEqual(self.calls("k3d", "cluster", "create") + self.calls("helm", "install"), [])

    def test_a_file_that_is_not_in_the_image_changes_nothing(self):
        self.run_script()
        (self.tree / "README.md").write_text("words\n")
        self.run_script()
        self.assert_nothing_changed()

    def test_an_old_content_gets_its_old_tag_again(self):
        self.run_script()
        first = self.state()["deployment"]["image"]
        (self.tree / "src/main.cc").write_text("int main() { return 0; }\n")
        self.run_script()
        (self.tree / "src/main.cc").write_text("int main() {}\n")
        self.run_script()
        self.assertEqual(self.state()["deployment"]["image"], first)
        self.assertEqual(self.calls("docker", "build"), [])

    def test_a_number_of_replicas_stays_until_another_is_asked_for(self):
        self.run_script("--replicas", "5")
        self.assertEqual(self.state()["deployment"]["replicas"], 5)
        self.run_script()
        self.assertEqual(self.state()["deployment"]["replicas"], 5)
        self.run_script("--replicas", "2", "--host", "ring.test")
        self.assertEqual(self.state()["deployment"]["replicas"], 2)
        self.assertIn("Host: ring.test", self.calls("curl")[0])
        self.run_script()
        self.assert_nothing_changed()
        self.assertEqual(self.state()["deployment"]["host"], "ring.test")

    def test_no_replicas_is_a_deployment_too(self):
        self.assertIn("no pods were asked for", self.run_script("--replicas", "0"))

    def test_a_stopped_cluster_is_started(self):
        self.run_script()
        self.plan(cluster="stopped")
        self.run_script()
        self.assertEqual(len(self.calls("k3d", "cluster", "start")), 1)

    def test_an_import_that_lied_is_done_again(self):
        self.plan(trouble={"import misses a node": 2})
        said = self.run_script()
        self.assertEqual(len(self.calls("k3d", "image", "import")), 3)
        self.assertIn(f"into k3d-{CLUSTER}-agent-1\n", said)

    def test_a_chart_on_disk_takes_traefik_from_the_local_docker(self):
        self.plan(images=["traefik:v3.7.11"])
        self.run_script("--chart", str(self.tree / "k8s"))
        self.assertEqual(self.calls("helm", "install")[0][3], str(self.tree / "k8s"))
        self.assertEqual(self.calls("helm", "repo"), [])
        self.assertIn("traefik:v3.7.11", [call[3] for call in self.calls("k3d", "image", "import")])

    def test_with_dry_run_nothing_is_done_and_all_is_said(self):
        said = self.run_script("--dry-run")
        self.assert_nothing_changed()
        self.assertIn("+ k3d cluster create messaging-app-exercise --servers 1", said)
        for word in ("docker build", "k3d image import", "helm install traefik", "apply -k"):
            self.assertIn(word, said)
        self.run_script()
        self.run_script("--dry-run")
        self.assert_nothing_changed()

    # ---- other targets

    def test_a_context_gets_the_image_by_the_command_that_was_named(self):
        said = self.run_script("--target", "context", "--context", "lab", "--load", "loader --quick")
        self.assertEqual([call[:2] for call in self.calls("loader")], [["loader", "--quick"]])
        self.assertRegex(self.calls("loader")[0][2], "^podring:[0-9a-f]{12}$")
        self.assertEqual(self.calls("k3d"), [])
        contexts = {tuple(call[1:3]) for call in self.state()["calls"] if call[0] == "kubectl"}
        self.assertEqual(contexts, {("--context", "lab")})
        self.assertIn("--kube-context", self.calls("helm", "install")[0])
        self.assertIn("http://192.0.2.7/ring shows all 3 pods", said)
        self.run_script("--target", "context", "--context", "lab", "--load", "loader --quick")
        self.assert_nothing_changed()

    def test_a_context_with_an_image_of_a_registry_builds_and_loads_nothing(self):
        self.run_script("--target", "context", "--image", "registry.test:5000/podring:7")
        self.assertEqual(self.calls("docker", "build") + self.calls("loader"), [])
        self.assertEqual(self.state()["deployment"]["image"], "registry.test:5000/podring:7")

    def test_k3s_gets_the_image_from_the_local_docker_once(self):
        self.plan(traefik=True)
        (self.tree / "k3s.yaml").write_text("")
        env = {"KUBECONFIG": str(self.tree / "k3s.yaml")}
        self.run_script("--target", "k3s", env=env)
        self.assertEqual(len([c for c in self.calls("k3s", "ctr") if "import" in c]), 1)
        self.run_script("--target", "k3s", env=env)
        self.assertEqual([c for c in self.calls("k3s", "ctr") if "import" in c], [])

    def test_an_ingress_without_an_address_is_no_failure(self):
        self.plan(trouble={"no address": True}, traefik=True)
        self.assertIn("--url URL names one", self.run_script("--target", "context", "--image", "a:b", "--timeout", "3"))

    # ---- what can go wrong: which step, why, what to try

    def test_missing_programs_are_named_with_the_way_to_get_them(self):
        for program in ("docker", "k3d", "helm", "kubectl", "curl"):
            (self.bin / program).unlink()
        said = self.run_script(code=3)
        for program, way in (("docker", "docs.docker.com"), ("k3d", "https://k3d.io"), ("helm", "helm.sh"),
                             ("kubectl", "kubernetes.io"), ("curl", "apt-get install curl")):
            self.assertRegex(said, f"{program} is missing: .*{re.escape(way)}")

    def test_a_docker_engine_that_is_down(self):
        self.plan(trouble={"docker is down": True})
        self.assertIn("Docker engine does not answer", self.run_script(code=3))

    def test_a_cluster_that_cannot_be_made(self):
        self.plan(trouble={"create fails": True})
        said = self.run_script(code=4)
        self.assertIn('step "cluster" failed', said)
        self.assertIn("are ports 80, 443 and 8000 free?", said)

    def test_a_creation_that_never_ends_is_ended(self):
        self.plan(trouble={"create hangs": True})
        self.assertIn("k3d did not end in time", self.run_script("--timeout", "1", code=4))

    def test_an_api_server_that_does_not_answer(self):
        self.plan(trouble={"no answer": True})
        self.assertIn("'lab' does not answer",
                      self.run_script("--target", "context", "--context", "lab", "--image", "a:b", code=4))

    def test_no_current_context(self):
        self.plan(trouble={"no context": True})
        self.assertIn("no current context", self.run_script("--target", "context", "--image", "a:b", code=4))

    def test_a_build_that_fails(self):
        self.plan(trouble={"build fails": True})
        self.assertIn('step "image" failed', self.run_script(code=5))
        self.assertEqual(self.calls("kubectl", "apply"), [])

    def test_an_import_that_never_works_names_the_node(self):
        self.plan(trouble={"import misses a node": True})
        said = self.run_script(code=5)
        self.assertIn(f"still not on these nodes after three imports: k3d-{CLUSTER}-agent-1\n", said)

    def test_a_traefik_that_does_not_come_up(self):
        self.plan(trouble={"helm fails": True})
        said = self.run_script(code=6)
        for word in ('step "ingress controller" failed', "an event that says why"):
            self.assertIn(word, said)
        self.assertIn("app.kubernetes.io/name=traefik", str(self.calls("kubectl")))

    def test_manifests_that_are_refused(self):
        self.plan(trouble={"apply fails": True})
        self.assertIn("admission webhook says no", self.run_script(code=7))

    def test_pods_that_do_not_get_ready_in_time_show_events_and_log(self):
        self.plan(trouble={"pods": "Pending"})
        said = self.run_script("--timeout", "2", code=7)
        for word in ("not done after 2 s", "an event that says why", "a log line that says why", "try: --timeout 4"):
            self.assertIn(word, said)

    def test_pods_that_crash_are_not_waited_for_till_the_end(self):
        self.plan(trouble={"pods": "CrashLoopBackOff"})
        self.assertIn("a pod does not start", self.run_script(code=7))

    def test_a_ring_that_lacks_a_pod(self):
        self.plan(trouble={"a pod is not in the ring": True})
        self.assertIn("shows 2 of 3 pods", self.run_script("--timeout", "2", code=8))

    def test_a_message_that_does_not_come_round(self):
        self.plan(trouble={"seeds are refused": True})
        self.assertIn("did not come round", self.run_script(code=8))

    def test_wrong_usage(self):
        for args, word in ((["--replicas", "many"], "takes a number"), (["--target", "moon"], "k3d, k3s or context"),
                           (["--nonsense"], "is no option"), (["--replicas"], "needs a value"),
                           (["--image", "podring"], "needs a tag"), (["--chart", "/nowhere"], "does not exist"),
                           (["--context", "a"], "--target context"), (["--namespace", "A b"], "cannot name"),
                           (["--host", "A B"], "no host name"), (["--target", "context"], "--load COMMAND")):
            with self.subTest(args=args):
                self.assertIn(word, self.run_script(*args, code=2))
        self.assertEqual(self.state()["calls"], [])

    # ---- removal

    def test_down_removes_a_cluster_that_the_script_made(self):
        self.run_script()
        self.run_script("--down")
        self.assertEqual(self.calls("k3d", "cluster", "delete"), [["k3d", "cluster", "delete", CLUSTER]])

    def test_down_leaves_a_cluster_that_the_user_made(self):
        self.plan(cluster="running")
        self.run_script()
        said = self.run_script("--down")
        self.assertEqual(self.calls("k3d", "cluster", "delete"), [])
        self.assertEqual([call[:4] for call in self.calls("kubectl", "delete", "namespace")],
                         [["kubectl", "delete", "namespace", "podring"]])
        self.assertEqual(len(self.calls("helm", "uninstall")), 1)
        self.assertIn("which this script did not make", said)

    def test_down_leaves_a_traefik_and_a_namespace_that_were_there_before(self):
        self.plan(traefik=True, objects={"None/namespace/podring": {}})
        self.run_script("--target", "context", "--image", "a:b")
        said = self.run_script("--target", "context", "--down")
        self.assertEqual(self.calls("helm", "uninstall") + self.calls("kubectl", "delete", "namespace"), [])
        self.assertIn("stays: this script did not make it", said)
        self.assertEqual(len(self.calls("kubectl", "delete")), 1)
        self.assertIn("app.kubernetes.io/part-of=podring", self.calls("kubectl", "delete")[0])

    def test_down_leaves_a_traefik_that_others_use(self):
        self.run_script("--target", "context", "--image", "a:b")
        self.plan(trouble={"other ingresses": True})
        self.assertIn("kept:     Traefik", self.run_script("--target", "context", "--down"))
        self.assertEqual(self.calls("helm", "uninstall"), [])

    def test_down_without_a_cluster_makes_none(self):
        self.assertIn("nothing to do", self.run_script("--down"))
        self.assert_nothing_changed()


if __name__ == "__main__":
    unittest.main()
