"""Arguments, the list of checks, and the order in which they run."""
import pathlib
import subprocess
import sys
import tempfile
import time

from . import checks_change, checks_failure, checks_lanes, checks_normal, checks_rings
from .cluster import Cluster, Trouble
from support.arguments import Parser
from support.report import Report
from .ring import Ring

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHECKS = [  # the cheap and gentle ones first
    ("placement", checks_normal.placement), ("start-up-seeds", checks_normal.start_up_seeds), ("order", checks_normal.order),
    ("ingress", checks_normal.ingress), ("events", checks_normal.events), ("clients", checks_normal.clients),
    ("idle", checks_normal.idle), ("lanes", checks_lanes.frames_by_datagram), ("second-run", checks_change.second_run), ("two-rings", checks_rings.two_rings),
    ("rolling-restart", checks_change.rolling_restart), ("rolling-update", checks_change.rolling_update),
    ("settings", checks_change.settings), ("service-links", checks_change.service_links), ("scale", checks_change.scale),
    ("drain", checks_change.drain), ("protocol-update", checks_change.protocol_update),
    ("lanes-blocked", checks_lanes.datagrams_blocked), ("lanes-policy", checks_lanes.policy_without_udp), ("ring-key", checks_lanes.ring_key),
    ("reroute", checks_failure.reroute), ("pods-deleted", checks_failure.pods_deleted),
    ("processes-killed", checks_failure.processes_killed), ("name-service", checks_failure.name_service),
    ("node-killed-3", checks_failure.node_killed_3), ("node-killed-8", checks_failure.node_killed_8),
]
ABOUT = """Deploys podring to a cluster with local-deploy.sh, does to it what happens to rings, and prints a table: each line a check
with its figure. Ends with exit code 0 when no check failed.

    tests/k8s/run-e2e --load 'kind load docker-image' --node-exec 'docker exec -i {node}' \\
                      --node-stop 'docker kill {node}' --node-start 'docker start {node}'
    tests/k8s/run-e2e --context k3d-messaging-app-exercise --load 'k3d image import -c messaging-app-exercise' ...

Without --node-exec the logs are only followed (a killed pod's last lines may be missing, and ids unproven), and
processes are not killed. It changes the namespaces podring and podring-two and, for some checks, CoreDNS and nodes:
for clusters that serve nobody else."""


def parse(arguments):
    parser = Parser(ABOUT)
    add = parser.add_argument
    add("--context", help="kubectl context (default: the current one)")
    add("--load", metavar="COMMAND", help="puts a local image on every node; gets its name as last argument")
    add("--image", help="image to test (default: built from this tree by local-deploy.sh; needs --load)")
    add("--image-next-protocol", metavar="IMAGE", help="an image built with --build-arg PROTOCOL_MAX=2")
    add("--chart", help="Traefik's chart on disk, for a cluster without ingress controller and network")
    add("--url", default="http://localhost", help="the ingress on port 80 (default: %(default)s)")
    add("--https-url", default="https://localhost", help="on 443 (default: %(default)s; empty: not checked)")
    add("--extra-url", default="http://localhost:8000", help="on 8000 (default: %(default)s; empty: not checked)")
    add("--node-exec", metavar="COMMAND", help="runs a command on a node, {node} stands for its name")
    add("--node-stop", metavar="COMMAND", help="cuts a node's power")
    add("--node-start", metavar="COMMAND", help="starts it again")
    add("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="where verify-logs and inject are (%(default)s)")
    add("--rate", type=float, default=20, help="seeds a second in the checks under load (default: %(default)s)")
    add("--only", default="", help="comma-separated checks; all: " + ", ".join(name for name, _ in CHECKS))
    add("--skip", default="", help="comma-separated checks to leave out")
    add("--report", help="writes the table as Markdown into this file")
    add("--keep-logs", metavar="FOLDER", help="keeps all logs there")
    options = parser.parse_args(arguments)
    known = {name for name, _ in CHECKS}
    for name in filter(None, (options.only + "," + options.skip).split(",")):
        if name not in known:
            parser.error(f"no check is called '{name}'; there are {', '.join(name for name, _ in CHECKS)}")
    for program in ("verify-logs", "inject"):
        if not (options.bin / program).is_file():
            parser.error(f"{options.bin} has no {program}: build it, or say --bin")
    if not options.context:
        options.context = subprocess.run(["kubectl", "config", "current-context"], capture_output=True, text=True,
                                         check=True).stdout.strip()
    return options


def deployer(options):
    """options.deploy(namespace, ...) and options.remove(namespace): local-deploy.sh with what this run was told."""
    base = [ROOT / "local-deploy.sh", "--target", "context", "--context", options.context]

    def call(*more):
        done = subprocess.run(base + list(more), capture_output=True, text=True, timeout=1800)
        if done.returncode != 0:
            raise Trouble(f"local-deploy.sh {' '.join(map(str, more))}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def deploy(namespace, *more):
        extra = ["--namespace", namespace, "--url", options.url]
        for option, value in (("--load", options.load), ("--image", options.image), ("--chart", options.chart)):
            if value:
                extra += [option, value]
        return call(*extra, *more)

    options.deploy, options.remove = deploy, lambda namespace: call("--down", "--namespace", namespace)


def main(arguments=None):
    options = parse(arguments)
    deployer(options)
    report = Report()
    only, skip = set(filter(None, options.only.split(","))), set(options.skip.split(","))
    with tempfile.TemporaryDirectory(prefix="podring-e2e-") as scratch:
        folder = pathlib.Path(options.keep_logs or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        cluster = Cluster(options.context, "podring", options.node_exec, options.node_stop, options.node_start, options.load)
        if cluster.kubectl("get", "namespace", "podring", "--ignore-not-found"):
            options.remove("podring")
        ring = Ring(options, report, cluster, folder)
        try:
            begin = time.monotonic()
            options.deploy("podring", "--replicas", "3")
            report.row("local-deploy.sh on an empty cluster", True, f"{time.monotonic() - begin:.0f} s")
            agreed = ring.settle(3)
            report.row("3 pods share one view", True, f"{max(agreed, 0):.1f} s after the rollout")
            for name, check in CHECKS:
                if name in skip or (only and name not in only):
                    continue
                try:
                    check(ring)
                except (Trouble, OSError, subprocess.TimeoutExpired) as trouble:
                    report.row(name, False, str(trouble)[-500:])
        finally:
            ring.stop()
            if options.report:
                report.write_markdown(options.report)
    print(f"{report.count('ok')} passed, {report.count('FAIL')} failed, {report.count('skipped')} skipped")
    return 1 if report.count("FAIL") else 0


if __name__ == "__main__":
    sys.exit(main())
