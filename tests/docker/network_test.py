#!/usr/bin/env python3
"""podring without Kubernetes: containers on a Docker network, whose shared alias answers as a headless service does.

The image is $PODRING_IMAGE, else the one that local-deploy.sh has built from this very tree, else one put together as the
Dockerfile's last stage does it, from the programs in $PODRING_BIN. Exit code 77: skipped, and the output says why.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("PODRING_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("PODRING_BIN", SOURCE / "build/release/bin"))
PROGRAMS = ("podring", "inject", "verify-logs")
NAME = f"podring-test-{os.getpid()}"  # network, containers and image; several runs do not meet
ALIAS = "ring.podring.test"
SIZE_MAX = 36_000_000  # 12 MB of them are libcurl and what Debian's build of it loads


def docker(*args, check=True, data=None):
    done = subprocess.run(["docker", *map(str, args)], capture_output=True, input=data, timeout=180)
    if check and done.returncode != 0:
        raise AssertionError(f"docker {' '.join(map(str, args))}: {done.stderr.decode().strip()}")
    return done


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def content_image():
    """The name that local-deploy.sh gives to this tree's image."""
    said = subprocess.run([SOURCE / "local-deploy.sh", "--target", "context", "--context", "none", "--load", "true", "--dry-run"],
                          capture_output=True, text=True, timeout=60).stdout
    found = re.search(r"podring:[0-9a-f]{12}", said)
    return found[0] if found else None


def assembled_image():
    """From the programs of the build, as the Dockerfile does it."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder, "image")
        files = set()
        for program in PROGRAMS:
            (image / "usr/bin").mkdir(parents=True, exist_ok=True)
            subprocess.run(["strip", "-o", image / "usr/bin" / program, BIN / program], check=True)
            files |= set(re.findall(r"/[^ :]*", subprocess.run(["ldd", BIN / program], capture_output=True, text=True,
                                                               check=True).stdout))
        for file in files:
            target = image / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(file), target)
        stage = (SOURCE / "Dockerfile").read_text().rpartition("FROM scratch\n")[2].replace("COPY --from=build /image /", "COPY image /")
        pathlib.Path(folder, "Dockerfile").write_text("FROM scratch\n" + stage)
        docker("build", "-q", "-t", NAME, folder)
    return NAME


def choose_image():
    named = os.environ.get("PODRING_IMAGE")
    if named:
        return named
    built = content_image()
    if built and docker("image", "inspect", built, check=False).returncode == 0:
        return built
    if all((BIN / program).is_file() for program in PROGRAMS):
        return assembled_image()
    skip(f"no image {built} and no programs in {BIN}")


def told_a_sanitizer():
    """What this run's sanitizer is told, for a container: its options, and the file of suppressions that they name."""
    args = []
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        told = os.environ.get(name)
        if told is None:
            continue
        args += ["-e", f"{name}={told}"]
        for file in re.findall(r"suppressions=([^:]+)", told):
            args += ["-v", f"{file}:{file}:ro"]
    return args


class Container:
    def __init__(self, number):
        self.name = f"{NAME}-{number}"
        docker("run", "-d", "--name", self.name, "--network", NAME, "--network-alias", ALIAS, "--read-only", "--cap-drop", "ALL",
               "--security-opt", "no-new-privileges", "-p", "127.0.0.1::8080", "-e", f"PODRING_SERVICE={ALIAS}", "-e", "PODRING_INSECURE=true",
               "-e", f"PODRING_NAME={self.name}", *told_a_sanitizer(), IMAGE)
        self.port = int(docker("port", self.name, "8080").stdout.decode().rsplit(":", 1)[1])

    def ask(self, method, path, body=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"} if body else {})
            answer = link.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            link.close()

    def ring(self):
        try:
            return self.ask("GET", "/ring")[1]
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def log(self):
        return docker("logs", self.name).stdout


class DockerNetwork(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        docker("network", "create", NAME)
        cls.all = []
        for number in range(3):
            cls.all.append(Container(number))

    @classmethod
    def tearDownClass(cls):
        for container in cls.all:
            docker("rm", "-f", container.name, check=False)
        docker("network", "rm", NAME, check=False)

    def await_views(self, containers, timeout=40):
        deadline = time.monotonic() + timeout
        while True:
            rings = [container.ring() for container in containers]
            if all(ring and len(ring["view"]) == len(containers) for ring in rings) and len({ring["digest"] for ring in rings}) == 1:
                return rings
            if time.monotonic() > deadline:
                self.fail(f"no common view of {len(containers)} after {timeout} s: {rings}\n"
                          + "\n".join(docker("logs", "--tail", "5", one.name, check=False).stdout.decode() for one in containers))
            time.sleep(0.2)

    def test_1_the_alias_makes_a_ring(self):
        rings = self.await_views(self.all)
        self.assertEqual(rings[0]["view"], sorted(rings[0]["view"], key=lambda text: tuple(map(int, text.split(".")))))
        status, answer = self.all[0].ask("POST", "/messages", {"message": "three times round", "laps": 3, "wait": "completed"})
        self.assertEqual(200, status, answer)
        names = {ring["address"]: ring["pod"] for ring in rings}
        order = [names[address] for address in rings[0]["view"]]
        start = order.index(self.all[0].name)
        trace = answer["traces"][0]["trace"]
        self.assertEqual([order[(start + step) % 3] for step in range(len(trace))], trace)
        self.assertGreaterEqual(len(trace), 8)

    def test_2_a_killed_container_loses_nothing(self):
        self.await_views(self.all)
        victim = self.all[1]
        ids = []
        for turn in range(60):
            if turn == 20:
                docker("kill", "--signal", "KILL", victim.name)
            status, answer = self.all[0].ask("POST", "/messages", {"message": f"number {turn}", "wait": "safe", "wait_ms": 10000})
            self.assertEqual(202, status, answer)
            ids += answer["ids"]
        others = [one for one in self.all if one is not victim]
        self.await_views(others)
        docker("start", victim.name)
        victim.port = int(docker("port", victim.name, "8080").stdout.decode().rsplit(":", 1)[1])
        self.await_views(self.all)
        deadline = time.monotonic() + 30
        left = set(ids)
        while left and time.monotonic() < deadline:
            for one in self.all:
                for line in one.log().splitlines():
                    if b'"completed"' in line:
                        left.discard(json.loads(line).get("id"))
        self.assertEqual(set(), left)

    def test_3_a_stopped_container_leaves_in_order(self):
        self.await_views(self.all)
        leaver = self.all.pop()
        begin = time.monotonic()
        docker("stop", "--time", "40", leaver.name)  # SIGTERM to PID 1
        self.assertLess(time.monotonic() - begin, 30)
        state = json.loads(docker("inspect", leaver.name).stdout)[0]["State"]
        self.assertEqual(0, state["ExitCode"])
        lines = leaver.log().splitlines()
        self.assertEqual("stopped", json.loads(lines[-1])["event"])
        self.await_views(self.all)
        self.all.append(leaver)

    def test_4_verify_logs_finds_nothing_amiss(self):
        with tempfile.TemporaryDirectory() as folder:
            logs = []
            for container in self.all:
                logs.append(pathlib.Path(folder, container.name))
                logs[-1].write_bytes(container.log())
            done = subprocess.run([BIN / "verify-logs", *logs], capture_output=True, text=True, timeout=60) \
                if (BIN / "verify-logs").is_file() else docker("run", "--rm", "-v", f"{folder}:/logs:ro", "--entrypoint", "/usr/bin/verify-logs",
                                                                IMAGE, *[f"/logs/{log.name}" for log in logs], check=False)
            self.assertEqual(0, done.returncode, done.stdout)

    def test_5_the_image_is_small_has_no_shell_and_no_root(self):
        image = json.loads(docker("image", "inspect", IMAGE).stdout)[0]
        self.assertRegex(image["Config"]["User"], r"^[1-9][0-9]*:[1-9][0-9]*$")
        for label in ("version", "revision"):
            self.assertTrue(image["Config"]["Labels"][f"org.opencontainers.image.{label}"])
        exported = subprocess.run(f"docker export {self.all[0].name} | tar t", shell=True, capture_output=True, text=True).stdout
        if not re.search(r"/lib[at]san\.so", exported):  # a sanitizer's build is several times as large
            self.assertLessEqual(image["Size"], SIZE_MAX)
        programs = [path for path in exported.splitlines() if "bin/" in path and not path.endswith("/")]
        self.assertEqual(["usr/bin/inject", "usr/bin/podring", "usr/bin/verify-logs"], sorted(programs))
        for program in PROGRAMS:
            done = docker("run", "--rm", "--network", "none", "--entrypoint", f"/usr/bin/{program}", IMAGE, "--help")
            self.assertIn(program.encode(), done.stdout)
        print(f"image {IMAGE}: {image['Size'] / 1e6:.1f} MB", file=sys.stderr)


if __name__ == "__main__":
    if not shutil.which("docker"):
        skip("docker is not installed")
    if docker("info", check=False).returncode != 0:
        skip("no Docker engine runs here (docker info fails)")
    IMAGE = choose_image()
    try:
        unittest.main(verbosity=2)
    finally:
        docker("image", "rm", NAME, check=False)
